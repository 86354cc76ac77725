"""Monotonic time, wall time, and how far the wall clock can be trusted.

Boards of this class have no clock chip: they start in the past and jump when a time server is reached. Readings
therefore keep monotonic time and an era; the era turns it into wall time when somebody asks. When the clock first
synchronises, every earlier era of this boot is corrected, and with it every reading that belongs to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

# Slewing moves the wall clock by less than this between two looks, and past readings must not move because of it;
# once the sum of it exceeds this, a new era begins and only new readings follow the clock.
STEP_S = 0.05


class Era:
    """A stretch of time during which wall and monotonic clock keep one distance."""

    __slots__ = ("offset", "synchronised")

    def __init__(self, offset: float, *, synchronised: bool) -> None:
        self.offset = offset
        self.synchronised = synchronised

    def wall(self, monotonic: float) -> float:
        """Unix seconds of a monotonic moment of this era."""
        return monotonic + self.offset

    @property
    def clock(self) -> str:
        """The word readings and events carry (ruling 22)."""
        return "synchronised" if self.synchronised else "unsynchronised"


@dataclass(frozen=True, slots=True)
class Correction:
    """The clock synchronised: earlier readings of this boot now have wall = monotonic + offset."""

    offset: float


class Timeline:
    """Keeps the current era. Give it the clocks; it does no I/O of its own.

    Args:
        monotonic: seconds of the run loop's clock.
        wall: Unix seconds of the system clock.
        synchronised: whether the kernel holds the system clock for synchronised.
    """

    def __init__(
        self, monotonic: Callable[[], float], wall: Callable[[], float], synchronised: Callable[[], bool]
    ) -> None:
        self._monotonic = monotonic
        self._wall = wall
        self._synchronised = synchronised
        self._uncertain: list[Era] = []
        self.era = self._begin(wall() - monotonic(), synchronised=synchronised())

    def _begin(self, offset: float, *, synchronised: bool) -> Era:
        era = Era(offset, synchronised=synchronised)
        if not synchronised:
            self._uncertain.append(era)
        self.era = era
        return era

    def now(self) -> float:
        """Wall time of this moment, in Unix seconds."""
        return self.era.wall(self._monotonic())

    def look(self) -> Correction | None:
        """Compare the clocks; begin a new era where the wall clock was set or its state changed.

        Call it about once a second. Returns a correction once, when the clock first synchronises.
        """
        offset = self._wall() - self._monotonic()
        synchronised = self._synchronised()
        if synchronised == self.era.synchronised and abs(offset - self.era.offset) <= STEP_S:
            return None
        if not synchronised:
            self._begin(offset, synchronised=False)
            return None
        correction = Correction(offset) if self._uncertain else None
        for era in self._uncertain:
            era.offset = offset
            era.synchronised = True
        self._uncertain.clear()
        self._begin(offset, synchronised=True)
        return correction
