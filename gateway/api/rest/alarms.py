"""``/v1/alarms``: what stands in the field, and who has seen it (ruling 24)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.alarms.rows import AlarmRow
from gateway.alarms.standing import AlarmState
from gateway.api.params import Name
from gateway.api.rest.paging import Pages, page
from gateway.api.rest.ports import Alarms
from gateway.api.rest.route import Answer, Call, Route, listed
from gateway.api.rest.shapes import Model, Nothing
from gateway.core import rfc3339
from gateway.core.ports import Json

StateWord = Literal["standing", "raised", "acknowledged", "cleared", "normal"]
SeverityWord = Literal["info", "warning", "critical"]
Comment = Annotated[str, Meta(max_length=500)]


class AlarmQuery(Pages, frozen=True):
    """Which alarms; ``standing`` is any state but normal, ``tag`` a tag or a device."""

    state: StateWord | None = None
    severity: SeverityWord | None = None
    alarm: Name | None = None
    tag: Name | None = None


class AcknowledgeBody(Model, frozen=True):
    """What somebody says who has seen an alarm."""

    comment: Comment | None = None


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm as it is shown."""

    alarm_id: str | None
    alarm: str
    tag: str | None
    device: str | None
    severity: str
    condition: str
    state: str
    frozen: bool
    reason: str | None
    value: object
    current: object
    limit: object
    units: str | None
    message: str
    raised_at: str | None
    cleared_at: str | None
    acknowledged_at: str | None
    clock: str | None
    acknowledged_by: str | None
    comment: str | None
    times: int


def states_of(word: StateWord | None) -> Collection[AlarmState]:
    """The states a word stands for; without one all of them."""
    if word is None:
        return frozenset(AlarmState)
    return frozenset(AlarmState) - {AlarmState.NORMAL} if word == "standing" else {AlarmState(word)}


def alarm_row(row: AlarmRow) -> Alarm:
    """An alarm for an answer."""
    return Alarm(
        alarm_id=row.alarm_id,
        alarm=row.alarm,
        tag=row.tag,
        device=row.device,
        severity=row.severity,
        condition=row.condition,
        state=row.state.value,
        frozen=row.frozen,
        reason=row.reason,
        value=row.value,
        current=row.current,
        limit=row.limit,
        units=row.units,
        message=row.message,
        raised_at=_time(row.raised_at),
        cleared_at=_time(row.cleared_at),
        acknowledged_at=_time(row.acknowledged_at),
        clock=row.clock,
        acknowledged_by=row.acknowledged_by,
        comment=row.comment,
        times=row.times,
    )


def _time(moment: float | None) -> str | None:
    return None if moment is None else rfc3339.seconds(moment)


def _comment(call: Call[AcknowledgeBody | None, Nothing]) -> Mapping[str, Json]:
    return {} if call.body is None else {"comment": call.body.comment}


def alarm_routes(alarms: Alarms) -> tuple[Route, ...]:
    """All of ``/v1/alarms``."""

    async def show(call: Call[None, AlarmQuery]) -> Answer:
        query = call.query
        found = alarms.list(states=states_of(query.state), severity=query.severity, alarm=query.alarm, tag=query.tag)
        return listed(page(found, query, call.target, alarm_row))

    async def acknowledge(call: Call[AcknowledgeBody | None, Nothing]) -> Answer:
        comment = None if call.body is None else call.body.comment
        by = call.origin.principal.known_as
        return Answer(data=alarm_row(await alarms.acknowledge(call.path["alarm_id"], by, comment)))

    return (
        Route(
            name="alarm.list",
            method="GET",
            path="/v1/alarms",
            run=show,
            scope="devices:read",
            summary="List alarms, those that stand first",
            resource="alarm",
            result=Alarm,
            listing=True,
            query=AlarmQuery,
            audited=False,
        ),
        Route(
            name="alarm.ack",
            method="POST",
            path="/v1/alarms/{alarm_id}/acknowledge",
            run=acknowledge,
            scope="devices:write",
            summary="Say that somebody has seen an alarm",
            resource="alarm",
            result=Alarm,
            body=AcknowledgeBody,
            body_needed=False,
            noted=_comment,
        ),
    )
