"""What an analysis finds: one thing, how bad it is, what shows it, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gateway.core.alerts import Severity
from gateway.core.ports import Json

_ORDER = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.INFO: 2}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing.

    Attributes:
        kind: which rule found it, e.g. "silent-device".
        severity: how bad.
        component: what it is about, e.g. ``device:bus/meter``.
        summary: a sentence for people.
        recommendation: what to do, for people; empty where there is nothing to do.
        evidence: the measurements, for programs.
    """

    kind: str
    severity: Severity
    component: str
    summary: str
    recommendation: str = ""
    evidence: Mapping[str, Json] = field(default_factory=dict)

    def shown(self) -> dict[str, Json]:
        """As callers see it."""
        return {
            "kind": self.kind,
            "severity": str(self.severity),
            "component": self.component,
            "summary": self.summary,
            "recommendation": self.recommendation,
            "evidence": dict(self.evidence),
        }


@dataclass(frozen=True, slots=True)
class Report:
    """What came of one examination.

    Attributes:
        findings: as they were found.
        patterns: what several findings have in common.
        measured: how much of what could be looked at had enough measurements to judge, 0 to 1.
    """

    findings: tuple[Finding, ...] = ()
    patterns: tuple[str, ...] = ()
    measured: float = 1.0


def by_severity(findings: Iterable[Finding]) -> list[Finding]:
    """The worst first; equal ones as they were found."""
    return sorted(findings, key=lambda finding: _ORDER[finding.severity])


def recommendations(findings: Iterable[Finding]) -> list[str]:
    """What to do, most urgent first, each once."""
    return list(dict.fromkeys(finding.recommendation for finding in by_severity(findings) if finding.recommendation))
