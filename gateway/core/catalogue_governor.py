"""What the events of the governors say."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from gateway.core.catalogue_type import EventData, EventType, Figure

Level = Literal["operational", "coordination", "management", "intelligence", "meta"]


class GovernorAction(EventData):
    """A governor did something, advised it, or ended what it had done.

    Attributes:
        level: which governor.
        kind: what, in one word, e.g. ``stretch``.
        target: on what, e.g. the name of a line.
        verdict: ``done``; ``advised``, where the governor is set to advise only; ``held`` by another governor;
            ``too_often``; ``failed``; or ``ended``, where what had been done was taken back.
        reason: a sentence with the figures that led to it.
        value: what is in force when it is done; absent at the end.
        evidence: the figures; absent at the end.
    """

    level: Level
    kind: str
    target: str
    verdict: Literal["done", "advised", "held", "too_often", "failed", "ended"]
    reason: str
    value: Any = msgspec.UNSET
    evidence: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET


class GovernorAnomaly(EventData):
    """Something measured is not as usual, or is so again.

    Attributes:
        series: what is measured: ``tag:``, ``latency:`` or ``errors:`` and the name of a tag or a device.
        state: ``firing`` or ``resolved``.
        rule: how it was found, e.g. ``level``, ``drift`` or ``frozen``; this and what follows is absent when it is
            resolved.
        since: when it began.
        value: what was measured.
        usual: what is usual at this time of the day.
        spread: how much it usually varies by.
        deviations: how many times that it is off.
        seasonal: whether what is usual follows the time of the day.
        explanation: all that in a sentence.
    """

    series: str
    state: Literal["firing", "resolved"]
    rule: str | msgspec.UnsetType = msgspec.UNSET
    since: str | msgspec.UnsetType = msgspec.UNSET
    value: Figure | msgspec.UnsetType = msgspec.UNSET
    usual: Figure | msgspec.UnsetType = msgspec.UNSET
    spread: Figure | msgspec.UnsetType = msgspec.UNSET
    deviations: Figure | msgspec.UnsetType = msgspec.UNSET
    seasonal: bool | msgspec.UnsetType = msgspec.UNSET
    explanation: str | msgspec.UnsetType = msgspec.UNSET


class AnalysisCompleted(EventData):
    """An analysis that was asked for is over.

    Attributes:
        analysisId: asks ``governor.analysis`` for what was found.
        scope: what was looked at.
        status: ``completed`` or ``failed``.
        findings: how many there are.
    """

    analysisId: str  # noqa: N815 - as the seed spells it
    scope: str
    status: Literal["completed", "failed"]
    findings: int


GOVERNOR = (
    EventType(
        "governor:action",
        "A governor acted, advised, or took back what it had done.",
        GovernorAction,
        "governor:read",
        "governor:analysis",
    ),
    EventType(
        "governor:anomaly",
        "Something measured is not as usual, or is so again.",
        GovernorAnomaly,
        "governor:read",
        "governor:analysis",
        key=("series",),
    ),
    EventType(
        "governor:analysis_completed",
        "An analysis is over; one that was cancelled is not told of.",
        AnalysisCompleted,
        "governor:read",
        "governor:analysis",
    ),
)
