"""What is usual for a series of numbers: its level and its spread, learned as it goes.

Both forget exponentially, so that a plant that changes for good is learned anew; each new number moves them by no more
than three spreads, so that a fault does not teach them (Huber's bounded influence).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import median

# Numbers that are collected before anything is said.
WARM_UP = 30
BOUND = 3.0
# The mean absolute deviation of normal noise, cut at three spreads, times this is its standard deviation.
CONSISTENT = 1.2533
MAD_TO_SIGMA = 1.4826
# A series that never moves has no spread to measure: the least that counts, relative to its level.
LEAST_RELATIVE = 1e-4
LEAST = 1e-9


@dataclass(slots=True)
class Usual:
    """Level and spread of a series.

    Attributes:
        half_life: seconds after which what was learned weighs half.
        level: the usual value; None until enough was seen.
        spread: the usual deviation from it, comparable to a standard deviation.
        step: the smallest change ever seen: a coarse sensor is not called unusual for its last digit.
        seen: how many numbers were taken.
    """

    half_life: float
    level: float | None = None
    spread: float = 0.0
    step: float = math.inf
    seen: int = 0
    _last: float | None = None
    _first: list[float] = field(default_factory=list)

    def scale(self) -> float:
        """The spread to compare with: never less than the sensor's own resolution."""
        coarse = self.step if math.isfinite(self.step) else 0.0
        return max(self.spread, coarse, LEAST_RELATIVE * abs(self.level or 0.0), LEAST)

    def off(self, value: float) -> float | None:
        """How many spreads a value is away from usual, with its sign; None while too little is known."""
        return None if self.level is None else (value - self.level) / self.scale()

    def take(self, value: float, seconds: float, *, weight: float = 1.0) -> None:
        """Learn from one more value.

        Args:
            value: any finite number.
            seconds: since the one before.
            weight: 0 to 1; less than 1 while something unusual goes on.
        """
        self.seen += 1
        if self._last is not None and value != self._last:
            self.step = min(self.step, abs(value - self._last))
        self._last = value
        if self.level is None:
            self._begin(value)
            return
        share = weight * (1.0 - 0.5 ** (seconds / self.half_life))
        # While little was seen, all of it weighs alike: the first numbers must not rule for a whole half-life.
        share = max(share, weight / self.seen)
        limit = BOUND * self.scale()
        bounded = min(max(value - self.level, -limit), limit)
        self.level += share * bounded
        self.spread += share * (abs(bounded) * CONSISTENT - self.spread)

    def _begin(self, value: float) -> None:
        self._first.append(value)
        if len(self._first) >= WARM_UP:
            self.level = median(self._first)
            self.spread = MAD_TO_SIGMA * median(abs(value - self.level) for value in self._first)
            self._first = []

    def dump(self) -> list[float | None]:
        """What must survive a restart."""
        return [self.level, self.spread, self.step if math.isfinite(self.step) else None, float(self.seen)]

    def restore(self, dumped: list[float | None]) -> None:
        """Go on from what ``dump`` gave.

        Raises:
            ValueError, TypeError: it is not of that form.
        """
        level, spread, step, seen = dumped
        self.level = None if level is None else float(level)
        self.spread, self.seen = float(spread or 0.0), int(seen or 0)
        self.step = math.inf if step is None else float(step)
