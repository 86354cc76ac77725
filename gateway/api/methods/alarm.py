"""``alarm.list`` and ``alarm.ack``: what stands in the field, and who has seen it (ruling 24)."""

from __future__ import annotations

from gateway.alarms.rows import AlarmRow
from gateway.api.dispatch import Method, method, told
from gateway.api.methods.rows import Limit, Offset, page
from gateway.api.origin import Origin
from gateway.api.params import Name, ParamsModel
from gateway.api.rest.alarms import Comment, SeverityWord, StateWord, states_of
from gateway.api.rest.ports import Alarms
from gateway.core import rfc3339
from gateway.core.audit import AuditLog


class AlarmList(ParamsModel, frozen=True):
    """Parameters of ``alarm.list``; without ``state`` all of them, ``standing`` is any state but normal."""

    state: StateWord | None = None
    severity: SeverityWord | None = None
    alarm: Name | None = None
    tag: Name | None = None
    limit: Limit | None = None
    offset: Offset = 0


class AlarmAck(ParamsModel, frozen=True):
    """Parameters of ``alarm.ack``."""

    alarm_id: str
    comment: Comment | None = None


def alarm_methods(alarms: Alarms, audit: AuditLog) -> dict[str, Method]:
    """The namespace ``alarm``."""

    async def list_alarms(params: AlarmList) -> object:
        rows = alarms.list(states=states_of(params.state), severity=params.severity, alarm=params.alarm, tag=params.tag)
        return {"alarms": [_row(row) for row in page(rows, params.limit, params.offset)], "total": len(rows)}

    async def acknowledge(params: AlarmAck, origin: Origin) -> object:
        row = await alarms.acknowledge(params.alarm_id, origin.principal.known_as, params.comment)
        audit.note(
            "alarm.ack",
            by=origin.known,
            peer=origin.peer,
            target=params.alarm_id,
            details={"alarm": row.alarm, "comment": params.comment},
        )
        return _row(row)

    return {
        "alarm.list": method(AlarmList, list_alarms, scope="devices:read"),
        "alarm.ack": told(AlarmAck, acknowledge, scope="devices:write"),
    }


def _row(row: AlarmRow) -> dict[str, object]:
    return {
        "alarmId": row.alarm_id,
        "alarm": row.alarm,
        "tag": row.tag,
        "device": row.device,
        "severity": row.severity,
        "condition": row.condition,
        "state": row.state.value,
        "frozen": row.frozen,
        "reason": row.reason,
        "value": row.value,
        "current": row.current,
        "limit": row.limit,
        "units": row.units,
        "message": row.message,
        "raisedAt": _time(row.raised_at),
        "clearedAt": _time(row.cleared_at),
        "acknowledgedAt": _time(row.acknowledged_at),
        "clock": row.clock,
        "acknowledgedBy": row.acknowledged_by,
        "comment": row.comment,
        "times": row.times,
    }


def _time(moment: float | None) -> str | None:
    return None if moment is None else rfc3339.text(moment)
