"""A gateway that is killed loses nothing that was promised; the long form is ``python -m tests.drill events``."""

from __future__ import annotations

from tests.e2e.outbox_drill import drill
from tests.e2e.outbox_trouble import damaged, full_disk

KILLS = 2


def test_what_was_promised_survives_kills_clocks_that_leap_and_a_receiver_with_moods() -> None:
    assert "none lost, none forged" in drill(KILLS, seed=7)


def test_a_full_disk_refuses_in_words_and_loses_nothing_it_took() -> None:
    full_disk(1)


def test_a_damaged_file_is_begun_anew_with_the_same_webhooks() -> None:
    assert "webhook kept" in damaged()
