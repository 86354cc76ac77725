"""Whether a series creeps away day by day, which what is usual follows and so never tells.

What is usual forgets with a half-life of hours, so that a plant that changes is learned anew: a sensor that drifts by a
little every day takes it along. Here only the steps from one day's mean to the next are looked at, counted in what such
steps usually are. They are summed, each less a little, in both directions (Page's cumulative sum): what goes to and
fro, or wanders, comes back to nothing; what goes one way does not.
"""

from __future__ import annotations

from dataclasses import dataclass, field

DAY_S = 86400.0
# Steps of a month ago say little of what steps are usual now.
HALF_LIFE_DAYS = 14.0
# The mean absolute deviation of normal noise times this is its standard deviation.
CONSISTENT = 1.2533
# A step smaller than this share of the usual spread is none that matters, however regular.
LEAST_STEP = 0.25
# Of each step so much is left out, and more than so much does not count: a jump, which is told by another rule, must
# not look like a creep of many days, nor a free weekend.
SLACK, MOST = 0.5, 4.0
# Sums beyond it are found; below it they are over. By chance it is reached once in some twenty years where a series
# wanders, the worst there is, and never in others.
FOUND, OVER = 10.0, 5.0
# Days before anything is said, so that it is known what steps are usual.
LEAST_DAYS = 7
# While it goes one way little is learned, so that it does not become usual at once.
LEARNED_MEANWHILE = 0.1


@dataclass(slots=True)
class _Way:
    """One direction: its sum, where it began, and how many days ago."""

    sum: float = 0.0
    start: float = 0.0
    days: int = 0

    def add(self, step: float, before: float) -> None:
        if self.sum <= 0.0:
            self.start, self.days = before, 0
        self.days += 1
        # No more than can be forgotten within days once it stands still.
        self.sum = min(max(0.0, self.sum + min(step, MOST) - SLACK), FOUND)


@dataclass(frozen=True, slots=True)
class Crept:
    """A series went one way for days.

    Attributes:
        start: the daily mean it set out from.
        now: the last daily mean.
        days: between the two.
        off: how far it went, in usual spreads.
    """

    start: float
    now: float
    days: int
    off: float


@dataclass(slots=True)
class Creep:
    """Looks at the means of days of watching; a day is that of the clock no more than by its length.

    Attributes:
        found: that it creeps; None while it does not.
    """

    found: Crept | None = None
    _sum: float = 0.0
    _seconds: float = 0.0
    _mean: float | None = None
    _step: float = 0.0
    _days: int = 0
    _up: _Way = field(default_factory=_Way)
    _down: _Way = field(default_factory=_Way)

    def take(self, value: float, seconds: float, scale: float) -> None:
        """One more value.

        Args:
            value: cut to what is near usual, so that no fault of a few hours makes a day.
            seconds: since the one before.
            scale: the usual spread of single values.
        """
        self._sum += value * seconds
        self._seconds += seconds
        if self._seconds < DAY_S:
            return
        mean = self._sum / self._seconds
        self._sum = self._seconds = 0.0
        before, self._mean = self._mean, mean
        if before is not None:
            self._next(before, mean, scale)

    def _next(self, before: float, mean: float, scale: float) -> None:
        step = mean - before
        usual = max(self._step, LEAST_STEP * scale)
        if self._days:
            self._up.add(step / usual, before)
            self._down.add(-step / usual, before)
        self._days += 1
        going = max(self._up.sum, self._down.sum) > OVER
        share = max(1.0 - 0.5 ** (1.0 / HALF_LIFE_DAYS), 1.0 / self._days) * (LEARNED_MEANWHILE if going else 1.0)
        bounded = min(abs(step), MOST * usual)
        self._step += share * (CONSISTENT * bounded - self._step)
        way = max(self._up, self._down, key=lambda way: way.sum)
        stands = way.sum >= (FOUND if self.found is None else OVER)
        if not stands or self._days < LEAST_DAYS:
            self.found = None
        else:
            self.found = Crept(way.start, mean, way.days, (mean - way.start) / scale)

    def dump(self) -> list[float | None]:
        """What must survive a restart."""
        ways = (self._up, self._down)
        return [
            self._sum,
            self._seconds,
            self._mean,
            self._step,
            float(self._days),
            *(number for way in ways for number in (way.sum, way.start, float(way.days))),
        ]

    def restore(self, dumped: object) -> None:
        """Go on from what ``dump`` gave.

        Raises:
            ValueError, TypeError: it is not of that form.
        """
        if not isinstance(dumped, list):
            raise TypeError("no list")
        total, seconds, mean, step, days, *ways = dumped
        self._sum, self._seconds, self._step, self._days = float(total), float(seconds), float(step), int(days)
        self._mean = None if mean is None else float(mean)
        up, start_up, days_up, down, start_down, days_down = ways
        self._up = _Way(float(up), float(start_up), int(days_up))
        self._down = _Way(float(down), float(start_down), int(days_down))
