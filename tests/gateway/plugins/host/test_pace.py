"""Whoever talks too fast is read later, and never slower than the pace allows."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.plugins.host.pace import Pace, Rate

RATE = Rate(lines=10, bytes=1000, burst=2)


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3000), st.floats(0, 2)), max_size=40))
def test_over_any_time_no_more_than_the_pace_and_a_burst(talk: list[tuple[int, int, float]]) -> None:
    pace, now, lines, size = Pace(RATE), 0.0, 0, 0
    for more_lines, more_bytes, idle in talk:
        now += idle
        lines, size = lines + more_lines, size + more_bytes
        now += pace.wait(now, more_lines, more_bytes)
        assert lines <= 10 * (now + 2) + 1e-6
        assert size <= 1000 * (now + 2) + 1e-6


def test_who_talks_slowly_never_waits() -> None:
    pace = Pace(RATE)
    assert [pace.wait(second, 10, 1000) for second in range(100)] == [0.0] * 100


def test_a_long_silence_saves_up_no_more_than_a_burst() -> None:
    pace = Pace(RATE)
    pace.wait(0, 1, 1)
    assert pace.wait(1000, 20, 0) == 0.0
    assert pace.wait(1000, 10, 0) == pytest.approx(1.0)
