"""Analyses that were asked for: queued, run in the background one after the other, kept for a week (D-095, D-096)."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import structlog
import trio

from gateway.core import rfc3339
from gateway.core.errors import Code, GatewayError, invalid
from gateway.core.ports import FactStore, Json
from gateway.governor.analysis.finding import Report, by_severity, recommendations

log = structlog.stdlib.get_logger(__name__)

ANALYSES = "analysis"
NUMBER = "analysis_number"
STRIDE = 10
MOST_QUEUED = 8
MOST_KEPT = 100
KEPT_S = 7 * 86400.0
# Findings that are kept of one analysis, the worst ones; and of what is unusual.
MOST_FINDINGS = 100
MOST_ANOMALIES = 50
# Findings and anomalies of all analyses that are kept: where there were many, fewer analyses are.
MOST_IN_ALL = 2000
# So many an hour are written to the disk: whoever asks again and again does not wear it out.
MOST_WRITTEN = 20
HOUR_S = 3600.0
PRIORITIES = ("high", "normal", "low")
SCOPES = ("network", "agents", "performance", "all")

Progress = Callable[[float], None]
Examine = Callable[[Progress], Awaitable[Report]]


class Status(StrEnum):
    """How far an analysis is."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


UNFINISHED = frozenset({Status.QUEUED, Status.RUNNING})


@dataclass(slots=True, eq=False)
class Analysis:
    """One analysis.

    Attributes:
        analysis_id: e.g. ``analysis-001``.
        scope: what is examined: network, agents, performance, all.
        priority: low, normal, high.
        asked: Unix seconds.
        status: how far it is.
        progress: 0 to 1.
        started: Unix seconds; None before.
        completed: Unix seconds of its end, whatever that was; None before.
        result: findings, patterns, anomalies, recommendations and confidence; empty before its end.
        reason: why it failed or was cancelled.
        written: it is on the disk.
    """

    analysis_id: str
    scope: str
    priority: str
    asked: float
    status: Status = Status.QUEUED
    progress: float = 0.0
    started: float | None = None
    completed: float | None = None
    result: Mapping[str, Json] = field(default_factory=dict)
    reason: str | None = None
    written: bool = False

    @property
    def found(self) -> int:
        """How many findings and anomalies it has."""
        parts = (self.result.get("findings"), self.result.get("anomalies"))
        return sum(len(part) for part in parts if isinstance(part, list))

    def shown(self) -> dict[str, Json]:
        """As callers see it."""
        return {
            "analysisId": self.analysis_id,
            "scope": self.scope,
            "priority": self.priority,
            "status": str(self.status),
            "progress": round(self.progress, 2),
            "startedAt": None if self.started is None else rfc3339.text(self.started),
            "completedAt": None if self.completed is None else rfc3339.text(self.completed),
            "reason": self.reason,
            "findings": [],
            "patterns": [],
            "anomalies": [],
            "recommendations": [],
            "confidence": None,
            **self.result,
        }


@dataclass(frozen=True, slots=True)
class Examination:
    """How one scope is examined.

    Attributes:
        seconds: it takes about.
        examine: does it; told how far it is by the function it is given.
    """

    seconds: float
    examine: Examine


class Analyses:
    """The analyses of this gateway.

    Args:
        examinations: by scope.
        anomalies: what is unusual at the moment of asking.
        facts: keep what was found over restarts.
        wall: Unix seconds.
        announce: told of ``governor:analysis_completed``.
    """

    def __init__(
        self,
        *,
        examinations: Mapping[str, Examination],
        anomalies: Callable[[], list[dict[str, Json]]],
        facts: FactStore,
        wall: Callable[[], float],
        announce: Callable[[str, dict[str, object]], None],
    ) -> None:
        self._examinations = examinations
        self._anomalies = anomalies
        self._facts = facts
        self._wall = wall
        self._announce = announce
        self._asked = trio.Event()
        self._analyses: dict[str, Analysis] = {}
        self._written: deque[float] = deque(maxlen=MOST_WRITTEN)
        number = facts.recall(NUMBER).get("last")
        self._number = self._reserved = number if isinstance(number, int) else 0
        recalled = [_recalled(analysis_id, kept) for analysis_id, kept in facts.recall(ANALYSES).items()]
        for analysis in sorted(filter(None, recalled), key=lambda analysis: analysis.asked):
            self._analyses[analysis.analysis_id] = analysis

    def start(self, scope: str, priority: str) -> Analysis:
        """Ask for an analysis. While one of this scope waits or runs, that one is returned (D-096).

        Raises:
            GatewayError: INVALID for a scope or priority there is not; UNAVAILABLE while too many wait.
        """
        if scope not in self._examinations:
            raise invalid("scope", f"one of {', '.join(SCOPES)}", scope)
        if priority not in PRIORITIES:
            raise invalid("priority", f"one of {', '.join(reversed(PRIORITIES))}", priority)
        waiting = [analysis for analysis in self._analyses.values() if analysis.status in UNFINISHED]
        for analysis in waiting:
            if analysis.scope == scope:
                return analysis
        if len(waiting) >= MOST_QUEUED:
            words = f"{MOST_QUEUED} analyses are waiting already: ask again later"
            raise GatewayError(Code.UNAVAILABLE, words, details={"retryAfter": 30})
        self._number += 1
        if self._number > self._reserved:
            # Reserved ahead and at once: an id must not come again, whatever happens to this process.
            self._reserved = self._number + STRIDE - 1
            self._facts.remember(NUMBER, "last", self._reserved, urgent=True)
        analysis = Analysis(f"analysis-{self._number:03d}", scope, priority, self._wall())
        self._analyses[analysis.analysis_id] = analysis
        self._asked.set()
        return analysis

    def get(self, analysis_id: str) -> Analysis:
        """One analysis.

        Raises:
            GatewayError: NOT_FOUND for one that never was, or is older than a week.
        """
        analysis = self._analyses.get(analysis_id)
        if analysis is None:
            words = "no such analysis: governor.analyses lists them; they are kept for a week, the last hundred"
            raise GatewayError(Code.NOT_FOUND, words, field="analysisId", provided=analysis_id)
        return analysis

    def all(self) -> list[Analysis]:
        """All that are kept, the latest first."""
        return list(reversed(self._analyses.values()))

    def seconds(self, analysis: Analysis) -> int:
        """How long an analysis takes, those before it in the queue included."""
        before = [
            other.scope
            for other in self._analyses.values()
            if other.status in UNFINISHED and other is not analysis and self._rank(other) < self._rank(analysis)
        ]
        return round(sum(self._examinations[scope].seconds for scope in [*before, analysis.scope]))

    @staticmethod
    def _rank(analysis: Analysis) -> tuple[int, int, float]:
        return analysis.status is not Status.RUNNING, PRIORITIES.index(analysis.priority), analysis.asked

    # Running

    async def run(self) -> None:
        """Run what is asked for, one after the other, the urgent first; never returns."""
        try:
            while True:
                queued = [analysis for analysis in self._analyses.values() if analysis.status is Status.QUEUED]
                if not queued:
                    self._asked = trio.Event()
                    await self._asked.wait()
                    continue
                await self._examine(min(queued, key=self._rank))
        finally:
            for analysis in self._analyses.values():
                if analysis.status in UNFINISHED:
                    self._end(analysis, Status.CANCELLED, "the gateway was stopped")

    async def _examine(self, analysis: Analysis) -> None:
        examination = self._examinations[analysis.scope]
        analysis.status, analysis.started = Status.RUNNING, self._wall()

        def progress(part: float) -> None:
            analysis.progress = min(max(part, analysis.progress), 1.0)

        try:
            report = await examination.examine(progress)
        except Exception:
            log.exception("analysis failed", analysis=analysis.analysis_id, scope=analysis.scope)
            self._end(analysis, Status.FAILED, "a fault of the gateway; the log has it")
            return
        findings = by_severity(report.findings)[:MOST_FINDINGS]
        anomalies = self._anomalies()[:MOST_ANOMALIES]
        analysis.progress = 1.0
        analysis.result = {
            "findings": [finding.shown() for finding in findings],
            "patterns": list(report.patterns),
            "anomalies": anomalies,
            "recommendations": recommendations(findings),
            "confidence": round(report.measured, 2),
        }
        self._end(analysis, Status.COMPLETED, None)

    def _end(self, analysis: Analysis, status: Status, reason: str | None) -> None:
        analysis.status, analysis.reason, analysis.completed = status, reason, self._wall()
        self._write(analysis)
        self._prune()
        if status is not Status.CANCELLED:
            found = analysis.result.get("findings")
            self._announce(
                "governor:analysis_completed",
                {
                    "analysisId": analysis.analysis_id,
                    "scope": analysis.scope,
                    "status": str(status),
                    "findings": len(found) if isinstance(found, list) else 0,
                },
            )

    # Keeping

    def _write(self, analysis: Analysis) -> None:
        now = trio.current_time()
        if len(self._written) == MOST_WRITTEN and now - self._written[0] < HOUR_S:
            return
        self._written.append(now)
        analysis.written = True
        self._facts.remember(ANALYSES, analysis.analysis_id, {"asked": analysis.asked, **analysis.shown()})

    def _prune(self) -> None:
        now = self._wall()
        finished = [analysis for analysis in self._analyses.values() if analysis.status not in UNFINISHED]
        spare = len(self._analyses) - MOST_KEPT
        found = sum(analysis.found for analysis in finished) - MOST_IN_ALL
        for place, analysis in enumerate(finished):
            if place < spare or found > 0 or now - (analysis.completed or now) > KEPT_S:
                found -= analysis.found
                del self._analyses[analysis.analysis_id]
                if analysis.written:
                    self._facts.remember(ANALYSES, analysis.analysis_id, None)


def _recalled(analysis_id: str, kept: Json) -> Analysis | None:
    """An analysis as the disk has it; None for what cannot be read."""
    if not isinstance(kept, dict):
        return None
    match kept:
        case {
            "asked": int() | float() as asked,
            "scope": str() as scope,
            "priority": str() as priority,
            "status": str() as status,
            "startedAt": str() | None as started,
            "completedAt": str() as completed,
            "reason": str() | None as reason,
        }:
            pass
        case _:
            return None
    keys = ("findings", "patterns", "anomalies", "recommendations", "confidence")
    try:
        return Analysis(
            analysis_id,
            scope,
            priority,
            asked,
            Status(status),
            1.0,
            None if started is None else rfc3339.parse(started),
            rfc3339.parse(completed),
            {key: kept[key] for key in keys if key in kept},
            reason,
            written=True,
        )
    except ValueError:
        return None
