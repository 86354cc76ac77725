"""Models of what the methods of governors and alerts answer."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from gateway.api.results.model import Count, Model, Share, Timestamp

Health = Annotated[int, Meta(ge=0, le=100)]
Progress = Annotated[float, Meta(ge=0, le=1)]
Scope = Literal["network", "agents", "performance", "all"]
Priority = Literal["low", "normal", "high"]
Severity = Literal["info", "warning", "critical"]
# What the levels show beside the seed's members is said of each in its own module.
Level = dict[str, object]


class Levels(Model):
    """``governor.status``, the five."""

    operational: Level
    coordination: Level
    management: Level
    intelligence: Level
    meta: Level


class Overall(Model):
    """``governor.status``, all together."""

    health: Health | None
    status: Literal["optimal", "degraded", "critical", "unknown"]


class Governors(Model):
    """``governor.status``."""

    governors: Levels
    overall: Overall

    def __post_init__(self) -> None:
        """Each level has the seed's members (AG-03 to AG-14).

        Raises:
            ValueError: one has not.
        """
        own = {
            "operational": "lastProbe",
            "coordination": "agentsManaged",
            "management": "recoveryActions",
            "intelligence": "learningActive",
            "meta": "systemOptimal",
        }
        for name, member in own.items():
            level: Level = getattr(self.governors, name)
            missing = {"active", "health", member, "mode", "terms"} - level.keys()
            if missing:
                raise ValueError(f"{name} without {sorted(missing)}")


class Begun(Model):
    """``governor.analyze``."""

    analysis_id: str
    started: Literal[True]
    estimated_duration: Count
    status: Literal["queued", "running", "completed"]


class Finding(Model):
    """``governor.analysis``, one finding."""

    kind: str
    severity: Severity
    component: str
    summary: str
    recommendation: str
    evidence: dict[str, object]


class Analysis(Model):
    """``governor.analysis``."""

    analysis_id: str
    scope: Scope
    priority: Priority
    status: Literal["queued", "running", "completed", "failed", "cancelled"]
    progress: Progress
    started_at: Timestamp | None
    completed_at: Timestamp | None
    reason: str | None
    findings: list[Finding]
    patterns: list[str]
    anomalies: list[dict[str, object]]
    recommendations: list[str]
    confidence: Progress | None

    def __post_init__(self) -> None:
        """What is completed has an end, and says how sure it is.

        Raises:
            ValueError: it does not.
        """
        if self.status == "completed" and (self.completed_at is None or self.confidence is None):
            raise ValueError("completed without an end or a confidence")


class AnalysisLine(Model):
    """``governor.analyses``, one analysis."""

    analysis_id: str
    scope: Scope
    priority: Priority
    status: Literal["queued", "running", "completed", "failed", "cancelled"]
    progress: Progress
    started_at: Timestamp | None
    completed_at: Timestamp | None
    reason: str | None
    finding_count: Count


class AnalysisList(Model):
    """``governor.analyses``."""

    analyses: list[AnalysisLine]
    total: Count


class Action(Model):
    """``governor.actions``, one action."""

    number: Count
    timestamp: Timestamp
    level: Literal["operational", "coordination", "management", "intelligence", "meta"]
    kind: str
    target: str
    verdict: Literal["done", "advised", "held", "too_often", "failed"]
    reason: str
    value: object
    evidence: dict[str, object]
    standing: bool
    ended_at: Timestamp | None


class Hold(Model):
    """``governor.actions``, a level that is held back."""

    level: str
    target: str | None
    seconds_left: Share


class ActionList(Model):
    """``governor.actions``."""

    actions: list[Action]
    total: Count
    holds: list[Hold]


class Alert(Model):
    """``alert.list``, one alert."""

    alert_id: str
    severity: Severity
    component: str
    summary: str
    metric: str
    value: object
    threshold: object
    state: Literal["firing", "resolved"]
    since: Timestamp
    resolved_at: Timestamp | None

    def __post_init__(self) -> None:
        """What is resolved says since when.

        Raises:
            ValueError: it does not.
        """
        if (self.state == "resolved") != (self.resolved_at is not None):
            raise ValueError(f"{self.state}, resolved at {self.resolved_at}")


class AlertList(Model):
    """``alert.list``."""

    alerts: list[Alert]
    total: Count
