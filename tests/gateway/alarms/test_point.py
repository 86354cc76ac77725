"""One alarm: what it may do with what it is told, whatever that is."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.alarms.conditions import ANSWERED, UNREACHABLE
from gateway.alarms.point import Point, Turn
from gateway.core.reading import Quality, Reading, Reason, Sample, Value
from gateway.core.timeline import Era
from gateway.settings.alarm_model import AlarmSettings
from gateway.settings.alarm_tags import AlarmPoint

ERA = Era(0.0, synchronised=True)
TAG = "bus/boiler/flow"
BAD = (Reason.NO_ANSWER, Reason.LINK_DOWN, Reason.ILLEGAL_ADDRESS, Reason.OUT_OF_RANGE, Reason.NOT_YET_READ)


def good(value: Value, at: float, tag: str = TAG) -> Reading:
    return Reading(tag, value, Quality.GOOD, None, Sample(at, ERA, 1), value)


def poor(reason: Reason, at: float | None = None, value: Value | None = None, tag: str = TAG) -> Reading:
    quality = Quality.UNCERTAIN if reason in {Reason.STALE, Reason.LATE_POSSIBLE} else Quality.BAD
    shown = value if quality is Quality.UNCERTAIN else None
    return Reading(tag, shown, quality, reason, None if at is None else Sample(at, ERA, 1), value)


def point(*tags: str, **keys: Any) -> Point:
    alarm = AlarmSettings(name="a", tag=None if "device_down" in keys else TAG, **keys)
    return Point(AlarmPoint(alarm, alarm.device_down or TAG, tags or (TAG,)))


@dataclass
class Bench:
    """Feeds a point as the service does: what was read, and when it is due what the tag says then."""

    point: Point
    now: float = 0.0
    last: Reading | None = None
    polled: bool = False
    turns: list[tuple[float, Turn, Reading]] = field(default_factory=list)

    def until(self, then: float) -> None:
        while self.last is not None and self.point.due <= then:
            self.now = max(self.now, self.point.due)
            again = self.polled and self.last.quality is Quality.GOOD
            self.feed(replace(self.last, sample=Sample(self.now, ERA, 1)) if again else self.last)
        self.now = then

    def feed(self, reading: Reading) -> None:
        self.last = reading
        turn = self.point.feed(reading, self.now)
        if turn is not None:
            self.turns.append((self.now, turn, reading))


Fed = tuple[float, int | Reason]
FED = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.0, 5.0, 7.5]),
        st.one_of(
            st.integers(70, 90), st.integers(70, 90), st.sampled_from([*BAD, Reason.STALE, Reason.LATE_POSSIBLE])
        ),
    ),
    max_size=60,
)
DELAYS = st.sampled_from([0.0, 1.0, 4.0])


def run(bench: Bench, steps: list[Fed]) -> list[tuple[float, Reading]]:
    told = []
    for pause, what in steps:
        bench.until(bench.now + pause)
        reading = poor(what, bench.now, 80) if isinstance(what, Reason) else good(what, bench.now)
        bench.feed(reading)
        told.append((bench.now, reading))
    bench.until(bench.now + 20.0)
    return told


def held(told: list[tuple[float, Reading]], start: float, end: float, *, above: float | None, below: float) -> bool:
    """Whether all that was known from ``start`` to ``end`` was good, and above or at most some limit."""
    known = [reading for at, reading in told if at <= start][-1:]
    known += [reading for at, reading in told if start < at < end]
    return bool(known) and all(
        reading.quality is Quality.GOOD
        and isinstance(reading.value, int)
        and (reading.value > above if above is not None else reading.value <= below)
        for reading in known
    )


@settings(max_examples=400, deadline=None)
@given(FED, DELAYS, DELAYS, st.sampled_from([0.0, 3.0]))
def test_a_limit_never_raises_early_and_never_clears_on_what_is_not_known(
    steps: list[Fed], delay: float, off_delay: float, hysteresis: float
) -> None:
    bench = Bench(point(high=80.0, delay=delay, off_delay=off_delay, hysteresis=hysteresis))
    told = run(bench, steps)
    turns = [turn for _, turn, _ in bench.turns]
    assert turns == [Turn.RAISED, Turn.CLEARED] * (len(turns) // 2) + [Turn.RAISED] * (len(turns) % 2)
    for at, turn, reading in bench.turns:
        assert reading.quality is Quality.GOOD
        assert isinstance(reading.value, int)
        if turn is Turn.RAISED:
            assert reading.value > 80
            assert delay == 0 or held(told, at - delay, at, above=80, below=0)
        else:
            # The whole band lies between raising and clearing.
            assert reading.value <= 80 - hysteresis
            assert off_delay == 0 or held(told, at - off_delay, at, above=None, below=80 - hysteresis)


@settings(max_examples=200, deadline=None)
@given(FED, DELAYS)
def test_a_limit_is_raised_as_soon_as_its_delay_is_over(steps: list[Fed], delay: float) -> None:
    bench = Bench(point(low=80.0, delay=delay))
    run(bench, steps)
    last = bench.last
    assert last is not None or not steps
    if last is not None and last.quality is Quality.GOOD and isinstance(last.value, int):
        assert bench.point.active is (last.value < 80)


@settings(max_examples=200, deadline=None)
@given(FED, DELAYS, st.sampled_from(["up", "down", "any"]))
def test_a_rate_alarm_judges_good_values_only(steps: list[Fed], delay: float, direction: str) -> None:
    bench = Bench(point(rate=5.0, per=6.0, direction=direction, delay=delay, off_delay=1.0))
    run(bench, steps)
    assert all(reading.quality is Quality.GOOD for _, _, reading in bench.turns)


@settings(max_examples=200, deadline=None)
@given(FED, DELAYS)
def test_whatever_happens_no_alarm_on_a_tag_clears_but_on_a_good_value(steps: list[Fed], delay: float) -> None:
    for keys in ({"stale": 3.0}, {"not_good": True}, {"equals": 80}):
        bench = Bench(point(off_delay=delay, **keys))
        run(bench, steps)
        assert all(reading.quality is Quality.GOOD for _, turn, reading in bench.turns if turn is Turn.CLEARED)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(79.01, 82.0), min_size=2, max_size=50))
def test_hysteresis_does_not_chatter(values: list[float]) -> None:
    bench = Bench(point(high=82.0 - 2.0, hysteresis=1.0))
    for number, value in enumerate([81.0, *values]):
        bench.until(float(number))
        bench.feed(good(value, bench.now))
    assert [turn for _, turn, _ in bench.turns] == [Turn.RAISED]


def test_a_value_on_the_limit_raises_nothing_and_one_at_the_end_of_the_band_clears() -> None:
    high, low = Bench(point(high=80.0, hysteresis=5.0)), Bench(point(low=10.0, hysteresis=5.0))
    for value in (80, 80.1, 75.1, 75):
        high.feed(good(value, 0.0))
    assert [(turn, reading.value) for _, turn, reading in high.turns] == [(Turn.RAISED, 80.1), (Turn.CLEARED, 75)]
    for value in (10, 9.9, 14.9, 15):
        low.feed(good(value, 0.0))
    assert [(turn, reading.value) for _, turn, reading in low.turns] == [(Turn.RAISED, 9.9), (Turn.CLEARED, 15)]


def test_what_is_not_known_freezes_and_says_why() -> None:
    bench = Bench(point(high=80.0))
    assert bench.point.frozen
    bench.feed(good(90, 0.0))
    assert (bench.point.frozen, bench.point.reason, bench.point.seen) == (False, None, 90)
    bench.feed(poor(Reason.NO_ANSWER, 0.0, 20))
    assert (bench.point.frozen, bench.point.reason, bench.point.seen) == (True, "no_answer", None)
    assert bench.point.active


@pytest.mark.parametrize(("wanted", "other"), [(True, 1), (1, True), (0, False), ("on", True)])
def test_true_is_not_one(wanted: Value, other: Value) -> None:
    bench = Bench(point(equals=wanted))
    bench.feed(good(other, 0.0))
    bench.feed(good(wanted, 0.0))
    assert [reading.value for _, _, reading in bench.turns] == [wanted]


def test_silence_is_counted_from_the_last_value_or_from_when_it_is_watched() -> None:
    bench = Bench(point(stale=30.0), now=1000.0)
    bench.feed(poor(Reason.NOT_YET_READ, 400.0, 5))
    bench.until(1029.9)
    assert bench.turns == []
    bench.until(1030.1)
    assert [(at, turn) for at, turn, _ in bench.turns] == [(1030.0, Turn.RAISED)]
    assert bench.point.seen == 630.0
    bench.feed(poor(Reason.LATE_POSSIBLE, 1030.1, 5))
    assert bench.point.active
    bench.feed(good(5, 1030.1))
    assert [turn for _, turn, _ in bench.turns] == [Turn.RAISED, Turn.CLEARED]
    assert bench.point.due == 1060.1


def test_an_equal_value_that_nobody_is_told_of_ends_a_silence() -> None:
    bench = Bench(point(stale=30.0))
    bench.feed(good(5, 0.0))
    bench.until(30.0)
    assert bench.point.active
    # The store renews the time of an equal value; the alarm looks for itself while the value is called good.
    bench.last = good(5, 30.5)
    bench.until(32.0)
    assert [(at, turn) for at, turn, _ in bench.turns] == [(30.0, Turn.RAISED), (31.0, Turn.CLEARED)]


def test_not_good_is_known_from_the_first_reading_on() -> None:
    bench = Bench(point(not_good=True))
    bench.feed(poor(Reason.NOT_YET_READ))
    assert bench.point.frozen
    bench.feed(poor(Reason.STALE, 0.0, 3))
    assert (bench.point.active, bench.point.seen) == (True, "stale")
    bench.feed(poor(Reason.NO_ANSWER, 0.0))
    assert (bench.point.active, bench.point.seen) == (True, "no_answer")
    bench.feed(good(3, 0.0))
    assert (bench.point.active, bench.point.seen) == (False, "good")


def test_a_rate_alarm_clears_when_the_step_has_left_its_window() -> None:
    bench = Bench(point(rate=5.0, per=60.0), polled=True)
    bench.feed(good(10, 0.0))
    bench.until(20.0)
    bench.feed(good(16, 20.0))
    assert (bench.point.active, bench.point.seen) == (True, 6)
    bench.until(79.9)
    assert bench.point.active
    bench.until(80.0)
    assert [(at, turn) for at, turn, _ in bench.turns] == [(20.0, Turn.RAISED), (80.0, Turn.CLEARED)]
    assert bench.point.seen == 0


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0.9, 1.1), min_size=10, max_size=60), st.integers(2, 5))
def test_a_steady_slope_does_not_chatter_however_the_polls_fall(pauses: list[float], per: int) -> None:
    bench = Bench(point(rate=10.0 * (per - 0.6), per=float(per)))
    for pause in pauses:
        # The window moves on with what is read, and not in the pauses.
        bench.until(bench.now + pause)
        bench.feed(good(10.0 * bench.now, bench.now))
    assert Turn.CLEARED not in [turn for _, turn, _ in bench.turns]


def test_a_rate_alarm_from_before_does_not_clear_before_its_whole_window_was_seen() -> None:
    alarm = AlarmSettings(name="a", tag=TAG, rate=5.0, per=60.0)
    bench = Bench(Point(AlarmPoint(alarm, TAG, (TAG,)), active=True), polled=True)
    bench.feed(good(10, 0.0))
    assert (bench.point.active, bench.point.frozen) == (True, True)
    bench.until(59.9)
    assert bench.point.active
    bench.until(60.0)
    assert not bench.point.active


def test_a_tag_that_is_read_from_elsewhere_begins_anew() -> None:
    fast, gone = Bench(point(rate=5.0, per=60.0)), Bench(point(stale=30.0))
    for bench in (fast, gone):
        bench.feed(good(10, 0.0))
        bench.now = 20.0
        bench.feed(poor(Reason.NOT_YET_READ))
        bench.now = 45.0
        bench.feed(poor(Reason.NOT_YET_READ))
        assert bench.turns == []
    fast.feed(good(100, 45.0))
    assert (fast.turns, fast.point.seen) == ([], 0)
    gone.until(50.0)
    assert [(at, turn) for at, turn, _ in gone.turns] == [(50.0, Turn.RAISED)]


def test_a_change_that_no_number_can_say_is_not_said() -> None:
    bench = Bench(point(rate=5.0, per=60.0))
    bench.feed(good(-1.7e308, 0.0))
    bench.feed(good(1.7e308, 0.0))
    assert (bench.point.active, bench.point.seen) == (True, None)


A, B = "bus/boiler/a", "bus/boiler/b"


def test_a_device_is_down_when_none_of_its_tags_says_anything_else() -> None:
    bench = Bench(point(A, B, device_down="bus/boiler"))
    bench.feed(poor(Reason.NOT_YET_READ, tag=A))
    assert bench.point.frozen
    bench.feed(good(1, 0.0, A))
    bench.feed(good(1, 0.0, B))
    bench.feed(poor(Reason.NO_ANSWER, tag=A))
    assert (bench.point.active, bench.point.seen) == (False, "reachable")
    bench.feed(poor(Reason.NO_ANSWER, tag=B))
    assert (bench.point.active, bench.point.seen) == (True, "no_answer")
    bench.feed(poor(Reason.LINK_DOWN, tag=A))
    assert (bench.point.active, bench.point.seen) == (True, "link_down")
    bench.feed(good(1, 0.0, A))
    assert (bench.point.active, bench.point.seen) == (False, "reachable")


def test_a_refusal_is_an_answer_and_age_says_nothing() -> None:
    bench = Bench(point(A, B, device_down="bus/boiler"))
    bench.feed(poor(Reason.NO_ANSWER, tag=A))
    bench.feed(poor(Reason.NO_ANSWER, tag=B))
    bench.feed(poor(Reason.ILLEGAL_ADDRESS, tag=A))
    assert not bench.point.active
    # B was not asked since; that it did not answer then is no news.
    bench.feed(poor(Reason.STALE, 0.0, 1, tag=A))
    assert (bench.point.active, bench.point.frozen) == (False, True)
    bench.feed(poor(Reason.NO_ANSWER, 0.0, 1, tag=A))
    bench.feed(poor(Reason.BROKEN_ANSWER, 0.0, 1, tag=A))
    assert (bench.point.active, bench.point.frozen) == (True, True)
    assert not ANSWERED & UNREACHABLE


def test_several_tags_are_judged_together() -> None:
    found = point(A, B, device_down="bus/boiler")
    assert found.feed_all([poor(Reason.NO_ANSWER, tag=A), good(1, 0.0, B)], 0.0) is None
    assert not found.active
    assert found.feed_all([], 0.0) is None
    assert found.due == math.inf
