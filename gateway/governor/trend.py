"""Where a figure is going: a robust slope, whether it can be chance, and when it reaches a limit.

The slope is the median of the slopes between all pairs of points (Theil-Sen): outliers do not turn it. Whether there
is a trend at all is judged by how many pairs rise and fall (Mann-Kendall), which asks nothing of how the figure is
distributed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

# Fewer points say nothing of a trend.
LEAST_POINTS = 24
# More points than this are compared by the middles of two or three: all pairs of a week of hours would hold up the run
# loop of a small board for a tenth of a second.
MOST_COMPARED = 60
# In one of two hundred series without a trend one is seen all the same.
SIGNIFICANT = 2.81


@dataclass(frozen=True, slots=True)
class Trend:
    """A straight line through points.

    Attributes:
        slope: change in a second.
        level: of the line at its last point.
        sure: standard deviations by which pairs rise rather than fall; negative where they fall.
    """

    slope: float
    level: float
    sure: float

    @property
    def significant(self) -> bool:
        """Whether it can hardly be chance."""
        return abs(self.sure) >= SIGNIFICANT

    def reaches(self, limit: float) -> float | None:
        """Seconds after the last point at which the line crosses a limit above; None where it does not rise to it."""
        if not self.significant or self.slope <= 0:
            return None
        return max((limit - self.level) / self.slope, 0.0)


def thinned(points: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    """As many points as are compared, each the middle of some that follow each other."""
    group = math.ceil(len(points) / MOST_COMPARED)
    if group < 2:
        return points
    groups = [points[place : place + group] for place in range(0, len(points), group)]
    return [(median(time for time, _ in some), median(figure for _, figure in some)) for some in groups]


def trend_of(points: Sequence[tuple[float, float]]) -> Trend | None:
    """The trend of (seconds, figure) points in the order of time; None for too few of them."""
    if len(points) < LEAST_POINTS:
        return None
    points = thinned(points)
    number = len(points)
    slopes = []
    rising = 0
    for later in range(1, number):
        time, figure = points[later]
        for earlier in range(later):
            before, old = points[earlier]
            if time > before:
                slopes.append((figure - old) / (time - before))
                rising += (figure > old) - (figure < old)
    if not slopes:
        return None
    slope = median(slopes)
    last = points[-1][0]
    level = median(figure - slope * (time - last) for time, figure in points)
    spread = math.sqrt(number * (number - 1) * (2 * number + 5) / 18)
    return Trend(slope, level, rising / spread)
