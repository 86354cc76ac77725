"""Keeps each pass of the run loop short, however many callers have something for us.

The lines share the loop with the callers, and a poll needs several passes. Whoever has come first goes first.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

# Callers that are served in one pass: a turn is a handshake or a request, some milliseconds on a small board.
_OF_A_PASS = 2


class Turns(trio.abc.Instrument):
    """Gives turns; as long as few ask, nobody waits.

    Args:
        of_a_pass: turns in one pass of the run loop.
    """

    def __init__(self, of_a_pass: int = _OF_A_PASS) -> None:
        self._of_a_pass = of_a_pass
        self._left = of_a_pass
        self._waiting = trio.lowlevel.ParkingLot()
        self._somebody = trio.Event()

    async def take(self) -> None:
        """Wait for a turn, if there is none left in this pass; else it is no pass of the loop."""
        if self._left:
            self._left -= 1
            return
        self._somebody.set()
        await self._waiting.park()

    def after_io_wait(self, timeout: float) -> None:
        """A pass begins: trio calls this. Who comes now stands behind those who wait."""
        del timeout
        self._left = 0 if self._waiting else self._of_a_pass

    async def run(self) -> None:
        """Give turns to those who wait. Runs until cancelled; without it they wait for ever."""
        trio.lowlevel.add_instrument(self)
        try:
            while True:
                await self._somebody.wait()
                while self._waiting:
                    await trio.lowlevel.checkpoint()
                    self._waiting.unpark(count=self._of_a_pass)
                self._somebody = trio.Event()
        finally:
            trio.lowlevel.remove_instrument(self)

    @asynccontextmanager
    async def given(self) -> AsyncIterator[None]:
        """``run`` for as long as a block takes."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.run)
            yield
            nursery.cancel_scope.cancel()
