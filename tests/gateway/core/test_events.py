"""Events are numbered once for ever, and their ids sort by time."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.events import EventSource, uuid7
from gateway.core.timeline import Timeline

NOON = 1_800_000_000.0


def source(
    reserved: int, kept: list[int], *, stride: int = 10, wall: float = NOON, synchronised: bool = True, leap: int = 0
) -> EventSource:
    timeline = Timeline(lambda: 0.0, lambda: wall, lambda: synchronised)
    return EventSource("ferrule-1", timeline, reserved, reserve=kept.append, stride=stride, leap=lambda: leap)


def test_an_event_says_who_when_and_what() -> None:
    event = source(0, []).make("device:down", {"line": "bus"})
    assert (event.gateway, event.sequence, event.type, event.time, event.clock) == (
        "ferrule-1",
        1,
        "device:down",
        NOON,
        "synchronised",
    )
    assert event.data == {"line": "bus"}
    assert uuid.UUID(event.id).version == 7


def test_numbers_are_reserved_before_they_are_used_and_in_strides() -> None:
    kept: list[int] = []
    events = source(0, kept, stride=3)
    used = []
    for _ in range(7):
        used.append(events.make("a:b", {}).sequence)
        assert kept[-1] >= used[-1]
    assert used == [1, 2, 3, 4, 5, 6, 7]
    assert kept == [3, 6, 9]


@given(st.lists(st.integers(0, 25), min_size=1, max_size=8), st.integers(1, 10))
def test_no_number_is_used_twice_over_any_restarts(lives: list[int], stride: int) -> None:
    kept = [0]
    used: list[int] = []
    for length in lives:
        events = source(kept[-1], kept, stride=stride)
        used.extend(events.make("a:b", {}).sequence for _ in range(length))
    assert used == sorted(set(used))


@given(
    st.lists(st.tuples(st.integers(0, 60), st.floats(0.001, 1e6)), min_size=2, max_size=8),
    st.integers(0, 7),
)
def test_no_number_is_used_twice_whatever_older_state_is_put_back(lives: list[tuple[int, float]], back: int) -> None:
    kept = [0]
    used: list[int] = []
    wall = NOON
    for life, (length, passes) in enumerate(lives):
        # The state of an earlier start, or of none: a new card.
        events = source(kept[life // 2 - back] if life // 2 >= back else 0, kept, wall=wall)
        events.skip_ahead()
        used.extend(events.make("a:b", {}).sequence for _ in range(length))
        wall += passes
    assert used == sorted(set(used))


def test_what_is_left_out_is_reserved_before_the_first_event() -> None:
    kept: list[int] = []
    events = source(0, kept)
    events.skip_ahead()
    assert kept == [int(NOON) * 1_000_000 + 10]
    assert events.make("a:b", {}).sequence == int(NOON) * 1_000_000 + 1


def test_a_clock_that_was_ahead_does_not_take_numbers_back() -> None:
    events = source(3_000_000_000_000_000, [])
    events.skip_ahead()
    assert events.make("a:b", {}).sequence == 3_000_000_000_000_001


def test_without_a_clock_to_trust_chance_decides_until_there_is_one() -> None:
    ignored: list[int] = []
    clock = {"wall": 0.0, "synchronised": False}
    timeline = Timeline(lambda: 0.0, lambda: float(clock["wall"]), lambda: bool(clock["synchronised"]))
    events = EventSource("ferrule-1", timeline, 100, reserve=ignored.append, stride=10, leap=lambda: 5000)
    events.skip_ahead()
    assert events.make("a:b", {}).sequence == 5101
    clock.update(wall=NOON, synchronised=True)
    assert timeline.look() is not None
    events.skip_ahead()
    assert events.make("a:b", {}).sequence == int(NOON) * 1_000_000 + 1
    by_chance = set()
    for _ in range(20):
        unsure = EventSource(
            "ferrule-1", Timeline(lambda: 0.0, lambda: 0.0, lambda: False), 0, reserve=ignored.append, stride=10
        )
        unsure.skip_ahead()
        by_chance.add(unsure.last_sequence)
    assert len(by_chance) > 10


@given(st.floats(0, 2**47 / 1000), st.floats(0, 2**47 / 1000))
def test_ids_are_version_7_and_sort_by_time(one: float, other: float) -> None:
    first, second = sorted((int(one * 1000), int(other * 1000)))
    ids = [uuid7((first + 0.5) / 1000), uuid7((second + 0.5) / 1000)]
    if first < second:
        assert ids == sorted(ids)
    for moment, text in zip((first, second), ids, strict=True):
        parsed = uuid.UUID(text)
        assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
        # RFC 9562, 5.7: the first 48 bits are Unix milliseconds.
        assert parsed.int >> 80 == moment


def test_ids_of_one_moment_are_all_different() -> None:
    assert len({uuid7(NOON) for _ in range(10_000)}) == 10_000
