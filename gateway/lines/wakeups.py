"""Wakes idle lines: one sleep for all of them.

Due times lie on one grid, so lines fall due together. A sleep of its own for each would cost a cancel scope and a
cancellation a poll, about as much as the exchange itself.
"""

from __future__ import annotations

import heapq
import math
from itertools import count

import trio


class Wakeups:
    """Sets events at moments of the run loop's clock, for as long as ``run`` runs."""

    def __init__(self) -> None:
        self._entries: list[tuple[float, int, trio.Event]] = []
        self._number = count()
        self._next = math.inf
        self._sleep = trio.CancelScope()

    def at(self, moment: float, event: trio.Event) -> None:
        """Set an event at ``moment``, or soon where that is over. Whoever sets it sooner need not say so here."""
        heapq.heappush(self._entries, (moment, next(self._number), event))
        if moment < self._next:
            self._next = self._sleep.deadline = moment

    async def run(self) -> None:
        """Sleep and wake, until cancelled."""
        while True:
            with trio.CancelScope(deadline=self._next) as self._sleep:
                await trio.sleep_forever()
            now = trio.current_time()
            while self._entries and self._entries[0][0] <= now:
                heapq.heappop(self._entries)[2].set()
            self._next = self._entries[0][0] if self._entries else math.inf
