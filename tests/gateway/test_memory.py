"""What a process needed once it does not keep for ever."""

from __future__ import annotations

import trio
import trio.testing
from trio.testing import MockClock

from gateway.memory import GIVE_BACK_EVERY_S, give_back, resident

MB = 1024 * 1024


class Memory:
    """Of a process, with what lies free in it.

    Attributes:
        used: bytes.
        free: bytes.
        trims: how often those were given back.
    """

    def __init__(self) -> None:
        self.used, self.free, self.trims = 60 * MB, 0, 0

    def resident(self) -> int:
        return self.used + self.free

    def trim(self) -> None:
        self.free = 0
        self.trims += 1


async def test_what_a_crowd_needed_is_given_back_when_it_is_over(mock_clock: MockClock) -> None:
    memory = Memory()

    async def minutes(*, trims: int) -> None:
        """Let some pass; it is done in a thread, so how many is not known."""
        while memory.trims < trims:
            mock_clock.jump(GIVE_BACK_EVERY_S)
            await trio.lowlevel.checkpoint()
        for _ in range(3):
            mock_clock.jump(GIVE_BACK_EVERY_S)
            await trio.testing.wait_all_tasks_blocked()
        assert memory.trims == trims

    async with trio.open_nursery() as nursery:
        nursery.start_soon(give_back, memory.resident, memory.trim)
        await trio.testing.wait_all_tasks_blocked()
        memory.free = 5 * MB
        await minutes(trims=0)
        memory.free = 30 * MB
        await minutes(trims=1)
        assert memory.resident() == 60 * MB
        # What is in use is asked for once, not every minute.
        memory.used = 75 * MB
        await minutes(trims=2)
        memory.free = 9 * MB
        await minutes(trims=3)
        nursery.cancel_scope.cancel()


def test_the_system_says_how_much_it_is() -> None:
    now = resident()
    assert now is not None
    assert now > MB
