"""Every answer of a running gateway is what its description says; the drill ``api`` asks many times as often."""

from __future__ import annotations

from tests.e2e.described import OPERATIONS, hold, open_to_many
from tests.e2e.site import Site


def test_who_may_do_everything_is_answered_as_described(site: Site) -> None:
    held = hold(open_to_many(site), ("fuzzing",), each=5, seed=1)
    assert not held.failed, held.words
    assert held.cases > 3 * OPERATIONS, held.words


def test_strangers_are_answered_as_described_and_let_in_nowhere(site: Site) -> None:
    held = hold(open_to_many(site), ("fuzzing",), each=2, seed=1, stranger=True)
    assert not held.failed, held.words
    assert held.cases > OPERATIONS, held.words
