"""What there is to say of somebody's plugin: errors, for which a gateway would refuse it, and warnings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from gateway.plugins.author.json_places import Spot

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing; as text ``FILE:LINE:COL: error: reason``, which editors and terminals can follow.

    Attributes:
        path: the file, as people name it.
        severity: an error stands in the way, a warning does not.
        message: what, why, and the cure.
        spot: where in the file; None: it is about all of it.
    """

    path: str
    severity: Severity
    message: str
    spot: Spot | None = None

    def __str__(self) -> str:
        place = "" if self.spot is None else f":{self.spot.line}:{self.spot.column}"
        return f"{self.path}{place}: {self.severity}: {self.message}"


def errors_in(findings: Iterable[Finding]) -> list[Finding]:
    """Those that stand in the way."""
    return [finding for finding in findings if finding.severity == "error"]
