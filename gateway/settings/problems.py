"""What is wrong with a configuration file, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A spot in a configuration file. Line and column count from 1; the column counts characters."""

    path: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake; as text ``FILE:LINE:COL: error: reason. cure``, which editors and terminals can follow."""

    path: str
    line: int
    column: int
    severity: Severity
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.severity}: {self.message}"

    @classmethod
    def at(cls, place: Place, message: str, severity: Severity = "error") -> Problem:
        """Make the problem that stands at ``place``."""
        return cls(place.path, place.line, place.column, severity, message)


class SettingsError(Exception):
    """The configuration cannot be used.

    Attributes:
        problems: every error found, in the order of the file.
        warnings: what was odd beside it, in the order of the file.
    """

    def __init__(self, problems: tuple[Problem, ...], warnings: tuple[Problem, ...] = ()) -> None:
        super().__init__(problems, warnings)
        self.problems = problems
        self.warnings = warnings

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)
