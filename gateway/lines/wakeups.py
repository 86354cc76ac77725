"""The alarm clock of the lines: one sleep for all that is due at some moment.

Due times lie on one grid, so lines fall due together; and nearly every time-out is set in vain, since the answer comes.
A cancel scope of its own for each would cost a quarter of what the exchange itself costs.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from itertools import count

import trio


class Wakeups:
    """Calls back at moments of the run loop's clock, for as long as ``run`` runs."""

    def __init__(self) -> None:
        self._entries: list[tuple[float, int, Callable[[], None], Callable[[], bool]]] = []
        self._number = count()
        self._next = math.inf
        self._sleep = trio.CancelScope()

    def at(self, moment: float, ring: Callable[[], None], wanted: Callable[[], bool] = lambda: True) -> None:
        """Call ``ring`` at ``moment``, or soon where that is over. It must not raise, and cannot be called off.

        Args:
            moment: of the run loop's clock.
            ring: what to call.
            wanted: says whether anybody still waits for it. Who does not may be rung for before the moment, so that
                nobody wakes for nothing.
        """
        entries = self._entries
        heapq.heappush(entries, (moment, next(self._number), ring, wanted))
        if self._next == -math.inf:
            return
        while not entries[0][3]():
            heapq.heappop(entries)[2]()
        if entries[0][0] != self._next:
            self._next = self._sleep.deadline = entries[0][0]

    async def run(self) -> None:
        """Sleep and ring, until cancelled."""
        while True:
            with trio.CancelScope(deadline=self._next) as self._sleep:
                await trio.sleep_forever()
            now = trio.current_time()
            # Whoever is called may ask to be called again: what is due by then waits for the next round.
            self._next = -math.inf
            while self._entries and self._entries[0][0] <= now:
                heapq.heappop(self._entries)[2]()
            self._next = self._entries[0][0] if self._entries else math.inf
