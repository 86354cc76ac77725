"""Whether a new system has proved itself: it serves, it stays up, and the lines that worked before work again."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum, auto

# Seconds for which the gateway must have answered without a break, with every line back.
STEADY_S = 120.0
# Seconds after which it has to have done so. Devices that are polled seldom, or are slow to be found, get their time.
PATIENCE_S = 900.0
# A gateway that ends once may have met a card that was still busy; one that goes on ending is broken.
_MOST_RESTARTS = 2


class Verdict(Enum):
    """What is known so far."""

    WAITING = auto()
    PROVED = auto()
    FAILED = auto()


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at the gateway.

    Attributes:
        at: seconds of a clock that only goes forward.
        restarts: how often the gateway was started anew since the board came up.
        answering: lines on which a device answers; None: the gateway itself did not answer.
        trouble: why it did not.
        known: lines that have devices; None: not known. One that was taken out since is not waited for.
    """

    at: float
    restarts: int
    answering: frozenset[str] | None
    trouble: str = ""
    known: frozenset[str] | None = None


class Proof:
    """Judges a system on trial by what is seen of it.

    Args:
        began: on the clock of what is seen.
        lines: that worked before the update.
        steady: see ``STEADY_S``.
        patience: see ``PATIENCE_S``.
    """

    def __init__(
        self, began: float, lines: Collection[str], steady: float = STEADY_S, patience: float = PATIENCE_S
    ) -> None:
        self._until = began + patience
        self._steady = steady
        self._lines = frozenset(lines)
        self._missing = set(lines)
        self._since: float | None = None
        self._restarts = 0

    def look(self, seen: Seen) -> tuple[Verdict, str]:
        """Take in one look.

        Returns:
            What is known now, and in words what is still missing.
        """
        if seen.restarts > _MOST_RESTARTS:
            last = f": {seen.trouble}" if seen.trouble else ""
            return Verdict.FAILED, f"the gateway ended {seen.restarts} times{last}"
        if seen.restarts > self._restarts:
            # What answered the one that ended says nothing of the one that runs.
            self._missing = set(self._lines)
        if seen.answering is None or seen.restarts > self._restarts:
            self._since = None
        elif self._since is None:
            self._since = seen.at
        self._restarts = seen.restarts
        if seen.answering is not None:
            self._missing -= seen.answering
        if seen.known is not None:
            self._missing &= seen.known
        if self._since is not None and not self._missing and seen.at - self._since >= self._steady:
            return Verdict.PROVED, ""
        words = self._words(seen)
        return (Verdict.FAILED if seen.at >= self._until else Verdict.WAITING), words

    def _words(self, seen: Seen) -> str:
        if self._since is None:
            return f"the gateway does not answer: {seen.trouble}" if seen.trouble else "the gateway does not answer"
        if self._missing:
            names = ", ".join(sorted(self._missing))
            return f"no device answers on {names}, where devices answered before the update"
        return "it has not been up for long enough"
