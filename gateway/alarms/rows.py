"""Alarms as callers see them, and as events carry them."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.alarms.conditions import limit_of
from gateway.alarms.point import Point
from gateway.alarms.standing import AlarmState, Moment, Standing
from gateway.alarms.words import message_of, units_of
from gateway.core import rfc3339
from gateway.core.ports import Json
from gateway.core.reading import Value
from gateway.settings.alarm_model import AlarmKind, AlarmSeverity
from gateway.settings.alarm_tags import AlarmPoint


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmRow:
    """One alarm on one tag or device.

    Attributes:
        alarm_id: of what stands; None while it is normal.
        alarm: its name in the configuration.
        tag: the tag it watches; None for one on a device.
        device: the device it watches; None for one on a tag.
        severity: how bad it is.
        condition: which of the conditions it has.
        state: where it is.
        frozen: whether nobody can tell now whether the condition holds; the state is what was known last.
        reason: one word for why; None where it is not frozen, or there is no word.
        value: what was seen when it was last raised or cleared; None where nothing was known, or it is normal.
        current: what is seen now; None where nothing is known.
        limit: what that is held against; None where the condition has no limit.
        units: of the three; None where there are none.
        message: for people.
        raised_at: Unix seconds of when it was last raised, as those below; None where that has not happened.
        cleared_at: of when the condition ended.
        acknowledged_at: of when somebody acknowledged it.
        clock: whether these times can be trusted: ``synchronised`` or ``unsynchronised``; None where there are none.
        acknowledged_by: who acknowledged it (``Principal.known_as``).
        comment: what was said at that.
        times: how often it was raised before it was normal again.
    """

    alarm_id: str | None
    alarm: str
    tag: str | None
    device: str | None
    severity: AlarmSeverity
    condition: AlarmKind
    state: AlarmState
    frozen: bool
    reason: str | None
    value: Value | None
    current: Value | None
    limit: Value | None
    units: str | None
    message: str
    raised_at: float | None
    cleared_at: float | None
    acknowledged_at: float | None
    clock: str | None
    acknowledged_by: str | None
    comment: str | None
    times: int


def row_of(point: Point, standing: Standing | None) -> AlarmRow:
    """An alarm as it is now."""
    about, alarm = point.point, point.point.alarm
    of_device = alarm.device_down is not None
    return AlarmRow(
        alarm_id=None if standing is None else standing.alarm_id,
        alarm=alarm.name,
        tag=None if of_device else about.source,
        device=about.source if of_device else None,
        severity=alarm.severity,
        condition=alarm.kind,
        state=AlarmState.NORMAL if standing is None else standing.state,
        frozen=point.frozen,
        reason=point.reason,
        value=None if standing is None else standing.value,
        current=None if point.frozen else point.seen,
        limit=limit_of(alarm),
        units=units_of(about),
        message=message_of(about),
        raised_at=None if standing is None else standing.raised.wall,
        cleared_at=None if standing is None else _wall(standing.cleared),
        acknowledged_at=None if standing is None else _wall(standing.acknowledged),
        clock=None if standing is None else _clock(standing),
        acknowledged_by=None if standing is None else standing.acknowledged_by,
        comment=None if standing is None else standing.comment,
        times=0 if standing is None else standing.times,
    )


def about(point: AlarmPoint) -> dict[str, Json]:
    """What its events say of an alarm whatever has happened to it."""
    alarm = point.alarm
    of_device = alarm.device_down is not None
    return {
        "alarm": alarm.name,
        "tag": None if of_device else point.source,
        **({"device": point.source} if of_device else {}),
        "severity": alarm.severity,
        "condition": alarm.kind,
        "limit": limit_of(alarm),
        "units": units_of(point),
        "message": message_of(point),
    }


def happened(standing: Standing) -> dict[str, Json]:
    """What its events say of what has happened."""
    data: dict[str, Json] = {
        "alarm_id": standing.alarm_id,
        "value": standing.value,
        "raised_at": rfc3339.text(standing.raised.wall),
        "clock": _clock(standing),
    }
    if standing.cleared is not None:
        data["cleared_at"] = rfc3339.text(standing.cleared.wall)
    if standing.acknowledged_by is not None:
        data["acknowledged_by"] = standing.acknowledged_by
    if standing.comment is not None:
        data["comment"] = standing.comment
    return data


def _wall(moment: Moment | None) -> float | None:
    return None if moment is None else moment.wall


def _clock(standing: Standing) -> str:
    return "synchronised" if standing.synchronised else "unsynchronised"
