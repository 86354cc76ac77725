"""Events are told in the order of their numbers, and what is to be kept is on the disk first."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from gateway.core.errors import Code, GatewayError
from gateway.core.eventlog import Priority
from gateway.core.events import Event
from gateway.events.journal import AT_ONCE, END_S, GROUPED_S, LAZY_S, MOST_ASKED, Journal
from tests.gateway.events.board import Board, running

DOWN: dict[str, object] = {"line": "bus", "device": "pump", "unit": 1, "reason": "no_answer"}
CHANGED: dict[str, object] = {"tag": "bus/pump/flow", "value": 1.0}


async def test_nobody_hears_of_what_is_not_on_the_disk(autojump_clock: MockClock) -> None:
    async with running() as board:
        board.disk.slowness = 0.5
        board.journal.announce("device:down", DOWN)
        assert board.told == []
        await trio.sleep(0.4)
        assert board.disk.tries == 1
        assert board.told == []
        await trio.sleep(0.2)
        assert board.types == board.disk.types == ["device:down"]
        assert board.journal.logged == board.journal.published == board.numbers[-1]


async def test_what_is_not_kept_is_told_at_once_and_never_written(autojump_clock: MockClock) -> None:
    async with running() as board:
        board.journal.announce("tag:changed", CHANGED)
        assert board.types == ["tag:changed"]
        await trio.sleep(2 * LAZY_S)
        assert board.disk.tries == 0


async def test_what_is_not_kept_does_not_overtake_what_is(autojump_clock: MockClock) -> None:
    async with running() as board:
        board.disk.slowness = 0.5
        for type_, data in (("tag:changed", CHANGED), ("device:down", DOWN), ("tag:changed", CHANGED)) * 2:
            board.journal.announce(type_, data)
        assert board.numbers == [1]
        await trio.sleep(0.3)
        board.journal.announce("tag:changed", CHANGED)
        assert board.numbers == [1]
        await trio.sleep(0.3)
        assert board.numbers == [1, 2, 3, 4, 5, 6, 7]
        assert board.disk.numbers == [2, 5]


async def test_an_accepted_event_is_on_the_disk_and_told_when_the_caller_goes_on(autojump_clock: MockClock) -> None:
    async with running() as board:
        board.disk.slowness = 0.5
        event = await board.journal.accept("user:action", {"action": "click"}, routing_key="analytics.user")
        assert board.disk.events == [event] == board.told
        assert (event.type, event.data, event.routing_key) == ("user:action", {"action": "click"}, "analytics.user")


async def test_many_callers_share_one_write(autojump_clock: MockClock) -> None:
    """Ruling 19: commits are grouped for up to 20 ms."""
    async with running() as board:
        started = trio.current_time()
        async with trio.open_nursery() as callers:
            for _ in range(100):
                callers.start_soon(board.journal.accept, "user:action", {})
        assert [len(write) for write in board.disk.writes] == [100]
        assert trio.current_time() - started == pytest.approx(GROUPED_S)


async def test_a_write_waits_for_company_for_20_ms_and_no_longer(autojump_clock: MockClock) -> None:
    async with running() as board:
        begun = trio.current_time()
        at: list[float] = []
        board.disk.looks.append(lambda _: at.append(trio.current_time() - begun))
        for _ in range(9):
            board.journal.announce("device:down", DOWN)
            await trio.sleep(0.3 * GROUPED_S)
        await trio.sleep(1)
        assert at[0] == pytest.approx(GROUPED_S)
        assert [len(write) for write in board.disk.writes] == [4, 4, 1]


async def test_a_full_group_does_not_wait(autojump_clock: MockClock) -> None:
    async with running() as board:
        await wait_all_tasks_blocked()
        begun = trio.current_time()
        for _ in range(AT_ONCE + 3):
            board.journal.announce("device:down", DOWN)
        await wait_all_tasks_blocked()
        assert trio.current_time() == begun
        assert [len(write) for write in board.disk.writes] == [AT_ONCE, 3]


async def test_what_comes_during_a_write_shares_the_next_one(autojump_clock: MockClock) -> None:
    async with running() as board:
        board.disk.slowness = 0.1
        for _ in range(8):
            board.journal.announce("device:down", DOWN)
            await trio.sleep(0.03)
        await trio.sleep(1)
        assert board.numbers == board.disk.numbers == list(range(1, 9))
        assert len(board.disk.writes) == 3


async def test_an_event_of_the_moment_is_told_without_the_disk(autojump_clock: MockClock) -> None:
    """D-120: ``persistent: false``."""
    async with running() as board:
        event = await board.journal.accept("user:action", {}, kept=False)
        assert board.told == [event]
        await trio.sleep(10)
        assert board.disk.tries == 0


async def test_what_a_webhook_wants_is_told_at_once_and_logged_soon(autojump_clock: MockClock) -> None:
    async with running() as board:
        board.journal.keep = lambda event: event.type == "tag:changed"
        board.journal.announce("tag:changed", CHANGED)
        board.journal.announce("system:health", {})
        assert board.numbers == [1, 2]
        assert [event.sequence for event in board.journal.unlogged(0)] == [1]
        await trio.sleep(0.9 * LAZY_S)
        assert board.disk.tries == 0
        await trio.sleep(0.2 * LAZY_S)
        assert board.disk.numbers == [1]
        assert board.disk.writes[0][0].priority is Priority.LOW
        assert board.journal.unlogged(0) == []
        assert board.numbers == [1, 2]


async def test_what_is_still_to_be_told_is_not_offered_to_who_resumes(autojump_clock: MockClock) -> None:
    """It comes by the bus."""
    async with running() as board:
        board.journal.keep = lambda event: event.type == "tag:changed"
        board.journal.announce("tag:changed", CHANGED)
        board.journal.announce("system:health", {})
        board.journal.announce("device:down", DOWN)
        assert [event.sequence for event in board.journal.unlogged(0)] == [1]
        assert board.journal.unlogged(1) == []


async def test_the_log_never_gets_a_lower_number_after_a_higher_one(autojump_clock: MockClock) -> None:
    """A dispatcher whose cursor is past a number would never see it."""
    async with running() as board:
        board.journal.keep = lambda _: True
        board.journal.announce("tag:changed", CHANGED)
        board.journal.announce("device:down", DOWN)
        await trio.sleep(2 * GROUPED_S)
        assert board.disk.numbers == [1, 2]


async def test_who_watches_is_told_of_new_numbers(autojump_clock: MockClock) -> None:
    async with running() as board:
        seen: list[int] = []

        async def follow() -> None:
            while True:
                seen.append(await board.journal.watch(seen[-1] if seen else 0))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(follow)
            for _ in range(3):
                board.journal.announce("tag:changed", CHANGED)
                board.journal.announce("device:down", DOWN)
                await trio.sleep(1)
            nursery.cancel_scope.cancel()
        assert seen == [2, 4, 6]
        assert await board.journal.watch(5) == 6


async def test_an_accept_that_is_cancelled_before_it_is_written_never_was(autojump_clock: MockClock) -> None:
    async with running() as board:
        with trio.move_on_after(GROUPED_S / 2):
            await board.journal.accept("user:action", {})
        board.journal.announce("device:down", DOWN)
        await trio.sleep(1)
        assert board.types == board.disk.types == ["device:down"]
        # It does not hold up what is not kept either.
        board.journal.announce("tag:changed", CHANGED)
        assert board.types[-1] == "tag:changed"


async def test_an_accept_that_is_cancelled_while_it_is_written_is_kept_and_told(autojump_clock: MockClock) -> None:
    async with running() as board:
        board.disk.slowness = 0.5
        with trio.move_on_after(0.2) as patience:
            await board.journal.accept("user:action", {})
        assert patience.cancelled_caught
        assert board.told == []
        await trio.sleep(0.5)
        assert board.types == board.disk.types == ["user:action"]


async def test_more_callers_than_may_wait_are_refused(autojump_clock: MockClock) -> None:
    async with running() as board:
        board.disk.slowness = 60
        refused: list[GatewayError] = []

        async def call() -> None:
            try:
                await board.journal.accept("user:action", {})
            except GatewayError as error:
                refused.append(error)

        async with trio.open_nursery() as callers:
            for _ in range(MOST_ASKED + 1):
                callers.start_soon(call)
        assert [error.code for error in refused] == [Code.UNAVAILABLE]
        assert len(board.disk.events) == MOST_ASKED


async def test_a_stop_writes_and_tells_what_waits(autojump_clock: MockClock) -> None:
    async with running() as board:
        board.disk.slowness = 0.5
        board.journal.keep = lambda _: True
        board.journal.announce("tag:changed", CHANGED)
        for _ in range(2 * AT_ONCE):
            board.journal.announce("device:down", DOWN)
    assert len(board.disk.events) == 2 * AT_ONCE + 1
    assert board.numbers == board.disk.numbers
    with pytest.raises(GatewayError, match="stopping"):
        await board.journal.accept("user:action", {})


async def test_a_stop_in_the_middle_of_a_write_lets_it_end(autojump_clock: MockClock) -> None:
    async with running() as board:
        board.disk.slowness = 0.5
        outcome: list[Event] = []

        async def call() -> None:
            outcome.append(await board.journal.accept("user:action", {}))

        async with trio.open_nursery() as callers:
            callers.start_soon(call)
            await trio.sleep(0.1)
    assert board.disk.events == outcome == board.told


async def test_an_event_says_when_it_happened_not_when_it_was_written(autojump_clock: MockClock) -> None:
    async with running() as board:
        board.disk.slowness = 5
        happened = board.timeline.now()
        await trio.sleep(1)
        board.journal.announce("device:down", DOWN)
        await trio.sleep(10)
        assert board.told[0].time == pytest.approx(happened + 1)


async def test_the_time_of_the_last_write_is_known(autojump_clock: MockClock) -> None:
    async with running() as board:
        assert board.journal.latency is None
        board.disk.slowness = 0.045
        await board.journal.accept("user:action", {})
        assert board.journal.latency == pytest.approx(45)


async def test_a_journal_goes_on_where_the_log_ends(autojump_clock: MockClock) -> None:
    async with running() as board:
        await board.journal.accept("user:action", {})
        with trio.fail_after(1):
            assert await Journal(board.source, board.bus, board.disk, board.alerts).watch(0) == 1


async def test_whoever_asks_is_told_whether_anybody_wants_a_type(autojump_clock: MockClock) -> None:
    async with running() as board:
        assert not board.journal.wants("tag:changed")
        board.journal.wanted.append(lambda type_: type_ == "tag:changed")
        assert board.journal.wants("tag:changed")
        assert not board.journal.wants("system:health")


async def test_a_fault_of_ours_climbs_and_what_waits_is_not_forgotten(autojump_clock: MockClock) -> None:
    board = Board()
    board.disk.trouble = ZeroDivisionError()
    board.journal.announce("device:down", DOWN)
    with pytest.RaisesGroup(ZeroDivisionError):
        await board.journal.run()
    assert board.types[0] == "device:down"
    with pytest.raises(GatewayError):
        await board.journal.accept("user:action", {})
    board.disk.trouble = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(board.journal.run)
        await trio.sleep(2)
        nursery.cancel_scope.cancel()
    assert board.disk.types[0] == "device:down"


async def test_a_disk_that_takes_for_ever_does_not_keep_the_gateway_from_stopping(autojump_clock: MockClock) -> None:
    async with running() as board:
        board.disk.slowness = END_S + 10
        for _ in range(3 * AT_ONCE):
            board.journal.announce("device:down", DOWN)
        stopped_at = trio.current_time()
    assert trio.current_time() - stopped_at < 2 * board.disk.slowness
    assert len(board.disk.events) == AT_ONCE
    assert len(board.told) == 3 * AT_ONCE
