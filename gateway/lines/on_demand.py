"""Reads that callers ask for: what they take of a line's time, and what they may take of it ahead of the polls.

Without a bound they go before polls, as writes do. With one, they go before polls as far as their share of the time
reaches; beyond that they wait here for time that no poll needs. Writes and safe values never come here.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from gateway.core.steering import LEAST_ON_DEMAND
from gateway.lines.health import SilenceBudget
from gateway.lines.orders import MOST_ORDERS, Order
from gateway.lines.polling import Polling
from gateway.lines.share import Share
from gateway.lines.unit import BlockPoll

# Where characters take no time, a read still takes some.
LEAST_COST_S = 0.005
LONGEST_READ = 125
# How long a read that its share covers waits for a moment in which it costs no poll its deadline. Where deadlines are
# being missed anyway there is none to wait for.
PATIENCE_S = 1.0


@dataclass(slots=True, eq=False)
class Refresh:
    """A block that a caller wants to be read now.

    Attributes:
        poll: reads it.
        expires: when its caller no longer waits.
    """

    poll: BlockPoll
    expires: float


Wanted = Order | Refresh


class OnDemand:
    """What callers want to be read on one line.

    Args:
        polling: of the line.
        now: monotonic seconds.

    Attributes:
        taken: the share of the line's time in reads that callers asked for.
        bound: the share they may take ahead of polls; None where there is no bound.
        waiting: what is still to be read, in the order in which it was asked for.
    """

    def __init__(self, polling: Polling, now: float) -> None:
        self.taken = Share(now)
        self.bound: float | None = None
        self._polling = polling
        self.waiting: deque[Wanted] = deque()
        # Saved up is no more than the longest read takes.
        self._burst = max(polling.wire.read("holding", LONGEST_READ), LEAST_COST_S)
        self._budget = SilenceBudget(1.0, self._burst, now)
        # When the first that waits goes although it does not fit before the next deadline.
        self._fits_by = math.inf

    @property
    def full(self) -> bool:
        """Whether as many orders wait as may; of blocks there are only so many."""
        return sum(isinstance(wanted, Order) for wanted in self.waiting) >= MOST_ORDERS

    def limit(self, share: float | None, now: float) -> float | None:
        """Bound the share, never below the least; None lifts the bound. Returns what holds."""
        # What is no number is no reason to bound more than least.
        bound = None if share is None else min(share, 1.0) if share >= LEAST_ON_DEMAND else LEAST_ON_DEMAND
        if bound != self.bound:
            self.bound = bound
            self._budget = SilenceBudget(1.0 if bound is None else bound, self._burst, now)
        return bound

    def add(self, wanted: Wanted) -> None:
        """Somebody wants something read, and waits for it; a block that others wait for already is read once."""
        polls = {other.poll for other in self.waiting if isinstance(other, Refresh)}
        if not isinstance(wanted, Refresh) or wanted.poll not in polls:
            self.waiting.append(wanted)

    def clear(self) -> list[Wanted]:
        """Take all that wait out."""
        waiting, self.waiting = list(self.waiting), deque()
        return waiting

    def ahead(self, now: float) -> Wanted | None:
        """What may go before the polls now: its share covers it, and no deadline is missed by it that could be kept.

        What does not fit before the next deadline waits until it does, but not for long.
        """
        self._tidy(now)
        if not self.waiting:
            return None
        if self.bound is not None:
            cost = self._cost(self.waiting[0])
            if not self._budget.covers(cost, now):
                self._fits_by = math.inf
                return None
            self._fits_by = min(self._fits_by, now + PATIENCE_S)
            if now < self._fits_by and 0.0 <= self._polling.schedule.slack(now) < cost:
                return None
        return self._take()

    def _take(self) -> Wanted:
        self._fits_by = math.inf
        return self.waiting.popleft()

    def behind(self, now: float) -> Wanted | None:
        """What may go while the polls have nothing to do and can be kept waiting for as long as it takes."""
        fits = self.waiting and self._cost(self.waiting[0]) <= self._polling.schedule.slack(now)
        return self._take() if fits else None

    def wake(self, now: float) -> float:
        """When ``ahead`` may have something, if it has nothing now."""
        if not self.waiting:
            return math.inf
        first = self.waiting[0]
        affordable = self._budget.affordable_at(self._cost(first), now)
        if affordable > now:
            return min(first.expires, affordable)
        # It was not its turn to be looked at yet: others went that many times in a row.
        return now if math.isinf(self._fits_by) else min(first.expires, self._fits_by)

    def spent(self, seconds: float, now: float, *, ahead: bool) -> None:
        """So much of the line's time was taken, ending now; what went before the polls is charged."""
        self.taken.add(seconds, now)
        if ahead and self.bound is not None:
            self._budget.spend(seconds, now)

    def _tidy(self, now: float) -> None:
        """Give back what was waited for too long, and forget blocks that have been read meanwhile."""
        while self.waiting:
            first = self.waiting[0]
            if isinstance(first, Refresh):
                if now < first.expires and first.poll.finished is not None and not first.poll.held:
                    return
                first.poll.release()
            elif now < first.expires:
                return
            else:
                first.fail("expired", "the line had no time for it before it expired: reads on demand are bounded now")
            self.waiting.popleft()

    def _cost(self, wanted: Wanted) -> float:
        """Seconds it is expected to take of the line."""
        if isinstance(wanted, Refresh):
            return max(wanted.poll.cost, LEAST_COST_S)
        wire, unit, request = self._polling.wire, self._polling.units.get(wanted.unit), wanted.request
        if unit is None or not unit.health.counters.answers or not unit.health.usable:
            # Nobody may be there.
            return wire.lost(self._polling.unit(wanted.unit).health.timeout)
        turnaround = max(wire.turnaround, unit.health.latency.mean)
        return max(wire.gap + wire.carry(len(request.pdu)) + turnaround + wire.carry(request.reply_size), LEAST_COST_S)
