"""The bytes a day that may go to the card: counted, kept to by giving detail of history away, and told.

The budget of a day is spent evenly: what has been written is compared with what an even pace would have written by
now, plus a head start. So a busy site loses some detail all day long instead of all detail every evening.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from enum import IntEnum

from gateway.core.ports import Json
from gateway.storage.settings import DAY, Announce

# Shares of the day's budget: free at once, spread over the day, and between two levels. They sum up to the whole.
_HEAD_START = 0.10
_SPREAD = 0.80
_STEP = 0.05
# A level is left only when the pace has been regained by this share, or the levels would flicker.
_REGAIN = 0.02


class Level(IntEnum):
    """How far history has given way; facts never do."""

    EVERYTHING = 0
    SELDOM = 1
    THINNED = 2
    MEMORY = 3


_SUMMARY = {
    Level.EVERYTHING: "the write budget suffices again: history is written in full",
    Level.SELDOM: "the write budget is short: history is written less often",
    Level.THINNED: "the write budget is short: history keeps at most one value a minute of each tag",
    Level.MEMORY: "the write budget is spent: history is kept in memory only",
}


class Budget:
    """What may be written to the card, and how far history gives way to it.

    Args:
        limit: bytes a day.
        monotonic: seconds of the run loop's clock; the day is measured with it, for wall clocks jump.
        wall: Unix seconds, for the start of the day as it is shown and kept over restarts.
        announce: told when history gives way, and when it no longer has to.
    """

    def __init__(
        self, limit: int, monotonic: Callable[[], float], wall: Callable[[], float], announce: Announce
    ) -> None:
        self._limit = limit
        self._monotonic = monotonic
        self._wall = wall
        self._announce = announce
        self._began = monotonic()
        self._began_wall = wall()
        self._spent: Counter[str] = Counter()
        self._yesterday: int | None = None
        self._level = Level.EVERYTHING
        self._announced = Level.EVERYTHING
        self.used = 0
        self.commits = 0

    def resume(self, began: float, used: int) -> None:
        """Go on with the day an earlier process began, so that restarts do not mint bytes.

        Args:
            began: Unix seconds of the start of that day.
            used: bytes written in it.
        """
        passed = self._wall() - began
        if passed >= DAY:
            return
        # The clock may have gone back over the restart: then the whole day is ahead, and the bytes still count.
        self._began = self._monotonic() - max(passed, 0.0)
        self._began_wall = self._wall() - max(passed, 0.0)
        self._spent["before_restart"] += used
        self.used += used

    def spend(self, part: str, amount: int) -> None:
        """Count bytes that went to the disk on behalf of a part."""
        self._turn()
        self._spent[part] += amount
        self.used += amount
        self.commits += bool(amount)

    def spent(self, part: str) -> int:
        """Bytes of this day that were written on behalf of a part."""
        return self._spent[part]

    def spread(self, amount: int, share: float) -> float:
        """Seconds between two writes of so many bytes each that together take a share of the budget."""
        return amount * DAY / (share * self._limit) if self._limit else DAY

    @property
    def level(self) -> Level:
        """How far history has to give way now."""
        self._turn()
        passed = min((self._monotonic() - self._began) / DAY, 1.0)
        ahead = self.used / self._limit - (_HEAD_START + _SPREAD * passed) if self._limit else 1.0
        level = min(Level.MEMORY, max(Level.EVERYTHING, Level(_steps(ahead))))
        if level < self._level:
            level = min(self._level, Level(_steps(ahead + _REGAIN)))
        self._level = level
        if level > self._announced or (level is Level.EVERYTHING and self._announced):
            self._announced = level
            self._announce(
                "write_budget",
                "warning" if level else "info",
                _SUMMARY[level],
                {"state": "firing" if level else "resolved", **self.status()},
            )
        return level

    def status(self) -> dict[str, Json]:
        """What is written today, by part, against the budget; ``history`` says how far it has given way."""
        return {
            "written_today": self.used,
            "budget": self._limit,
            "parts": dict(self._spent),
            "written_day_before": self._yesterday,
            "day_began": self._began_wall,
            "commits": self.commits,
            "history": self._level.name.lower(),
            "given_way": self._level > Level.EVERYTHING,
        }

    def day(self) -> dict[str, Json]:
        """What ``resume`` needs after a restart."""
        return {"began": self._began_wall, "used": self.used}

    def _turn(self) -> None:
        """Begin a new day when the old one is over."""
        days = (self._monotonic() - self._began) // DAY
        if days < 1:
            return
        self._began += days * DAY
        self._began_wall = self._wall() - (self._monotonic() - self._began)
        self._yesterday = self.used if days == 1 else 0
        self._spent.clear()
        self.used = 0
        self.commits = 0


def _steps(ahead: float) -> int:
    """Levels by how far the writing is ahead of the pace, as a share of the budget."""
    return 0 if ahead <= 0 else min(1 + int(ahead / _STEP), int(Level.MEMORY))
