"""``governor.status``, ``governor.analyze``, ``governor.analysis``, ``governor.analyses``, ``governor.actions``."""

from __future__ import annotations

from typing import Annotated

import trio
from msgspec import Meta

from gateway.api.dispatch import Method, method
from gateway.api.methods.rows import Limit, Offset, page
from gateway.api.params import Name, NoParams, ParamsModel
from gateway.core import rfc3339
from gateway.governor.actions import Action
from gateway.governor.analysis.analyses import PRIORITIES, SCOPES, Analyses, Analysis
from gateway.governor.governors import Governors

MOST_ACTIONS = 100
# Turns of the run loop after which an analysis that was asked for has begun, where nothing else is examined.
_TURNS = 3


class Analyze(ParamsModel, frozen=True):
    """Parameters of ``governor.analyze``."""

    scope: Annotated[str, Meta(extra_json_schema={"enum": list(SCOPES)})]
    priority: Annotated[str, Meta(extra_json_schema={"enum": list(reversed(PRIORITIES))})] = "normal"


class OneAnalysis(ParamsModel, frozen=True):
    """Parameters of ``governor.analysis``."""

    analysis_id: Name


class Page(ParamsModel, frozen=True):
    """Parameters of ``governor.analyses`` and ``governor.actions``; the latest come first."""

    limit: Limit = MOST_ACTIONS
    offset: Offset = 0


def governor_methods(governors: Governors, analyses: Analyses) -> dict[str, Method]:
    """The namespace ``governor``."""

    async def status(_: NoParams) -> object:
        return governors.status(trio.current_time())

    async def analyze(params: Analyze) -> object:
        analysis = analyses.start(params.scope, params.priority)
        for _ in range(_TURNS):
            await trio.lowlevel.checkpoint()
        return {
            "analysisId": analysis.analysis_id,
            "started": True,
            "estimatedDuration": analyses.seconds(analysis),
            "status": str(analysis.status),
        }

    async def one(params: OneAnalysis) -> object:
        return analyses.get(params.analysis_id).shown()

    async def every(params: Page) -> object:
        found = analyses.all()
        return {"analyses": [_line(item) for item in page(found, params.limit, params.offset)], "total": len(found)}

    async def actions(params: Page) -> object:
        found = list(governors.door.actions())[::-1]
        now = trio.current_time()
        holds = [
            {"level": str(level), "target": target, "secondsLeft": round(until - now, 1)}
            for level, target, until in governors.door.holds(now)
        ]
        shown = [_action(action) for action in page(found, params.limit, params.offset)]
        return {"actions": shown, "total": len(found), "holds": holds}

    return {
        "governor.status": method(NoParams, status, scope="governor:read"),
        "governor.analyze": method(Analyze, analyze, scope="governor:analyze"),
        "governor.analysis": method(OneAnalysis, one, scope="governor:read"),
        "governor.analyses": method(Page, every, scope="governor:read"),
        "governor.actions": method(Page, actions, scope="governor:read"),
    }


def _line(analysis: Analysis) -> dict[str, object]:
    """An analysis without what it found."""
    whole = analysis.shown()
    findings = whole["findings"]
    return {
        **{name: whole[name] for name in ("analysisId", "scope", "priority", "status", "progress")},
        **{name: whole[name] for name in ("startedAt", "completedAt", "reason")},
        "findingCount": len(findings) if isinstance(findings, list) else 0,
    }


def _action(action: Action) -> dict[str, object]:
    return {
        "number": action.number,
        "timestamp": rfc3339.text(action.wall),
        "level": str(action.level),
        "kind": action.kind,
        "target": action.target,
        "verdict": str(action.verdict),
        "reason": action.why,
        "value": action.value,
        "evidence": action.evidence,
        "standing": action.standing,
        "endedAt": None if action.ended is None else rfc3339.text(action.ended),
    }
