"""How soon somebody may try again: each failure doubles the wait, in memory that has a bound."""

from __future__ import annotations

import hmac
import math
import secrets
from collections.abc import Callable
from dataclasses import dataclass

# Entries of one throttle. More keys than that share them.
SLOTS = 4096


@dataclass(frozen=True, slots=True)
class Pace:
    """How long to wait after failures.

    Attributes:
        free: failures that cost nothing.
        first: seconds to wait after the one that follows them; each one more doubles it.
        longest: seconds, at most.
        forgotten: seconds without a failure after which all is forgotten.
    """

    free: int
    first: float
    longest: float
    forgotten: float

    def wait(self, failures: float) -> float:
        """Seconds to wait after so many failures."""
        beyond = math.ceil(failures) - self.free
        if beyond <= 0:
            return 0.0
        # So many doublings are beyond every longest; a power of two of more would be no number.
        return min(self.longest, self.first * 2.0 ** min(beyond - 1, 60))


@dataclass(slots=True)
class _Slot:
    failures: int
    last: float


class Throttle:
    """Counts failures by key.

    Keys fall into slots by a secret hash, so that nobody can fill the memory, push another key out of it, or tell a
    key that stands for something from one that does not. That two keys share a slot is rare, and nobody can seek it.

    Args:
        pace: how long to wait.
        monotonic: seconds of a clock that never goes back.
        slots: how many there are.
    """

    def __init__(self, pace: Pace, monotonic: Callable[[], float], slots: int = SLOTS) -> None:
        self._pace = pace
        self._monotonic = monotonic
        self._number = slots
        self._secret = secrets.token_bytes(32)
        self._slots: dict[int, _Slot] = {}

    def __len__(self) -> int:
        return len(self._slots)

    def wait(self, key: str) -> float:
        """Seconds until the next attempt may be made; 0: now."""
        slot = self._found(self._place(key))
        if slot is None:
            return 0.0
        return max(0.0, slot.last + self._pace.wait(slot.failures) - self._monotonic())

    def begin(self, key: str) -> None:
        """Count an attempt, as failed until it is known better: many at once must not count as one."""
        place, now = self._place(key), self._monotonic()
        slot = self._found(place)
        if slot is None:
            self._slots[place] = _Slot(1, now)
        else:
            slot.failures += 1
            slot.last = now

    def take_back(self, key: str) -> None:
        """The attempt that ``begin`` counted did not fail."""
        place = self._place(key)
        slot = self._slots.get(place)
        if slot is None:
            return
        slot.failures -= 1
        if slot.failures <= 0:
            del self._slots[place]

    def clear(self, key: str) -> None:
        """Forget every failure: who shows the right password is who was meant."""
        self._slots.pop(self._place(key), None)

    def _place(self, key: str) -> int:
        digest = hmac.digest(self._secret, key.encode("utf-8", "surrogatepass"), "sha256")
        return int.from_bytes(digest[:8]) % self._number

    def _found(self, place: int) -> _Slot | None:
        slot = self._slots.get(place)
        if slot is not None and self._monotonic() - slot.last >= self._pace.forgotten:
            del self._slots[place]
            return None
        return slot
