"""What was accepted, kept and given up, for who looks from outside."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from gateway.events.journal import LAZY_S
from tests.gateway.events.board import running
from tests.gateway.events.test_journal import CHANGED, DOWN


async def test_events_are_counted_where_they_are_accepted_and_where_they_are_written(autojump_clock: MockClock) -> None:
    async with running() as board:
        for type_, data in (("tag:changed", CHANGED), ("device:down", DOWN), ("device:down", DOWN)):
            board.journal.announce(type_, data)
        await board.journal.accept("user:action", {"action": "click"})
        await trio.sleep(2 * LAZY_S)
        assert (board.journal.accepted, board.journal.kept) == (4, 3)
        assert len(board.disk.events) == board.journal.kept
