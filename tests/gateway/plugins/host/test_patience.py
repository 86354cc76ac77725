"""Pauses grow, are capped and jittered, and who is out of lives is parked."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.supervise import Lives
from gateway.plugins.host.patience import Patience

LIVES = Lives(restarts=3, window=600, pause=1, parked=600)


def test_pauses_double_until_it_is_parked_and_then_begin_anew() -> None:
    patience = Patience(LIVES, 60)
    pauses = [patience.fell(now, 0.5) for now in range(5)]
    assert [(pause.seconds, pause.parked) for pause in pauses] == [
        (1, False),
        (2, False),
        (4, False),
        (600, True),
        (1, False),
    ]


def test_who_falls_seldom_is_never_parked() -> None:
    patience = Patience(LIVES, 60)
    assert {patience.fell(now * 601.0, 0.5).seconds for now in range(50)} == {1}


def test_no_pause_is_longer_than_the_longest() -> None:
    patience = Patience(Lives(restarts=20), 60)
    assert max(patience.fell(now, 0.5).seconds for now in range(20)) == pytest.approx(60)


@settings(max_examples=50)
@given(st.floats(0, 1))
def test_jitter_is_a_fifth(chance: float) -> None:
    assert 0.8 <= Patience(LIVES, 60).fell(0, chance).seconds <= 1.2
