"""The change of a value within a stretch of time, held against looking at every moment of it."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.alarms.change import GRAINS, Change

PER = 10.0
Step = tuple[float, float | None]
STEPS = st.lists(
    st.tuples(
        st.floats(0.01, 4.0, allow_nan=False),
        st.one_of(st.none(), st.integers(-50, 50).map(float)),
    ),
    min_size=1,
    max_size=60,
)


def seen_within(steps: list[Step], now: float, span: float) -> list[float]:
    """Every value that was known at some moment of the last ``span`` seconds."""
    at, found = 0.0, []
    moments = []
    for pause, value in steps:
        at += pause
        moments.append((at, value))
    ends = [begun for begun, _ in moments[1:]] + [math.inf]
    for (begun, value), end in zip(moments, ends, strict=True):
        if value is not None and begun <= now and end > now - span:
            found.append(value)
    return found


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_it_is_what_the_values_of_the_window_say(steps: list[Step]) -> None:
    changes = {direction: Change(PER, direction) for direction in ("up", "down", "any")}
    now = 0.0
    for index, (pause, value) in enumerate(steps):
        now += pause
        for change in changes.values():
            if value is None:
                change.interrupt(now)
        if value is None:
            continue
        found = {name: change.take(value, now) for name, change in changes.items()}
        past = steps[: index + 1]
        exact = seen_within(past, now, PER - 1e-9)
        # What is too old by less than a grain may still count.
        loose = seen_within(past, now, PER * (1 + 1 / GRAINS) + 1e-9)
        assert value - min(exact) <= found["up"] <= value - min(loose)
        assert max(exact) - value <= found["down"] <= max(loose) - value
        assert found["any"] == max(found["up"], found["down"])


@settings(max_examples=50, deadline=None)
@given(st.floats(0.0001, 0.01), st.integers(500, 2000))
def test_memory_does_not_grow_with_how_often_it_changes(pause: float, count: int) -> None:
    change = Change(1.0, "any")
    for number in range(count):
        change.take(float(number % 7), number * pause)
    assert len(change._grains) <= GRAINS + 2


def test_it_says_when_it_gets_less_and_from_when_it_is_known() -> None:
    change = Change(PER, "up")
    assert change.less_at == math.inf
    assert change.take(1.0, 100.0) == 0.0
    assert change.whole_at == 110.0
    assert change.take(4.0, 103.0) == 3.0
    assert change.less_at == 113.0
    assert change.take(4.0, 112.9) == 3.0
    assert change.take(4.0, 113.0) == 0.0
    change.interrupt(114.0)
    assert change.whole_at == math.inf
    assert change.take(9.0, 120.0) == 5.0
    assert change.whole_at == 130.0
