"""Changes of tags as events: none too often, none too late, and none while nobody wants them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

import msgspec
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from gateway.core.catalogue import CATALOGUE
from gateway.core.reading import Reason, Value
from gateway.core.tags import Cell, Tag, TagStore
from gateway.events.tag_watch import IDLE_S, TagWatch
from tests.gateway.events.board import Board

FLOW, STATE = "bus/pump/flow", "bus/pump/state"


class Field:
    """A pump with two tags, and a journal that somebody listens to."""

    def __init__(self, interval: float = 1.0, deadband: float = 0.0) -> None:
        self.board = Board()
        self.tags = TagStore(trio.current_time, self.board.timeline)
        tags = [
            Tag(FLOW, "float32", "l/min", deadband=deadband, stale_after=1e9),
            Tag(STATE, "uint16", stale_after=1e9),
        ]
        self.cells: list[Cell] = self.tags.add(tags)
        self.interval = interval
        self.wanted = True
        self.board.journal.wanted.append(lambda type_: self.wanted and type_ == "tag:changed")
        self.watch = TagWatch(self.tags, self.board.journal, lambda: self.interval)

    def apply(self, flow: Value | Reason, state: Value | Reason = 1) -> None:
        self.tags.apply(self.cells, [flow, state], trio.current_time())

    def told(self, tag: str = FLOW) -> list[tuple[float, object]]:
        """When, since the field was made, and what."""
        begun = self.board.timeline.era.offset
        return [(round(e.time - begun, 3), e.data["value"]) for e in self.board.told if e.data["tag"] == tag]


@asynccontextmanager
async def watched(interval: float = 1.0, deadband: float = 0.0) -> AsyncIterator[Field]:
    field = Field(interval, deadband)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(field.watch.run)
        await trio.testing.wait_all_tasks_blocked()
        yield field
        nursery.cancel_scope.cancel()


async def test_a_change_says_all_there_is_to_know_of_a_tag(autojump_clock: MockClock) -> None:
    async with watched() as field:
        field.apply(1.5)
        await trio.sleep(0.1)
        field.tags.fail(field.cells, Reason.NO_ANSWER)
        await trio.sleep(2)
    good, bad = [event for event in field.board.told if event.data["tag"] == FLOW]
    acquired = good.data["timestamp"]
    assert dict(good.data) == {
        "tag": FLOW,
        "value": 1.5,
        "quality": "good",
        "reason": None,
        "timestamp": acquired,
        "clock": "synchronised",
        "sequence": 1,
        "units": "l/min",
    }
    # A dead device's value is not passed off as a measurement, and keeps its own time.
    assert (bad.data["value"], bad.data["quality"], bad.data["reason"]) == (None, "bad", "no_answer")
    assert bad.data["timestamp"] == acquired
    data = CATALOGUE["tag:changed"].data
    assert data is not None
    for event in field.board.told:
        msgspec.convert(event.data, data, strict=True)


async def test_the_first_change_is_told_at_once_and_the_newest_at_the_end_of_the_interval(
    autojump_clock: MockClock,
) -> None:
    async with watched() as field:
        for value in range(15):
            field.apply(float(value))
            await trio.sleep(0.11)
        await trio.sleep(5)
        assert field.told() == [(0.0, 0.0), (1.0, 9.0), (2.0, 14.0)]
        field.apply(99.0)
        await trio.sleep(0.01)
        assert field.told()[-1] == (6.65, 99.0)


async def test_each_tag_has_an_interval_of_its_own(autojump_clock: MockClock) -> None:
    async with watched() as field:
        field.apply(1.0, 1)
        await trio.sleep(0.5)
        field.apply(2.0, 1)
        await trio.sleep(0.7)
        field.apply(2.0, 5)
        await trio.sleep(5)
        assert field.told(FLOW) == [(0.0, 1.0), (1.0, 2.0)]
        assert field.told(STATE) == [(0.0, 1), (1.2, 5)]


async def test_without_an_interval_each_change_is_told(autojump_clock: MockClock) -> None:
    async with watched(interval=0.0) as field:
        for value in range(5):
            field.apply(float(value))
        await trio.sleep(1)
        assert [value for _, value in field.told()] == [0.0, 1.0, 2.0, 3.0, 4.0]


async def test_nothing_is_announced_while_nobody_wants_it(autojump_clock: MockClock) -> None:
    async with watched() as field:
        field.wanted = False
        await trio.sleep(3 * IDLE_S)
        before = field.board.source.last_sequence
        for value in range(50):
            field.apply(float(value))
            await trio.sleep(0.5)
        assert field.board.source.last_sequence == before


async def test_whoever_subscribes_misses_nothing_of_the_moment_until_it_is_noticed(autojump_clock: MockClock) -> None:
    async with watched() as field:
        field.wanted = False
        await trio.sleep(10 * IDLE_S + 0.3)
        field.apply(1.0)
        await trio.sleep(2 * IDLE_S)
        field.wanted = True
        field.apply(2.0)
        await trio.sleep(IDLE_S + 0.1)
        assert [value for _, value in field.told()] == [2.0]


async def test_what_waited_when_the_last_one_left_is_not_told_to_the_next(autojump_clock: MockClock) -> None:
    async with watched(interval=60.0) as field:
        field.apply(1.0)
        await trio.sleep(0.1)
        field.apply(2.0)
        await trio.sleep(0.1)
        field.wanted = False
        await trio.sleep(5 * IDLE_S)
        field.apply(3.0)
        await trio.sleep(5 * IDLE_S)
        field.wanted = True
        await trio.sleep(300)
        assert [value for _, value in field.told()] == [1.0]


async def test_a_value_that_became_doubtful_unseen_is_told(autojump_clock: MockClock) -> None:
    async with watched() as field:
        field.apply(1.0, 0)
        await trio.sleep(5)
        for value in range(3000):
            field.apply(1.0, value)
        field.tags.doubt(field.cells, [1.0, 0], trio.current_time(), Reason.LATE_POSSIBLE)
        await trio.sleep(5)
        last = [event for event in field.board.told if event.data["tag"] == FLOW][-1]
        assert (last.data["value"], last.data["quality"], last.data["reason"]) == (1.0, "uncertain", "late_possible")


async def test_a_listener_that_fell_behind_is_told_of_what_it_missed(autojump_clock: MockClock) -> None:
    async with watched() as field:
        field.apply(1.0, 1)
        await trio.sleep(5)
        # Far more than the queue takes, in one moment.
        for value in range(3000):
            field.apply(float(value), 1)
        await trio.sleep(5)
        assert field.told()[-1][1] == 2999.0
        assert field.tags.changes.cuts == 1
        # The other one did not change, and nothing is said of it.
        assert field.told(STATE) == [(0.0, 1)]


async def test_the_deadband_holds_after_a_cut_too(autojump_clock: MockClock) -> None:
    async with watched(deadband=1.0) as field:
        field.apply(10.0)
        await trio.sleep(5)
        for value in range(3000):
            field.apply(10.0, value)
        field.apply(10.9, 0)
        await trio.sleep(5)
        assert field.told(FLOW) == [(0.0, 10.0)]
        assert field.told(STATE)[-1][1] == 0


async def test_a_tag_that_is_gone_says_nothing_more(autojump_clock: MockClock) -> None:
    async with watched() as field:
        field.apply(1.0)
        field.apply(2.0)
        await trio.sleep(0.1)
        field.tags.remove([FLOW])
        await trio.sleep(5)
        assert field.told(FLOW) == [(0.0, 1.0)]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.4, 1.0, 1.7]), st.integers(0, 4), st.integers(0, 2)), max_size=40),
    st.sampled_from([0.0, 0.5, 1.0]),
)
def test_no_tag_too_often_and_none_too_late(steps: list[tuple[float, int, int]], interval: float) -> None:
    async def play() -> None:
        async with watched(interval) as field:
            changed: dict[str, list[tuple[float, object]]] = {FLOW: [], STATE: []}
            begun = trio.current_time()
            for pause, flow, state in steps:
                await trio.sleep(pause)
                for tag, value in ((FLOW, flow), (STATE, state)):
                    if not changed[tag] or changed[tag][-1][1] != value:
                        changed[tag].append((trio.current_time() - begun, value))
                field.apply(flow, state)
            await trio.sleep(5)
            for tag, changes in changed.items():
                told = field.told(tag)
                assert [value for _, value in told][-1:] == [value for _, value in changes][-1:]
                times = [at for at, _ in told]
                assert all(b - a >= interval - 0.002 for a, b in pairwise(times))
                for at, _ in changes:
                    assert any(at - 0.002 <= when <= at + interval + 0.002 for when in times)
                for when, said in told:
                    newest = [v for at, v in changes if at <= when + 0.002]
                    assert said in newest

    trio.run(play, clock=MockClock(autojump_threshold=0))


async def test_a_new_interval_holds_from_the_next_change_on(autojump_clock: MockClock) -> None:
    async with watched(interval=10.0) as field:
        field.apply(1.0)
        await trio.sleep(0.1)
        field.interval = 0.5
        field.apply(2.0)
        await trio.sleep(20)
        for value in range(3, 7):
            field.apply(float(value))
            await trio.sleep(0.5)
        assert [value for _, value in field.told()] == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
