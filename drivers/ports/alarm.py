"""The alarm of all ports: whoever waits in vain is woken, at a fraction of what a cancel scope costs."""

import math
from collections.abc import Callable
from typing import Protocol

# Those who begin to wait together are not equally patient: so much of the first one's time less is rung for already,
# and whoever rings too early looks again. What is short is waited for as it is, or it would be rung for twice.
_EARLY = 1 / 4
_SHORT_S = 0.03


class Waiter(Protocol):
    """Who waits."""

    def wake(self) -> None:
        """Look whether there is reason to go on waiting: the deadline is here."""


class Alarm:
    """Knows until when who waits.

    Nearly every deadline is set in vain: what is waited for comes. So it is noted by who begins to wait and struck out
    by who ends, each by a stroke in a dictionary, and all of them are looked at when the soonest may have come.

    Args:
        earlier: told when the alarm is to ring before the moment that was said last.

    Attributes:
        deadlines: of those who wait, on the clock of the run loop. Written by them.
        soonest: none of the deadlines is before that.
    """

    def __init__(self, earlier: Callable[[float], None]) -> None:
        self.deadlines: dict[Waiter, float] = {}
        self.soonest = math.inf
        self._earlier = earlier

    def sooner(self, deadline: float, now: float) -> None:
        """Somebody begins to wait who has an earlier deadline than all before."""
        left = deadline - now
        self.soonest = deadline - left * _EARLY if left > _SHORT_S else deadline
        self._earlier(self.soonest)

    def ring(self, now: float) -> None:
        """Wake those whose deadline has come; the soonest is that of the others then."""
        # Who is woken runs later, so nobody strikes anything out meanwhile.
        self.soonest = math.inf
        for waiter, deadline in self.deadlines.items():
            if deadline <= now:
                waiter.wake()
            elif deadline < self.soonest:
                self.soonest = deadline

    def needed_at(self) -> float:
        """When it has to ring, as far as is known: never, where nobody waits."""
        if not self.deadlines:
            self.soonest = math.inf
        return self.soonest
