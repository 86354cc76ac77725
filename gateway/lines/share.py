"""A share of time over the last minute, from durations as they come."""

from __future__ import annotations

SLOT_S = 5.0
SLOTS = 12


class Share:
    """What part of the last minute something took."""

    __slots__ = ("_began", "_slot", "_slot_ends", "_sums", "total")

    def __init__(self, now: float) -> None:
        self._began = now
        self._slot = int(now // SLOT_S)
        self._slot_ends = (self._slot + 1) * SLOT_S
        self._sums = [0.0] * SLOTS
        self.total = 0.0

    def _turn(self, now: float) -> None:
        if now < self._slot_ends:
            return
        slot = int(now // SLOT_S)
        for passed in range(self._slot + 1, min(slot, self._slot + SLOTS) + 1):
            self._sums[passed % SLOTS] = 0.0
        self._slot = max(slot, self._slot)
        self._slot_ends = (self._slot + 1) * SLOT_S

    def add(self, duration: float, now: float) -> None:
        """So many seconds were used, ending now."""
        if now >= self._slot_ends:
            self._turn(now)
        self._sums[self._slot % SLOTS] += duration
        self.total += duration

    def value(self, now: float) -> float | None:
        """The share over the last minute, or since the start where that is shorter; None before one second."""
        self._turn(now)
        span = min(now - self._began, (SLOTS - 1) * SLOT_S + now % SLOT_S)
        return min(1.0, sum(self._sums) / span) if span >= 1.0 else None
