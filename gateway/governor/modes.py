"""Levels a series keeps coming back to: a pump that runs or rests has two usual values, and neither is a fault.

A level becomes known when the series has been there on several occasions. An occasion is a stretch of time far from
what is usual; its mean is what is remembered.
"""

from __future__ import annotations

from dataclasses import dataclass, field

# Levels that are remembered; the least known one makes room.
MOST = 6
# Occasions on which a level must have been seen to be known.
KNOWN = 3
# How near a value must be to a level to be it, in spreads.
NEAR = 4.0


@dataclass(slots=True)
class Mode:
    """One level.

    Attributes:
        level: mean of its occasions.
        occasions: how often it was seen.
    """

    level: float
    occasions: int = 1


@dataclass(slots=True)
class Modes:
    """The levels of one series beside its usual one."""

    modes: list[Mode] = field(default_factory=list)
    _sum: float = 0.0
    _count: int = 0

    def known(self, value: float, scale: float) -> float | None:
        """The known level a value belongs to; None where it belongs to none."""
        near = [mode.level for mode in self.modes if mode.occasions >= KNOWN and abs(value - mode.level) < NEAR * scale]
        return min(near, key=lambda level: abs(value - level)) if near else None

    def away(self, value: float) -> None:
        """The series is far from usual with this value."""
        self._sum += value
        self._count += 1

    def back(self, scale: float, least: int) -> None:
        """It is usual again: what was between is an occasion if it lasted for at least so many values."""
        if self._count >= least:
            self._remember(self._sum / self._count, scale)
        self._sum, self._count = 0.0, 0

    def _remember(self, level: float, scale: float) -> None:
        for mode in self.modes:
            if abs(mode.level - level) < NEAR * scale:
                mode.occasions += 1
                mode.level += (level - mode.level) / min(mode.occasions, 10)
                return
        if len(self.modes) >= MOST:
            self.modes.remove(min(self.modes, key=lambda mode: mode.occasions))
        self.modes.append(Mode(level))

    def dump(self) -> list[list[float]]:
        """What must survive a restart."""
        return [[mode.level, float(mode.occasions)] for mode in self.modes]

    def restore(self, dumped: list[list[float]]) -> None:
        """Go on from what ``dump`` gave."""
        self.modes = [Mode(float(level), int(occasions)) for level, occasions in dumped][:MOST]
