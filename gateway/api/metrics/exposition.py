"""The text form of Prometheus, exposition format 0.0.4."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
# Lines that are made at one go; a scrape of thousands must not hold up the polling.
PIECE = 200

_LABEL = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
_HELP = str.maketrans({"\\": r"\\", "\n": r"\n"})


@dataclass(slots=True)
class Family:
    """One metric with all its series.

    Attributes:
        name: with its unit, and ``_total`` for a counter.
        kind: how it is read.
        help: what it means.
        samples: suffix of the name, labels as ``label_text`` makes them, value.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    samples: list[tuple[str, str, float]] = field(default_factory=list)

    def add(self, value: float | None, labels: str = "") -> None:
        """Add a series; what is not known (None) has none."""
        if value is not None:
            self.samples.append(("", labels, value))

    def states(self, state: object, known: tuple[str, ...], **labels: str) -> None:
        """Add a series for each state something can be in: 1 for the one it is in, 0 for the others."""
        for name in known:
            self.add(int(name == state), label_text(**labels, state=name))


def render(family: Family) -> Iterator[str]:
    """The text of a family, in pieces that do not take long to make."""
    if not family.samples:
        return
    yield f"# HELP {family.name} {family.help.translate(_HELP)}\n# TYPE {family.name} {family.kind}\n"
    for start in range(0, len(family.samples), PIECE):
        yield "".join(
            f"{family.name}{suffix}{labels} {_number(value)}\n"
            for suffix, labels, value in family.samples[start : start + PIECE]
        )


def label_text(**labels: str) -> str:
    """Labels as they stand behind the name of a metric."""
    return "{" + ",".join([f'{name}="{value.translate(_LABEL)}"' for name, value in labels.items()]) + "}"


def _number(value: float) -> str:
    if isinstance(value, int):
        return str(value)
    if math.isfinite(value):
        return repr(value)
    if math.isnan(value):
        return "NaN"
    return "+Inf" if value > 0 else "-Inf"
