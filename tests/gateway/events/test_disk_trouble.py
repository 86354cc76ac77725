"""A disk that does not take events: what happens here is still told, what others hand over is refused."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from gateway.core.errors import Code, GatewayError
from gateway.core.eventlog import Priority
from gateway.events import journal
from gateway.events.journal import CALM_S, GIVEN_UP, GROUPED_S, LATE_S, MOST_ASKED, NOT_KEPT, RETRY_S
from gateway.events.lanes import Lanes, Place
from tests.gateway.events.board import Board, event_of, running

DOWN: dict[str, object] = {"line": "bus", "device": "pump", "unit": 1, "reason": "no_answer"}
CHANGED: dict[str, object] = {"tag": "bus/pump/flow", "value": 1.0}


async def in_trouble(board: Board) -> None:
    board.disk.trouble = "no room"
    board.journal.announce("device:down", DOWN)
    await trio.sleep(RETRY_S / 2)


async def test_what_others_hand_over_is_refused_and_not_told(autojump_clock: MockClock) -> None:
    async with running() as board:
        board.disk.trouble = "no room"
        for _ in range(2):  # The first one tries the disk; the second one need not.
            with pytest.raises(GatewayError, match="no room") as raised:
                await board.journal.accept("user:action", {})
            assert raised.value.code is Code.UNAVAILABLE
        assert "user:action" not in board.types
        board.disk.trouble = None
        await trio.sleep(2 * RETRY_S)
        assert "user:action" not in board.types
        assert "user:action" not in board.disk.types
        await board.journal.accept("user:action", {})
        assert board.disk.types[-1] == board.types[-1] == "user:action"


async def test_what_happens_here_is_told_at_once_and_logged_when_the_disk_is_back(autojump_clock: MockClock) -> None:
    async with running() as board:
        await in_trouble(board)
        assert board.types[0] == "device:down"
        board.journal.announce("device:up", {**DOWN, "reason": None})
        board.journal.announce("tag:changed", CHANGED)
        assert board.types[-2:] == ["device:up", "tag:changed"]
        assert [event.type for event in board.journal.unlogged(0)] == ["device:down", "system:alert", "device:up"]
        await trio.sleep(60)
        assert board.disk.events == []
        board.disk.trouble = None
        await trio.sleep(2 * RETRY_S)
        assert board.disk.types == ["device:down", "system:alert", "device:up"]
        assert board.journal.unlogged(0) == []
        assert board.numbers == sorted(board.numbers)


async def test_it_is_announced_once_and_over_once(autojump_clock: MockClock) -> None:
    async with running() as board:
        await in_trouble(board)
        await trio.sleep(600)
        assert board.alert_states == [(NOT_KEPT, "firing")]
        board.disk.trouble = None
        await trio.sleep(RETRY_S)
        assert board.alert_states == [(NOT_KEPT, "firing")]
        await trio.sleep(2 * CALM_S)
        assert board.alert_states == [(NOT_KEPT, "firing"), (NOT_KEPT, "resolved")]
        assert board.disk.types.count("system:alert") == 2


async def test_a_disk_that_fails_now_and_then_is_announced_once(autojump_clock: MockClock) -> None:
    async with running() as board:
        for _ in range(20):
            await in_trouble(board)
            board.disk.trouble = None
            await trio.sleep(2 * RETRY_S)
        assert board.alert_states == [(NOT_KEPT, "firing")]


async def test_callers_and_own_events_of_a_write_that_fails_part_ways(autojump_clock: MockClock) -> None:
    async with running() as board:
        board.disk.slowness = 0.5
        board.disk.trouble = "no room"
        begun = trio.current_time()
        refused: list[str] = []

        async def call(type_: str) -> None:
            with pytest.raises(GatewayError):
                await board.journal.accept(type_, {})
            refused.append(type_)

        async with trio.open_nursery() as callers:
            board.journal.announce("device:down", DOWN)
            callers.start_soon(call, "user:first")
            await trio.sleep(0.1)
            # These wait behind a write that is going to fail.
            callers.start_soon(call, "user:second")
            await trio.sleep(0.01)
            board.journal.announce("device:down", DOWN)
            board.journal.announce("tag:changed", CHANGED)
            assert board.told == []
        # At the moment the write has failed, and not at the next try.
        assert trio.current_time() - begun < RETRY_S
        assert sorted(refused) == ["user:first", "user:second"]
        assert board.types == ["device:down", "device:down", "tag:changed", "system:alert"]
        assert board.journal.waiting == 3
        board.disk.trouble = None
        await trio.sleep(5)
        assert board.disk.types == ["device:down", "device:down", "system:alert"]


async def test_nothing_is_logged_twice_or_out_of_order(autojump_clock: MockClock) -> None:
    async with running() as board:
        for round_ in range(50):
            board.disk.trouble = "no room" if round_ % 3 == 1 else None
            board.disk.slowness = 0.3 * (round_ % 4)
            board.journal.announce("device:down", DOWN)
            await trio.sleep(0.25)
        board.disk.trouble = None
        await trio.sleep(60)
        kept = [event.sequence for event in board.told]
        assert board.disk.numbers == kept == sorted(set(kept))


async def test_memory_is_bounded_and_the_least_important_goes_first(autojump_clock: MockClock) -> None:
    async with running() as board:
        board.journal.keep = lambda event: event.type == "tag:changed"
        await in_trouble(board)
        board.journal.announce("alarm:raised", {})
        for _ in range(journal.MOST_WAITING):
            board.journal.announce("tag:changed", CHANGED)
        assert board.journal.waiting == journal.MOST_WAITING
        assert board.journal.given_up == 4  # device:down, two alerts, and the alarm took their room
        assert board.alert_states == [(NOT_KEPT, "firing"), (GIVEN_UP, "firing")]
        board.disk.trouble = None
        await trio.sleep(60)
        assert board.disk.types[:2] == ["device:down", "system:alert"]
        assert "alarm:raised" in board.disk.types
        changed = [event.sequence for event in board.told if event.type == "tag:changed"]
        assert [event.sequence for event in board.disk.events if event.type == "tag:changed"] == changed[4:]
        assert board.alert_states[2:] == [(NOT_KEPT, "resolved"), (GIVEN_UP, "resolved")]
        # All of them were told all the same.
        assert len(changed) == journal.MOST_WAITING


async def test_a_disk_that_hangs_leaves_memory_bounded_too(autojump_clock: MockClock) -> None:
    async with running() as board:
        board.disk.slowness = 3600
        board.journal.announce("device:down", DOWN)
        await trio.sleep(1)
        for _ in range(journal.MOST_WAITING):
            board.journal.announce("tag:changed", CHANGED)
        board.journal.announce("alarm:raised", {})
        assert board.journal.waiting == journal.MOST_WAITING + 1
        board.disk.slowness = 0
        await trio.sleep(4000)
        assert board.types[0] == "device:down"
        assert "alarm:raised" in board.types
        assert board.numbers == sorted(board.numbers)
        board.journal.announce("tag:changed", CHANGED)
        assert board.types[-1] == "tag:changed"


async def test_a_write_that_hangs_holds_up_no_alarm(autojump_clock: MockClock) -> None:
    async with running() as board:
        board.disk.slowness = 60
        board.journal.announce("device:down", DOWN)
        board.journal.announce("tag:changed", CHANGED)
        await trio.sleep(GROUPED_S + 0.9 * LATE_S)
        assert board.told == []
        board.journal.announce("alarm:raised", {})
        await trio.sleep(0.2 * LATE_S)
        assert board.journal.late
        assert board.types == ["device:down", "tag:changed", "alarm:raised"]
        board.journal.announce("alarm:cleared", {})
        assert board.types[-1] == "alarm:cleared"
        assert [event.type for event in board.journal.unlogged(0)] == ["device:down", "alarm:raised", "alarm:cleared"]
        board.disk.slowness = 0
        await trio.sleep(120)
        assert not board.journal.late
        assert board.numbers == [1, 2, 3, 4]
        assert board.disk.types == ["device:down", "alarm:raised", "alarm:cleared"]
        # Then it is as it was: on the disk first.
        board.journal.announce("alarm:raised", {})
        assert len(board.told) == 4


async def test_nothing_overtakes_what_somebody_waits_for_even_then(autojump_clock: MockClock) -> None:
    async with running() as board:
        board.disk.slowness = 60
        board.journal.announce("alarm:raised", {})
        async with trio.open_nursery() as callers:
            callers.start_soon(board.journal.accept, "user:action", {})
            await trio.sleep(GROUPED_S / 2)
            board.journal.announce("alarm:cleared", {})
            await trio.sleep(2 * LATE_S)
            assert board.types == ["alarm:raised"]
        assert board.types == ["alarm:raised", "user:action", "alarm:cleared"]


async def test_a_write_that_hangs_and_fails_tells_nothing_twice(autojump_clock: MockClock) -> None:
    async with running() as board:
        board.disk.slowness, board.disk.trouble = 60, "no room"
        board.journal.announce("device:down", DOWN)
        await trio.sleep(2 * LATE_S)
        board.journal.announce("alarm:raised", {})
        await trio.sleep(100)
        board.disk.slowness, board.disk.trouble = 0, None
        await trio.sleep(100)
        assert board.types == ["device:down", "alarm:raised", "system:alert", "system:alert"]
        assert board.disk.types == board.types


async def test_callers_that_lose_patience_with_a_disk_that_hangs_take_no_room(autojump_clock: MockClock) -> None:
    async with running() as board:
        board.disk.slowness = 3600
        board.journal.announce("alarm:raised", {})
        await trio.sleep(1)
        refused = 0

        async def call() -> None:
            nonlocal refused
            with trio.move_on_after(1):
                try:
                    await board.journal.accept("user:action", {})
                except GatewayError:
                    refused += 1

        for _ in range(5):
            async with trio.open_nursery() as callers:
                for _ in range(MOST_ASKED):
                    callers.start_soon(call)
        assert refused == 4 * MOST_ASKED
        assert board.journal.waiting == MOST_ASKED + 1
        board.disk.slowness = 0
        await trio.sleep(4000)
        # Nobody waited any more when their turn came; now others can.
        assert board.types == ["alarm:raised"]
        assert board.journal.waiting == 0
        await board.journal.accept("user:action", {})
        async with trio.open_nursery() as callers:
            for _ in range(MOST_ASKED):
                callers.start_soon(call)
        assert refused == 4 * MOST_ASKED


async def test_a_stop_in_trouble_ends_and_tries_once_more(autojump_clock: MockClock) -> None:
    async with running() as board:
        await in_trouble(board)
        tried = board.disk.tries
    assert board.disk.tries == tried + 1
    async with running() as board:
        await in_trouble(board)
        board.disk.trouble = None
    assert board.disk.types == ["device:down", "system:alert"]


async def test_what_happens_after_the_stop_is_told_and_fills_no_memory(autojump_clock: MockClock) -> None:
    async with running() as board:
        pass
    board.journal.announce("device:down", DOWN)
    assert board.types == ["device:down"]
    assert board.journal.waiting == 0


def test_what_somebody_waits_for_never_gives_way() -> None:
    lanes = Lanes()
    lanes.add(Place(event_of(1), Priority.LOW, kept=True, asked=trio.Event()))
    assert lanes.give_up() is None
    lanes.add(Place(event_of(2), Priority.URGENT, kept=True))
    given_up = lanes.give_up()
    assert given_up is not None
    assert given_up.event.sequence == 2
    assert [place.event.sequence for place in lanes.take(5)] == [1]
