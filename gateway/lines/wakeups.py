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

from drivers.ports.alarm import Alarm


class Wakeups:
    """Calls back at moments of the run loop's clock, for as long as ``run`` runs.

    Attributes:
        alarm: wakes the ports that wait in vain.
    """

    def __init__(self) -> None:
        self.alarm = Alarm(self._earlier)
        self._entries: list[tuple[float, int, Callable[[], None]]] = []
        self._number = count()
        # -inf while it is ringing: ``run`` itself looks when to ring next, when all have been rung for.
        self._next = math.inf
        self._sleep = trio.CancelScope()

    def at(self, moment: float, ring: Callable[[], None]) -> None:
        """Call ``ring`` at ``moment``, or soon where that is over. It must not raise, and cannot be called off."""
        entries = self._entries
        heapq.heappush(entries, (moment, next(self._number), ring))
        if self._next == -math.inf:
            return
        # Who asks is mostly a line that goes to rest: its answer has come.
        moment = min(self.alarm.settle(), entries[0][0])
        if moment != self._next:
            self._next = self._sleep.deadline = moment

    def _earlier(self, moment: float) -> None:
        if moment < self._next:
            self._next = self._sleep.deadline = moment

    async def run(self) -> None:
        """Sleep and ring, until cancelled."""
        entries = self._entries
        while True:
            with trio.CancelScope(deadline=self._next) as self._sleep:
                await trio.sleep_forever()
            now = trio.current_time()
            # Whoever is called may ask to be called again: what is due by then waits for the next round.
            self._next = -math.inf
            while entries and entries[0][0] <= now:
                heapq.heappop(entries)[2]()
            if self.alarm.soonest <= now:
                self.alarm.ring(now)
            self._next = min(entries[0][0] if entries else math.inf, self.alarm.soonest)
