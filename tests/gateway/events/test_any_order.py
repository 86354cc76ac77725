"""Whatever comes, in whatever order, on whatever disk: numbers rise, and what was acknowledged is there."""

from __future__ import annotations

from dataclasses import dataclass, field

import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from gateway.core.errors import GatewayError
from gateway.core.events import Event
from tests.gateway.events.board import Board

KEPT, MOMENT, LAZY = "device:down", "system:health", "tag:changed"
STEPS = st.one_of(
    st.tuples(st.just("announce"), st.sampled_from([KEPT, MOMENT, LAZY])),
    st.tuples(st.just("accept"), st.sampled_from([0.001, 0.03, 0.2, 100.0])),
    st.tuples(st.just("moment"), st.just(0)),
    st.tuples(st.just("sleep"), st.sampled_from([0.0, 0.005, 0.02, 0.1, 0.7, 3.0])),
    st.tuples(st.just("slowness"), st.sampled_from([0.0, 0.01, 0.15, 1.2, 4.0])),
    st.tuples(st.just("trouble"), st.booleans()),
)


@dataclass
class Seen:
    acknowledged: list[Event] = field(default_factory=list)
    refused: int = 0
    # For each acknowledged event whether it was on the disk at that moment.
    too_early: list[Event] = field(default_factory=list)


async def play(steps: list[tuple[str, object]]) -> tuple[Board, Seen]:
    board, seen = Board(), Seen()
    board.journal.keep = lambda event: event.type == LAZY

    async def call(number: int, patience: float) -> None:
        with trio.move_on_after(patience):
            try:
                event = await board.journal.accept("user:action", {"number": number})
            except GatewayError:
                seen.refused += 1
                return
            seen.acknowledged.append(event)
            if event not in board.disk.events:
                seen.too_early.append(event)

    async with trio.open_nursery() as nursery, trio.open_nursery() as callers:
        nursery.start_soon(board.journal.run)
        for number, (what, value) in enumerate(steps):
            if what == "announce":
                board.journal.announce(str(value), {"number": number})
            elif what == "accept":
                assert isinstance(value, float)
                callers.start_soon(call, number, value)
            elif what == "moment":
                await board.journal.accept("user:moment", {}, kept=False)
            elif what == "sleep":
                assert isinstance(value, float)
                await trio.sleep(value)
            elif what == "slowness":
                assert isinstance(value, float)
                board.disk.slowness = value
            else:
                board.disk.trouble = "no room" if value else None
            # Nobody ever hears of what is to be kept before it is there, as long as the disk takes data in time.
            if not {("trouble", True), ("slowness", 4.0)} & set(steps[: number + 1]):
                kept = {event.sequence for event in board.told if event.type in {KEPT, "user:action"}}
                assert kept <= set(board.disk.numbers)
        board.disk.trouble = None
        await trio.sleep(60)
        nursery.cancel_scope.cancel()
    return board, seen


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, max_size=40))
def test_any_order_on_any_disk(steps: list[tuple[str, object]]) -> None:
    board, seen = trio.run(play, steps, clock=MockClock(autojump_threshold=0))
    # In the order of numbers, each once, for listeners and on the disk.
    assert board.numbers == sorted(set(board.numbers))
    assert board.disk.numbers == sorted(set(board.disk.numbers))
    assert seen.too_early == []
    assert all(event in board.told for event in seen.acknowledged)
    # All that happened here was told, and all of it that is to be kept is on the disk.
    announced = [value for what, value in steps if what == "announce"]
    ours = [event.type for event in board.told if event.type in {KEPT, MOMENT, LAZY}]
    assert sorted(ours) == sorted(str(value) for value in announced)
    kept = [event for event in board.told if event.type not in {MOMENT, "user:moment"}]
    assert kept == board.disk.events
    # Whom nobody answered may be there or not; whoever was refused is not.
    there = sum(event.type == "user:action" for event in board.disk.events)
    asked = sum(what == "accept" for what, _ in steps)
    assert len(seen.acknowledged) <= there <= asked - seen.refused
    assert board.journal.waiting == board.journal._asked == board.journal._untold == 0
    assert board.journal.given_up == 0
