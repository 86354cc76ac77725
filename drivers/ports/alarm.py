"""The alarm of all ports: whoever waits in vain is woken, at a fraction of what a cancel scope costs."""

import math
from collections.abc import Callable
from typing import Protocol

# It is set a quarter of the patience early: neighbours that begin to wait a little later, with a little less patience,
# need not set it anew. Where somebody still waits then, it is set for the very moment. What is short is rung for once.
_EARLY = 1 / 4
_SHORT_S = 0.03
# So few are looked at one by one whenever it is asked what is still waited for; more would cost more than a wake.
_FEW = 4


class Waiter(Protocol):
    """Who waits."""

    def wake(self) -> None:
        """Look whether there is reason to go on waiting: the deadline is here."""


class Alarm:
    """Knows until when who waits.

    Nearly every deadline is set in vain: what is waited for comes. So it is noted by who begins to wait and struck out
    by who ends, each by a stroke in a dictionary, and all of them are looked at when the soonest may have come.

    Args:
        earlier: told that the alarm has to ring at a moment, perhaps before the one that was said last.

    Attributes:
        deadlines: of those who wait, on the clock of the run loop. Written by them.
        soonest: it need not ring before; who is woken by it has an earlier deadline until the wait has ended.
    """

    def __init__(self, earlier: Callable[[float], None]) -> None:
        self.deadlines: dict[Waiter, float] = {}
        self.soonest = math.inf
        self._earlier = earlier

    def sooner(self, deadline: float, now: float) -> None:
        """Somebody begins to wait whose deadline is before ``soonest``."""
        left = deadline - now
        self.soonest = deadline - left * _EARLY if left > _SHORT_S else deadline
        self._earlier(self.soonest)

    def settle(self) -> float:
        """Somebody has ended a wait: forget what nobody waits for any more, as far as that is cheaper than a wake.

        Returns ``soonest``.
        """
        if len(self.deadlines) < _FEW:
            self.soonest = min(self.deadlines.values(), default=math.inf)
        return self.soonest

    def ring(self, now: float) -> None:
        """Wake those whose deadline has come; ``soonest`` is that of the others then."""
        # Who is woken runs later, so nobody strikes anything out meanwhile.
        self.soonest = math.inf
        for waiter, deadline in self.deadlines.items():
            if deadline <= now:
                waiter.wake()
            elif deadline < self.soonest:
                self.soonest = deadline
