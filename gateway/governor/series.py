"""One series the intelligence governor learns: what it is called, what is unusual about it, and where it is going."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from gateway.core.ports import Json
from gateway.governor.detector import Detector
from gateway.governor.trend import Trend, trend_of

HOUR_S = 3600.0
# A week of hourly points.
MOST_POINTS = 168
WEEK_S = 7 * 86400.0
DIGITS = 6


@dataclass(slots=True, eq=False)
class Series:
    """One series.

    Attributes:
        key: unique, e.g. ``tag:bus/meter/temperature`` or ``latency:bus/meter``.
        detector: what is usual for it.
        points: (Unix seconds, mean of the hour), of the last week; only where a trend is looked for.
        fed: when it last got a value, on the run loop's clock.
        saved: when it was last kept, on the run loop's clock.
    """

    key: str
    trends: bool
    detector: Detector = field(default_factory=Detector)
    points: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=MOST_POINTS))
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
        sound = [point for point in self.points if time - WEEK_S <= point[0] < time]
        if len(sound) < len(self.points):
            self.points = deque(sound, maxlen=MOST_POINTS)
        self.points.append((time, mean))

    def trend(self) -> Trend | None:
        """Where its hourly means are going."""
        return trend_of(list(self.points))

    def dump(self) -> Json:
        """What must survive a restart, in numbers no longer than they are true."""
        return {"detector": _short(self.detector.dump()), "points": _short([list(point) for point in self.points])}

    def restore(self, kept: Json) -> None:
        """Go on from what ``dump`` gave; what cannot be read is learned anew."""
        if not isinstance(kept, dict):
            return
        self.detector = Detector.restored(kept.get("detector"))
        points = kept.get("points")
        if self.trends and isinstance(points, list):
            for point in points:
                if isinstance(point, list) and len(point) == 2:
                    time, mean = point
                    if isinstance(time, int | float) and isinstance(mean, int | float):
                        self.points.append((time, mean))


def _short(value: object) -> Json:
    if isinstance(value, list):
        return [_short(item) for item in value]
    if isinstance(value, float):
        # Times of points are whole numbers of seconds, and stay so.
        return int(value) if value.is_integer() and abs(value) < 2**53 else float(f"{value:.{DIGITS}g}")
    return value if isinstance(value, int | str) else None
