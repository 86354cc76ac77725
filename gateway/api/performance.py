"""How the API did in the last five minutes: measured, and unknown where nothing was measured (D-097)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

WINDOW = 300.0
_SLICE = 5.0


@dataclass(slots=True)
class _Slice:
    start: float
    requests: int = 0
    faults: int = 0
    seconds: float = 0.0


class Performance:
    """Counts requests in slices of five seconds and forgets them after five minutes.

    Args:
        monotonic: the run loop's clock, in seconds.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._started = monotonic()
        self._slices: deque[_Slice] = deque()

    @property
    def uptime(self) -> float:
        """Seconds since the start."""
        return self._monotonic() - self._started

    def note(self, seconds: float, *, fault: bool) -> None:
        """Count an answered request; ``fault``: it failed through us, not through the caller."""
        now = self._monotonic()
        if not self._slices or now - self._slices[-1].start >= _SLICE:
            self._slices.append(_Slice(now))
            self._forget(now)
        current = self._slices[-1]
        current.requests += 1
        current.faults += fault
        current.seconds += seconds

    def figures(self) -> dict[str, float | None]:
        """Mean response time in ms, requests per second, and the share that failed through us."""
        now = self._monotonic()
        self._forget(now)
        requests = sum(item.requests for item in self._slices)
        watched = min(now - self._started, WINDOW)
        return {
            "averageResponseTime": _ratio(1000 * sum(item.seconds for item in self._slices), requests),
            "requestsPerSecond": _ratio(requests, watched),
            "errorRate": _ratio(sum(item.faults for item in self._slices), requests),
        }

    def _forget(self, now: float) -> None:
        while self._slices and now - self._slices[0].start > WINDOW:
            self._slices.popleft()


def _ratio(sum_: float, count: float) -> float | None:
    return round(sum_ / count, 4) if count else None
