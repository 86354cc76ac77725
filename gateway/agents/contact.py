"""When somebody was last heard, over restarts and on boards whose clock was not set."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.core.timeline import Era


@dataclass(frozen=True, slots=True)
class Heard:
    """A sign of life, on the clock of this run of the gateway.

    Attributes:
        at: monotonic seconds.
        era: turns that into wall time, and corrects it when the clock first synchronises.
    """

    at: float
    era: Era

    @property
    def wall(self) -> float:
        """Unix seconds."""
        return self.era.wall(self.at)

    @property
    def synchronised(self) -> bool:
        """Whether that wall time can be trusted."""
        return self.era.synchronised

    def silent_for(self, now: float) -> float:
        """Seconds since then."""
        return now - self.at


@dataclass(frozen=True, slots=True)
class Recalled:
    """A sign of life in an earlier run: all that is left of it is a wall time that may be wrong.

    Attributes:
        wall: Unix seconds.
        synchronised: whether the clock could be trusted then.
        since: monotonic seconds of the start of this run.
    """

    wall: float
    synchronised: bool
    since: float

    def silent_for(self, now: float) -> float:
        """Seconds of silence that are certain: those of this run."""
        return now - self.since

    def dated(self, now: float, era: Era) -> Contact:
        """The same on the clock of this run; itself while one of the two clocks cannot be trusted, or they disagree."""
        if not self.synchronised or not era.synchronised:
            return self
        age = era.wall(now) - self.wall
        return Heard(now - age, era) if age >= 0 else self


Contact = Heard | Recalled
