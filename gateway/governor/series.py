"""One series the intelligence governor learns: what it is called, what is unusual about it, and where it is going."""

from __future__ import annotations

import json
from array import array
from dataclasses import dataclass, field

from gateway.core.ports import Json
from gateway.governor.detector import Detector
from gateway.governor.trend import Trend, trend_of

HOUR_S = 3600.0
# Hourly points are kept for a week.
WEEK_S = 7 * 86400.0
DIGITS = 6


@dataclass(slots=True, eq=False)
class Series:
    """One series.

    Attributes:
        key: unique, e.g. ``tag:bus/meter/temperature`` or ``latency:bus/meter``.
        detector: what is usual for it.
        times: middles of the hours of the last week, in Unix seconds; only where a trend is looked for.
        means: of these hours.
        fed: when it last got a value, on the run loop's clock.
        saved: when it was last kept, on the run loop's clock.
    """

    key: str
    trends: bool
    detector: Detector = field(default_factory=Detector)
    times: array[float] = field(default_factory=lambda: array("d"))
    means: array[float] = field(default_factory=lambda: array("d"))
    fed: float | None = None
    saved: float = 0.0
    fresh: bool = False
    _hour: float | None = None
    _sum: float = 0.0
    _count: int = 0

    def take(self, value: float, now: float, wall: float, *, dated: bool = True) -> None:
        """One more value, at ``now`` on the run loop's clock and ``wall`` in Unix seconds.

        Where the wall clock was not set (``dated`` is False) it says neither the hour of the day nor the day of a week.
        """
        self.fed, self.fresh = now, True
        self.detector.take(value, wall, dated=dated)
        if not self.trends:
            return
        if not dated:
            self._hour, self._sum, self._count = None, 0.0, 0
            return
        hour = wall // HOUR_S
        if self._hour is not None and hour != self._hour and self._count:
            self._point((self._hour + 0.5) * HOUR_S, self._sum / self._count)
            self._sum, self._count = 0.0, 0
        self._hour = hour
        self._sum += value
        self._count += 1

    def _point(self, time: float, mean: float) -> None:
        """One more hour. Where the clock was set meanwhile, points beyond it or long before it say nothing of it."""
        sound = [point for point in self.points() if time - WEEK_S < point[0] < time]
        self.times = array("d", [*(before for before, _ in sound), time])
        self.means = array("d", [*(before for _, before in sound), mean])

    def points(self) -> list[tuple[float, float]]:
        """The hourly means, with their times."""
        return list(zip(self.times, self.means, strict=True))

    def trend(self) -> Trend | None:
        """Where its hourly means are going."""
        return trend_of(self.points())

    def dump(self) -> str:
        """What must survive a restart, in numbers no longer than they are true; as text, which takes least memory."""
        kept = {"detector": _short(self.detector.dump()), "points": _short([list(point) for point in self.points()])}
        return json.dumps(kept, separators=(",", ":"))

    def restore(self, kept: Json) -> None:
        """Go on from what ``dump`` gave; what cannot be read is learned anew."""
        try:
            kept = json.loads(kept) if isinstance(kept, str) else None
        except ValueError:
            return
        if not isinstance(kept, dict):
            return
        self.detector = Detector.restored(kept.get("detector"))
        points = kept.get("points")
        if self.trends and isinstance(points, list):
            for point in points:
                match point:
                    case [int() | float() as time, int() | float() as mean]:
                        self._point(time, mean)
                    case _:
                        pass


def _short(value: object) -> Json:
    if isinstance(value, list):
        return [_short(item) for item in value]
    if isinstance(value, float):
        # Times of points are whole numbers of seconds, and stay so.
        return int(value) if value.is_integer() and abs(value) < 2**53 else float(f"{value:.{DIGITS}g}")
    return value if isinstance(value, int | str) else None
