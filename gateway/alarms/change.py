"""By how much a value has changed within a stretch of time that ends now."""

from __future__ import annotations

import math
from collections import deque

from gateway.settings.alarm_model import RateDirection

# A value is remembered for up to this share of the stretch too long, and so memory does not grow with how often it
# changes.
GRAINS = 64


class _Grain:
    """What was between two moments: its extremes, and until when the last of it lasted."""

    __slots__ = ("begun", "high", "low", "until")

    def __init__(self, value: float, until: float) -> None:
        self.begun = self.until = until
        self.low = self.high = value


class Change:
    """The window of one tag.

    Args:
        per: seconds of the stretch.
        direction: which changes count.

    Attributes:
        less_at: when the change gets less, should the value stay as it is (monotonic seconds).
        whole_at: from when on the value was known through the whole stretch, should no gap come.
    """

    __slots__ = ("_direction", "_grains", "_held", "_per", "whole_at")

    def __init__(self, per: float, direction: RateDirection) -> None:
        self._per = per
        self._direction = direction
        self._grains: deque[_Grain] = deque()
        self._held: float | None = None
        self.whole_at = math.inf

    @property
    def less_at(self) -> float:
        """When the oldest value leaves the window."""
        return self._grains[0].until + self._per if self._grains else math.inf

    def take(self, value: float, now: float) -> float:
        """Take the value of this moment, and return the change up to it."""
        if self._held is None:
            self.whole_at = now + self._per
        elif value != self._held:
            self._remember(self._held, now)
        self._held = value
        while self._grains and self._grains[0].until <= now - self._per:
            self._grains.popleft()
        up = value - min((grain.low for grain in self._grains), default=value)
        down = max((grain.high for grain in self._grains), default=value) - value
        if self._direction == "any":
            return max(up, down, 0.0)
        return max(up if self._direction == "up" else down, 0.0)

    def interrupt(self, now: float) -> None:
        """The value is not known from now on; what it was stays in the window until it is too old."""
        if self._held is not None:
            self._remember(self._held, now)
        self._held = None
        self.whole_at = math.inf

    def forget(self) -> None:
        """Nothing of what was counts any more."""
        self._grains.clear()
        self._held = None
        self.whole_at = math.inf

    def _remember(self, value: float, until: float) -> None:
        if self._grains and until - self._grains[-1].begun < self._per / GRAINS:
            last = self._grains[-1]
            last.until, last.low, last.high = until, min(last.low, value), max(last.high, value)
        else:
            self._grains.append(_Grain(value, until))
