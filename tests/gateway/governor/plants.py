"""Series of numbers as plants make them, with faults put in at a known moment: for tuning, tests and reported rates.

Tuning used seeds below 100; what is reported uses seeds from 1000 on.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from gateway.governor.detector import Anomaly, Detector

STEP_S = 10.0
DAY_S = 86400.0
BEGIN = 19_675 * DAY_S


class Kind(StrEnum):
    """What a series is like without a fault."""

    NOISE = "noise"
    SLOW = "slow noise"
    COARSE = "coarse sensor"
    DAILY = "daily wave"
    SHIFT = "day and night"
    PUMP = "pump on and off"
    HEAVY = "heavy tails"
    WANDER = "wandering"


class Fault(StrEnum):
    """What goes wrong."""

    JUMP = "jump"
    DRIFT = "drift"
    FROZEN = "frozen"
    CREEP = "creep"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a detector did on one series.

    Attributes:
        false: alarms before the fault, or in all where there is none.
        days: days that were watched without a fault.
        found: seconds from the fault to its alarm; None where it was not found.
        anomaly: the first alarm after the fault.
    """

    false: int
    days: float
    found: float | None
    anomaly: Anomaly | None


def values(kind: Kind, seed: int) -> Iterator[tuple[float, float, float]]:
    """(Unix seconds, value, deviation of its noise) every ten seconds, for ever."""
    rng = random.Random(f"{kind}/{seed}")
    base, noise = rng.uniform(-50, 200), 10 ** rng.uniform(-2, 1)
    phase, amplitude = rng.uniform(0, DAY_S), noise * rng.uniform(3, 15)
    digit = noise * 3 * 10 ** rng.uniform(-1, 0)
    memory = math.exp(-STEP_S / rng.uniform(60, 7200))
    wall, slow, walk, running, left = BEGIN, 0.0, 0.0, False, 0.0
    while True:
        wall += STEP_S
        slow = memory * slow + math.sqrt(1 - memory * memory) * rng.gauss(0, noise)
        hour = (wall + phase) % DAY_S / 3600
        left -= STEP_S
        if left <= 0:
            running = not running
            left = 60 + rng.expovariate(1 / (1800 if running else 3600))
        walk += rng.gauss(0, noise * 0.02)
        value = {
            Kind.NOISE: base + rng.gauss(0, noise),
            Kind.SLOW: base + slow,
            Kind.COARSE: round((base + slow) / digit) * digit,
            Kind.DAILY: base + slow + amplitude * math.sin(2 * math.pi * hour / 24),
            Kind.SHIFT: base + slow + (amplitude if 7 < hour < 18 else 0.0),
            Kind.PUMP: base + rng.gauss(0, noise) + (amplitude if running else 0.0),
            Kind.HEAVY: base + noise * rng.gauss(0, 1) / max(math.sqrt(rng.gammavariate(1.5, 1 / 1.5)), 0.05),
            Kind.WANDER: base + walk + rng.gauss(0, noise),
        }[kind]
        yield wall, value, max(noise, digit) if kind is Kind.COARSE else noise


def watch(
    kind: Kind, seed: int, *, fault: Fault | None = None, size: float = 10.0, days: int = 6, lasting: int = 1
) -> Outcome:
    """Let a detector watch a series for some days; a fault begins with the last of them.

    Args:
        kind: of the series.
        seed: of it.
        fault: what goes wrong.
        size: of a jump, of a drift after twelve hours, or of a creep after a day, in deviations of the noise.
        days: in all.
        lasting: how many of them with the fault.
    """
    detector, begin = Detector(), BEGIN + (days - lasting) * DAY_S
    end = BEGIN + days * DAY_S
    false, alarmed, stuck = 0, False, None
    for wall, clean, noise in values(kind, seed):
        if wall > end:
            break
        value = clean
        if fault is not None and wall > begin:
            if fault is Fault.FROZEN:
                stuck = value = clean if stuck is None else stuck
            else:
                value += size * noise * _grown(fault, wall - begin)
        anomaly = detector.take(value, wall)
        if anomaly is not None and not alarmed:
            if fault is not None and wall > begin:
                return Outcome(false, days - float(lasting), wall - begin, anomaly)
            false += 1
        alarmed = anomaly is not None
    return Outcome(false, days - (0.0 if fault is None else float(lasting)), None, None)


def _grown(fault: Fault, seconds: float) -> float:
    """How much of its size a fault has after so long."""
    return 1.0 if fault is Fault.JUMP else seconds / (DAY_S if fault is Fault.CREEP else DAY_S / 2)
