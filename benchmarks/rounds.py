"""Interleaved rounds: every contestant once, then all again, so that what the neighbours do hits all alike."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from statistics import median

Sample = Mapping[str, float]
Contestants = Mapping[str, Callable[[], Sample]]


class Results:
    """What every contestant measured, round by round."""

    def __init__(self, samples: Mapping[str, list[Sample]]) -> None:
        self._samples = samples

    def of(self, name: str, key: str) -> float:
        """The median of a measurement."""
        return median(sample[key] for sample in self._samples[name])

    def most(self, name: str, key: str) -> float:
        """The largest of a measurement: one violation in one round is one too many."""
        return max(sample[key] for sample in self._samples[name])

    def spread(self, name: str, key: str) -> float:
        """Half the distance between the extremes, as a share of the median: the noise."""
        values = [sample[key] for sample in self._samples[name]]
        middle = median(values)
        return (max(values) - min(values)) / 2 / middle if middle else 0.0

    def ratio(self, name: str, other: str, key: str) -> float:
        """The median of the ratios of two contestants in the same round."""
        pairs = zip(self._samples[name], self._samples[other], strict=True)
        return median(one[key] / two[key] for one, two in pairs)


def interleave(contestants: Contestants, rounds: int) -> Results:
    """Run every contestant once a round; each round begins with another one."""
    names = list(contestants)
    samples: dict[str, list[Sample]] = {name: [] for name in names}
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            samples[name].append(contestants[name]())
            print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return Results(samples)
