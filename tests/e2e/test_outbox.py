"""A gateway that is killed loses nothing that was acknowledged; the long form is ``python -m tests.drill events``."""

from __future__ import annotations

from tests.e2e.outbox_drill import drill

KILLS = 4


def test_what_was_acknowledged_survives_kills_and_a_receiver_with_moods() -> None:
    assert "none lost, none forged" in drill(KILLS, seed=7)
