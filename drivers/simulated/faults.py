"""What goes wrong with devices and wires in the field, seeded so that a bad day can be replayed exactly.

The values are msgspec structs rather than dataclasses because files fill them, and unknown keys must be errors.
"""

import math
from random import Random
from typing import Annotated

import msgspec

from drivers.simulated.framing import Framing

Probability = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Seconds = Annotated[float, msgspec.Meta(ge=0.0)]


class Window(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From `start` (included) to `end` (not included), in seconds of the simulation."""

    start: Seconds
    end: Seconds = math.inf

    def holds(self, now: float) -> bool:
        """Tell whether `now` lies in the window."""
        return self.start <= now < self.end


class Spread(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A delay in seconds between `low` and `high`; with a `tail` exponential above `low`, cut at `high`.

    ``Spread(0.002, 0.004)`` is even; ``Spread(0.01, 2.0, tail=0.05)`` is mostly short and seldom very long.
    """

    low: Seconds
    high: Seconds
    tail: Annotated[float, msgspec.Meta(gt=0.0)] | None = None

    def draw(self, rng: Random) -> float:
        """Draw one delay."""
        if self.tail is None:
            return rng.uniform(self.low, self.high)
        return min(self.high, self.low + rng.expovariate(1.0 / self.tail))


class DeviceFaults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one device misbehaves. Every number without a unit is the probability per answer, 0 to 1.

    Attributes:
        silent: never answers and hears nothing.
        silent_in: windows in which it is silent.
        jitter: added to every turnaround.
        late: how often an answer is late by `late_by`, which may exceed any time-out.
        lost: the request was served, the answer never comes.
        busy: answers exception 6 and does nothing.
        corrupt: flips bits in `corrupt_bytes` characters of the answer.
        truncated: the answer stops somewhere in its middle.
        wrong_unit: the answer carries another unit's number, with a correct checksum.
        wrong_function: the answer carries another function code, with a correct checksum.
        duplicate: the answer comes twice, the second begins 20 ms behind the end of the first.
        noise_before: some random characters come right before the answer.
        noise_after: some random characters come right after it.
        twin: a second device has the same number and answers too, so many seconds after the first begins; where they
            overlap, both are spoilt.
    """

    silent: bool = False
    silent_in: tuple[Window, ...] = ()
    jitter: Spread | None = None
    late: Probability = 0.0
    late_by: Spread = Spread(0.5, 1.5)
    lost: Probability = 0.0
    busy: Probability = 0.0
    corrupt: Probability = 0.0
    corrupt_bytes: Annotated[int, msgspec.Meta(ge=1)] = 1
    truncated: Probability = 0.0
    wrong_unit: Probability = 0.0
    wrong_function: Probability = 0.0
    duplicate: Probability = 0.0
    noise_before: Probability = 0.0
    noise_after: Probability = 0.0
    twin: Spread | None = None

    def is_silent(self, now: float) -> bool:
        """Tell whether the device is dead at `now`."""
        return self.silent or any(window.holds(now) for window in self.silent_in)


class WireFaults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the wire itself misbehaves.

    Attributes:
        echo: the adapter hears what it sends.
        noise_every_s: mean pause between bursts of random characters (exponential), None for a clean wire.
        noise_bytes: the longest burst.
        unplugged: windows in which the adapter is not there.
        swapped: A and B are swapped at the adapter: no device understands it, and what it hears of the idle line after
            each request is a break, which arrives as a zero.
    """

    echo: bool = False
    noise_every_s: Annotated[float, msgspec.Meta(gt=0.0)] | None = None
    noise_bytes: Annotated[int, msgspec.Meta(ge=1)] = 8
    unplugged: tuple[Window, ...] = ()
    swapped: bool = False


def garble(data: bytes, framing: Framing, rng: Random, count: int | None = None) -> bytes:
    """Return `data` with `count` of its characters changed (None: all of them), so that it shows.

    One damaged frame in 65 536 has the right CRC by chance, one in 256 the right LRC; no receiver can tell that.
    """
    damaged = _changed(data, rng, count)
    while framing.checked and framing.decode(damaged) is not None:
        damaged = _changed(data, rng, count)
    return damaged


def _changed(data: bytes, rng: Random, count: int | None) -> bytes:
    changed = bytearray(data)
    for at in range(len(data)) if count is None else rng.sample(range(len(data)), min(count, len(data))):
        changed[at] ^= rng.randrange(1, 256)
    return bytes(changed)
