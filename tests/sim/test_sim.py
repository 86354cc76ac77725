"""The whole field side on virtual time: eight lines, a hundred devices, and everything that goes wrong with them."""

from __future__ import annotations

import pytest

from tests.sim.run import simulate

pytestmark = pytest.mark.sim

# A run in which these did not happen has proved less than it says.
TROUBLES = {
    "silent", "busy", "wrong_unit", "wrong_function", "lost", "late", "corrupt", "truncated", "noise", "noise_before",
    "duplicate", "collision", "no_such_unit", "unplugged", "replugged", "reload", "device:down", "device:up",
    "lever:stretch", "lever:bound", "lever:reopen", "lever:relearn", "lever:restart", "read:None",
    "write:confirmed", "write:refused", "write:not_sent", "write:unknown", "lease:safe",
}  # fmt: skip


def test_ten_minutes_of_a_hundred_devices() -> None:
    report = simulate(1, 10.0)
    assert report.numbers["devices"] == 100
    assert report.numbers["tags"] > 500
    assert report.numbers["readings verified"] > 100_000
    assert report.numbers["history rows compared"] > 500
    assert report.tally.keys() >= TROUBLES


@pytest.mark.parametrize("seed", [2, 3])
def test_the_same_seed_gives_the_same_trace(seed: int) -> None:
    first, second = simulate(seed, 0.5, scale=0.5), simulate(seed, 0.5, scale=0.5)
    assert (first.digest, first.numbers["exchanges"]) == (second.digest, second.numbers["exchanges"])
    assert first.tally == second.tally


def test_another_seed_gives_another_plant() -> None:
    assert simulate(4, 0.2, scale=0.5).digest != simulate(5, 0.2, scale=0.5).digest
