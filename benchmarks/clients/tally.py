"""Counts polls from the end of a warm-up on, for a given time."""

from __future__ import annotations

import time
from collections.abc import Sequence


class Tally:
    """One measurement.

    Args:
        count: registers a good answer has.
        seconds: to measure for.
        warm_up: polls before that.
    """

    def __init__(self, count: int, seconds: float, warm_up: int) -> None:
        self._count = count
        self._seconds = seconds
        self._warm_up = warm_up
        self._number = 0
        self._start = 0.0
        self._used = 0.0
        self.polls = 0
        self.failures = 0

    def goes_on(self) -> bool:
        """Whether to poll once more."""
        if self._number == self._warm_up:
            self._start, self._used = time.perf_counter(), time.process_time()
            self.polls = self.failures = 0
        self._number += 1
        return not self._start or time.perf_counter() - self._start < self._seconds

    def took(self, values: Sequence[object] | None) -> None:
        """One answer, or None for a poll that failed."""
        if values is not None and len(values) == self._count:
            self.polls += 1
        else:
            self.failures += 1

    def result(self) -> dict[str, float]:
        """What came out."""
        cpu, wall = time.process_time() - self._used, time.perf_counter() - self._start
        return {"polls": self.polls, "failures": self.failures, "cpu": cpu, "wall": wall}
