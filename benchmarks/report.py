"""Tables as they stand in docs/benchmarks.md, and targets with what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Target:
    """A number that is promised."""

    what: str
    measured: float
    limit: float
    sense: Literal["at most", "at least"] = "at most"
    digits: int = 2

    @property
    def met(self) -> bool:
        """Whether the measurement keeps the promise."""
        return self.measured <= self.limit if self.sense == "at most" else self.measured >= self.limit

    def __str__(self) -> str:
        verdict = "met   " if self.met else "MISSED"
        return f"{verdict}  {self.what}: {self.measured:.{self.digits}f} ({self.sense} {self.limit:g})"


@dataclass(slots=True)
class Table:
    """One table.

    Attributes:
        title: what is measured.
        columns: heads; the first column is the contestant.
        notes: what one has to know to read it.
    """

    title: str
    columns: Sequence[str]
    notes: Sequence[str] = ()
    rows: list[list[str]] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)

    def add(self, *cells: str) -> None:
        """One more row."""
        assert len(cells) == len(self.columns)
        self.rows.append(list(cells))

    def __str__(self) -> str:
        lines = [list(self.columns), *self.rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.columns))]
        aligned = [
            [
                cell.rjust(width) if column else cell.ljust(width)
                for column, (cell, width) in enumerate(zip(line, widths, strict=True))
            ]
            for line in lines
        ]
        rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
        text = [f"### {self.title}", "", *("| " + " | ".join(line) + " |" for line in [aligned[0], rule, *aligned[1:]])]
        if self.targets:
            text += ["", *(f"    {target}" for target in self.targets)]
        if self.notes:
            text += ["", *self.notes]
        return "\n".join(text) + "\n"
