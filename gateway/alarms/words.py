"""What an alarm says to people, and which of two alarms are the same one."""

from __future__ import annotations

from gateway.core.ports import Json
from gateway.core.reading import Value
from gateway.settings.alarm_model import AlarmSettings
from gateway.settings.alarm_tags import AlarmPoint
from gateway.settings.quantities import say_duration


def message_of(point: AlarmPoint) -> str:
    """The message that is configured, or one that says the condition."""
    alarm = point.alarm
    if alarm.message:
        return alarm.message
    units = f" {point.units}" if point.units else ""
    if alarm.high is not None:
        return f"{point.source} is above {alarm.high:g}{units}"
    if alarm.low is not None:
        return f"{point.source} is below {alarm.low:g}{units}"
    if alarm.rate is not None:
        way = {"up": "risen", "down": "fallen", "any": "changed"}[alarm.direction]
        return f"{point.source} has {way} by more than {alarm.rate:g}{units} within {say_duration(alarm.per or 0.0)}"
    if alarm.stale is not None:
        return f"no value of {point.source} has come for {say_duration(alarm.stale)}"
    if alarm.equals is not None:
        return f"{point.source} is {_said(alarm.equals)}"
    return f"{point.source} is not good" if alarm.not_good else f"{point.source} cannot be reached"


def cleared_of(point: AlarmPoint, seen: Value | None) -> str:
    """How an alarm ended, and what it had said: who gets this alone must not take it for another one that is raised.

    Args:
        point: what it is about.
        seen: what was seen as it ended.
    """
    return over(_end_of(point, seen), message_of(point))


def over(how: str, message: object) -> str:
    """That an alarm has ended, how, and what it had said."""
    return f"cleared, {how} (it was: {message})"


def _end_of(point: AlarmPoint, seen: Value | None) -> str:
    source, alarm = point.source, point.alarm
    units = f" {point.units}" if point.units else ""
    match alarm.kind:
        case "stale":
            return f"a value of {source} has come"
        case "not_good":
            return f"{source} is good again"
        case "device_down":
            return f"{source} can be reached again"
        case _ if seen is None:
            return f"{source} is well again"
        case "rate":
            return f"{source} has changed by {_said(seen)}{units} within {say_duration(alarm.per or 0.0)}"
    return f"{source} is {_said(seen)}{units}"


def units_of(point: AlarmPoint) -> str | None:
    """Units of what is seen and of the limit; None where there are none."""
    kind = point.alarm.kind
    if kind == "stale":
        return "s"
    return None if kind in {"not_good", "device_down"} else point.units


def mark_of(alarm: AlarmSettings) -> Json:
    """What must be the same for an alarm that stands to be the same one under another configuration."""
    back = alarm.hysteresis if alarm.kind in {"high", "low", "rate"} else 0.0
    limits = [alarm.high, alarm.low, alarm.rate, alarm.per, alarm.stale, alarm.equals]
    return [alarm.kind, *limits, alarm.direction, back, alarm.severity]


def _said(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
