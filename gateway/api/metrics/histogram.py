"""Durations, counted by how long they were."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from gateway.api.metrics.exposition import Family, label_text


class Histogram:
    """Counts durations in buckets.

    Args:
        bounds: upper bounds of the buckets in seconds, rising; one more holds what is longer.
    """

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count one."""
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._sum += seconds

    def write(self, family: Family, /, **labels: str) -> None:
        """Add the series of this histogram; each bucket counts what is in the smaller ones too."""
        text = label_text(**labels) if labels else ""
        count = 0
        for bound, number in zip([*map(repr, self._bounds), "+Inf"], self._counts, strict=True):
            count += number
            family.samples.append(("_bucket", label_text(**labels, le=bound), count))
        family.samples.append(("_sum", text, self._sum))
        family.samples.append(("_count", text, count))
