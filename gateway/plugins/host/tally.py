"""What is measured of calls: how many, how many failed, how long they took. Null where nothing was measured."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

# Durations that are kept for the percentile.
RECENT = 256
_WEIGHT = 0.2


@dataclass(slots=True)
class Tally:
    """Calls of one kind.

    Attributes:
        calls: that ended.
        errors: of them.
        seconds: they took together.
        smoothed: seconds, the last ones weighing most; None before the first one.
    """

    calls: int = 0
    errors: int = 0
    seconds: float = 0.0
    smoothed: float | None = None
    _recent: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))

    def note(self, seconds: float, *, failed: bool) -> None:
        """A call ended."""
        self.calls += 1
        self.errors += failed
        self.seconds += seconds
        self.smoothed = seconds if self.smoothed is None else self.smoothed + _WEIGHT * (seconds - self.smoothed)
        self._recent.append(seconds)

    @property
    def error_rate(self) -> float | None:
        """Share of errors, 0 to 1; None without a call."""
        return self.errors / self.calls if self.calls else None

    @property
    def average(self) -> float | None:
        """Seconds of a call; None without one."""
        return self.seconds / self.calls if self.calls else None

    def percentile(self, share: float) -> float | None:
        """Seconds that so large a share of the recent calls stayed within; None without a call."""
        if not self._recent:
            return None
        ordered = sorted(self._recent)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass(slots=True)
class Uptime:
    """How much of the time that it should have run something ran. ``now`` is a clock that does not go back."""

    _wanted: float = 0.0
    _up: float = 0.0
    _wanted_since: float | None = None
    _up_since: float | None = None

    def want(self, now: float, *, wanted: bool) -> None:
        """From now on it should run, or need not."""
        if self._wanted_since is not None:
            self._wanted += now - self._wanted_since
        self._wanted_since = now if wanted else None

    def set(self, now: float, *, up: bool) -> None:
        """From now on it runs, or does not."""
        if self._up_since is not None:
            self._up += now - self._up_since
        self._up_since = now if up else None

    def percentage(self, now: float) -> float | None:
        """0 to 100; None where it never should have run, or for no time yet."""
        wanted = self._wanted + (0.0 if self._wanted_since is None else now - self._wanted_since)
        up = self._up + (0.0 if self._up_since is None else now - self._up_since)
        return min(100.0, 100.0 * up / wanted) if wanted > 0 else None

    def running(self, now: float) -> float | None:
        """Seconds since it last began to run; None while it does not."""
        return None if self._up_since is None else now - self._up_since
