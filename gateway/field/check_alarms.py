"""What ``ferrule check`` says of the alarms: each with its condition, and what it watches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.settings.alarm_model import AlarmSettings
from gateway.settings.alarm_tags import alarm_points
from gateway.settings.model import Settings
from gateway.settings.quantities import say_duration

# So many of the tags that fit a pattern are named.
FEW = 3


@dataclass(frozen=True, slots=True)
class Watched:
    """One alarm that is switched on.

    Attributes:
        alarm: as configured.
        on: full names of the tags, or of the device, it watches.
    """

    alarm: AlarmSettings
    on: tuple[str, ...]


def watched(settings: Settings) -> tuple[Watched, ...]:
    """The alarms that are switched on, in the order of the file."""
    found: dict[str, list[str]] = {}
    for point in alarm_points(settings):
        found.setdefault(point.alarm.name, []).append(point.source)
    return tuple(Watched(alarm, tuple(found[alarm.name])) for alarm in settings.alarms if alarm.name in found)


def alarm_text(alarms: Iterable[Watched]) -> str:
    """One line for each alarm; nothing where there is none."""
    return "".join(
        f"alarm {one.alarm.name}: {one.alarm.severity}, {_condition(one.alarm)}, on {_few(one.on)}\n" for one in alarms
    )


def _condition(alarm: AlarmSettings) -> str:
    delayed = f" for {say_duration(alarm.delay)}" if alarm.delay else ""
    if alarm.high is not None:
        return f"above {alarm.high:g}{delayed}, clears at {alarm.high - alarm.hysteresis:g}"
    if alarm.low is not None:
        return f"below {alarm.low:g}{delayed}, clears at {alarm.low + alarm.hysteresis:g}"
    if alarm.rate is not None:
        return f"changes by more than {alarm.rate:g} within {say_duration(alarm.per or 0.0)}{delayed}"
    if alarm.stale is not None:
        return f"no value for {say_duration(alarm.stale + alarm.delay)}"
    if alarm.equals is not None:
        value = str(alarm.equals).lower() if isinstance(alarm.equals, bool) else alarm.equals
        return f"equal to {value}{delayed}"
    return f"not good{delayed}" if alarm.not_good else f"out of reach{delayed}"


def _few(sources: Sequence[str]) -> str:
    more = f" and {len(sources) - FEW} more" if len(sources) > FEW else ""
    return ", ".join(sources[:FEW]) + more
