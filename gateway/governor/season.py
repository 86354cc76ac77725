"""What is usual at this hour of the day, where a series has such a rhythm at all.

Twenty-four levels are learned beside the plain one. Whether they say more is judged by what came true: both guess each
new value before it is learned, and the daily rhythm is believed when its guesses have been clearly better.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.governor.usual import Usual

HOURS = 24
DAY_S = 86400.0
HOUR_S = 3600.0
# In each hour of the day, what was seen there some days ago weighs half; only time spent in that hour counts.
HALF_LIFE_S = 5 * HOUR_S
# Days before the rhythm is believed, and how much better its guesses must have been.
LEAST_DAYS = 3
BETTER = 0.7
JUDGED_OVER_S = 2 * DAY_S


@dataclass(slots=True)
class Season:
    """A daily rhythm.

    Attributes:
        hours: what is usual in each hour of the day.
        missed: mean error of this one's guesses, lately.
        plainly: mean error of the plain level's guesses, lately.
        days: on how many days something was learned.
    """

    hours: list[Usual] = field(default_factory=lambda: [Usual(HALF_LIFE_S) for _ in range(HOURS)])
    missed: float = 0.0
    plainly: float = 0.0
    days: int = 0
    _day: int | None = None

    def believed(self) -> bool:
        """Whether the rhythm says more than the plain level."""
        return self.days > LEAST_DAYS and self.missed < BETTER * self.plainly

    def guess(self, wall: float) -> tuple[float, float] | None:
        """Level and scale at a moment, between the middles of two hours in proportion; None where one is unknown."""
        place = (wall % DAY_S) / HOUR_S - 0.5
        before, share = int(place // 1) % HOURS, place % 1
        here, there = self.hours[before], self.hours[(before + 1) % HOURS]
        if here.level is None or there.level is None:
            return None
        level = here.level + share * (there.level - here.level)
        return level, max(here.scale(), there.scale())

    def take(self, value: float, wall: float, seconds: float, plain: float | None, *, weight: float) -> None:
        """Compare both guesses with what came, then learn."""
        guess = self.guess(wall)
        if guess is not None and plain is not None:
            share = 1.0 - 0.5 ** (seconds / JUDGED_OVER_S)
            # No single value decides: an error counts as three spreads at most.
            most = 3 * max(guess[1], abs(plain - guess[0]))
            self.missed += share * (min(abs(value - guess[0]), most) - self.missed)
            self.plainly += share * (min(abs(value - plain), most) - self.plainly)
        day = int(wall // DAY_S)
        if day != self._day:
            self._day = day
            self.days += 1
        self.hours[int(wall % DAY_S // HOUR_S)].take(value, seconds, weight=weight)

    def dump(self) -> list[object]:
        """What must survive a restart."""
        return [self.missed, self.plainly, self.days, self._day, [hour.dump() for hour in self.hours]]

    def restore(self, dumped: list[object]) -> None:
        """Go on from what ``dump`` gave.

        Raises:
            ValueError, TypeError: it is not of that form.
        """
        missed, plainly, days, day, hours = dumped
        if not isinstance(hours, list) or len(hours) != HOURS:
            raise ValueError("not a day of hours")
        self.missed, self.plainly, self.days = float(str(missed)), float(str(plainly)), int(str(days))
        self._day = None if day is None else int(str(day))
        for usual, kept in zip(self.hours, hours, strict=True):
            usual.restore(kept)
