"""Values that vary with time alone, so that a simulated plant is the same on every run."""

import math
from dataclasses import dataclass
from typing import Protocol


class Signal(Protocol):
    """A quantity in engineering units as a function of time."""

    def value(self, now: float) -> float:
        """Return the quantity `now` seconds after the simulation began."""


@dataclass(frozen=True, slots=True)
class Constant:
    """Always the same; registers that hold it may be written and then keep what was written."""

    level: float

    def value(self, now: float) -> float:  # noqa: ARG002 - the Signal protocol
        """Return the level."""
        return self.level


@dataclass(frozen=True, slots=True)
class Sine:
    """A sine around `mean`; `phase` is in turns, 0.25 starts at the crest."""

    mean: float
    amplitude: float
    period_s: float
    phase: float = 0.0

    def value(self, now: float) -> float:
        """Return the sine at `now`."""
        return self.mean + self.amplitude * math.sin(2 * math.pi * (now / self.period_s + self.phase))


@dataclass(frozen=True, slots=True)
class Ramp:
    """A saw tooth that climbs from `low` to `high` in `period_s` and falls back at once."""

    low: float
    high: float
    period_s: float

    def value(self, now: float) -> float:
        """Return the saw tooth at `now`."""
        return self.low + (self.high - self.low) * (now / self.period_s % 1.0)


@dataclass(frozen=True, slots=True)
class Counter:
    """A total that grows by `per_s` every second and starts again at zero when it reaches `wraps_at`."""

    start: float = 0.0
    per_s: float = 1.0
    wraps_at: float = math.inf

    def value(self, now: float) -> float:
        """Return the total at `now`."""
        total = self.start + self.per_s * now
        return total if total < self.wraps_at else total % self.wraps_at


@dataclass(frozen=True, slots=True)
class Square:
    """`high` for the first `duty` part of each period, else `low`."""

    low: float = 0.0
    high: float = 1.0
    period_s: float = 10.0
    duty: float = 0.5

    def value(self, now: float) -> float:
        """Return the level at `now`."""
        return self.high if now / self.period_s % 1.0 < self.duty else self.low


@dataclass(frozen=True, slots=True)
class Noise:
    """An even spread of `amplitude` around `mean`, new every `step_s`, the same for the same seed and time."""

    mean: float
    amplitude: float
    seed: int = 0
    step_s: float = 1.0

    def value(self, now: float) -> float:
        """Return the level at `now`."""
        # The finaliser of splitmix64: a hash of the step number, because a generator would remember the past.
        z = (math.floor(now / self.step_s) + self.seed * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
        z ^= z >> 31
        return self.mean + self.amplitude * (z / 0x8000000000000000 - 1.0)


class Follow:
    """A quantity that runs after a holding register of its device, as a motor runs after its set-point.

    First-order lag: after `lag_s` it has covered 63 % of the way.
    """

    def __init__(self, source: int, *, lag_s: float, gain: float = 1.0) -> None:
        self.source = source
        self._lag_s = lag_s
        self._gain = gain
        self._since = 0.0
        self._from = 0.0
        self._to = 0.0

    def value(self, now: float) -> float:
        """Return how far the quantity has come at `now`."""
        return self._to + (self._from - self._to) * math.exp(-max(0.0, now - self._since) / self._lag_s)

    def moved(self, now: float, raw: int) -> None:
        """Note that the source register was set to `raw`."""
        self._from = self.value(now)
        self._to = raw * self._gain
        self._since = now


class Switched:
    """One of two levels, depending on whether a holding register of its device is zero."""

    def __init__(self, source: int, *, off: float, on: float) -> None:
        self.source = source
        self._off = off
        self._on = on
        self._level = off

    def value(self, now: float) -> float:  # noqa: ARG002 - the Signal protocol
        """Return the level that belongs to the source register."""
        return self._level

    def moved(self, now: float, raw: int) -> None:  # noqa: ARG002 - the same shape as Follow
        """Note that the source register was set to `raw`."""
        self._level = self._on if raw else self._off
