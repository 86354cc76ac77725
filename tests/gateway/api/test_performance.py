"""Figures are measured over five minutes, and null where nothing was."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.api.performance import Performance


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_nothing_measured_is_null() -> None:
    clock = Clock()
    performance = Performance(clock)
    assert set(performance.figures().values()) == {None}
    clock.now += 10
    assert performance.figures() == {"averageResponseTime": None, "requestsPerSecond": 0.0, "errorRate": None}


def test_mean_in_ms_rate_per_second_and_share_of_faults() -> None:
    clock = Clock()
    performance = Performance(clock)
    for number in range(4):
        performance.note(0.010 * number, fault=number == 0)
    clock.now += 8
    assert performance.figures() == {"averageResponseTime": 15.0, "requestsPerSecond": 0.5, "errorRate": 0.25}
    assert performance.uptime == 8


def test_what_is_older_than_five_minutes_does_not_count() -> None:
    clock = Clock()
    performance = Performance(clock)
    performance.note(9.0, fault=True)
    clock.now += 301
    performance.note(0.001, fault=False)
    assert performance.figures() == {
        "averageResponseTime": 1.0,
        "requestsPerSecond": round(1 / 300, 4),
        "errorRate": 0.0,
    }
    clock.now += 1000
    assert performance.figures()["averageResponseTime"] is None


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 10), st.booleans()), min_size=1))
def test_figures_stay_within_what_was_noted(noted: list[tuple[float, float, bool]]) -> None:
    clock = Clock()
    performance = Performance(clock)
    for pause, took, fault in noted:
        clock.now += pause
        performance.note(took, fault=fault)
    figures = performance.figures()
    assert figures["errorRate"] is not None
    assert 0 <= figures["errorRate"] <= 1
    assert figures["averageResponseTime"] is not None
    assert figures["averageResponseTime"] <= 1000 * max(took for _, took, _ in noted) + 0.001
