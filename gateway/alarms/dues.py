"""Which alarm has to be looked at when, although nothing new was read."""

from __future__ import annotations

import heapq
import math
from itertools import count

from gateway.alarms.point import Point


class Dues:
    """Points by when they are due.

    What is put off, as a silence is by every value, stays in its place and is put off when its turn comes: so the
    thousand values that come meanwhile cost one comparison each.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Point]] = []
        self._places: dict[Point, float] = {}
        self._numbers = count()

    @property
    def next(self) -> float:
        """When to look next (monotonic seconds); infinite where nothing is due."""
        return self._heap[0][0] if self._heap else math.inf

    def note(self, point: Point) -> None:
        """Take over when a point is due, after it was fed."""
        if point.due < self._places.get(point, math.inf):
            self._places[point] = point.due
            heapq.heappush(self._heap, (point.due, next(self._numbers), point))

    def take(self, now: float) -> list[Point]:
        """The points that are due."""
        found = []
        while self._heap and self._heap[0][0] <= now:
            at, _, point = heapq.heappop(self._heap)
            if self._places.get(point) != at:
                continue
            del self._places[point]
            if point.due <= now:
                found.append(point)
            else:
                self.note(point)
        return found
