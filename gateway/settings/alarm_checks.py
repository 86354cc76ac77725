"""Reads alarms, and checks that each can be raised and can clear."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from gateway.settings import schema
from gateway.settings.alarm_model import AlarmSettings
from gateway.settings.alarm_tags import Watchable, device_tags, fits, is_made, is_name, matching, watchables
from gateway.settings.document import Node
from gateway.settings.fields import Distinct, Fields, Findings, read_fields
from gateway.settings.kinds import shown
from gateway.settings.line_model import LineSettings
from gateway.settings.quantities import say_duration
from gateway.settings.suggest import did_you_mean

CONDITIONS = ("high", "low", "rate", "stale", "not_good", "equals", "device_down")
_LIMITS = ("high", "low", "rate")
_FORMS = {"number": "a number", "bool": "true or false", "text": "text"}


def read_alarms(
    nodes: Iterable[Node], lines: Sequence[LineSettings], findings: Findings, *, complete: bool
) -> tuple[AlarmSettings, ...]:
    """Read every alarm; those with something wrong are left out, and the problems noted.

    Args:
        nodes: the tables.
        lines: with the tags and devices alarms are about.
        findings: where problems are noted.
        complete: whether the lines are all there: else a name that is not found may be in one that was left out.
    """
    names = Distinct('there is an alarm "{}" already')
    tags, devices = watchables(lines), device_tags(lines)
    alarms = []
    for node in nodes:
        fields = read_fields(node, schema.ALARM, findings)
        names.check(fields, "name")
        _check_condition(fields)
        _check_belongings(fields)
        if not fields.faulty:
            _check_source(fields, tags, devices, complete=complete)
        if not fields.faulty:
            alarms.append(AlarmSettings(**fields.arguments(), place=node.place))
    return tuple(alarms)


def _check_condition(fields: Fields) -> None:
    given = [key for key in CONDITIONS if fields.given(key)]
    for key in given[1:]:
        fields.refuse(key, f"an alarm has one condition, and {given[0]} is one already. Make another [[alarm]] of it")
    unknown = any(key not in fields.schema.keys for key in fields.node.keys())  # noqa: SIM118 - a Node is no dict
    if not given:
        fields.faulty.add("condition")
        # A condition whose name is misspelt was told of already.
        if not unknown:
            words = f"[[alarm]] has no condition. Add one of {', '.join(CONDITIONS)}"
            fields.findings.error(fields.node.place, words)
    if fields.given("not_good") and fields.sound("not_good") and not fields["not_good"]:
        fields.refuse("not_good", "false is no condition. Write true, or remove it")
    if fields.given("device_down"):
        if fields.given("tag"):
            fields.refuse("tag", "means nothing with device_down, which names its device. Remove it")
    elif not fields.given("tag"):
        fields.faulty.add("tag")
        if not unknown:
            fields.findings.error(fields.node.place, '[[alarm]] has no "tag". Add tag, such as "line/device/tag"')


def _check_belongings(fields: Fields) -> None:
    """Keys that mean something beside certain conditions only."""
    for key in ("per", "direction"):
        if fields.given(key) and not fields.given("rate"):
            fields.refuse(key, "means nothing without rate. Remove it")
    if fields.given("rate") and fields.sound("rate"):
        if not fields.given("per"):
            fields.refuse("rate", 'there is no per beside it. Add the time it is about, such as per = "1m"')
        elif fields["rate"] == 0:
            fields.refuse("rate", "0 would stand at every change. Give a number above 0")
    if fields.given("hysteresis") and not any(fields.given(key) for key in _LIMITS):
        fields.refuse("hysteresis", f"means nothing without one of {', '.join(_LIMITS)}. Remove it")
    if fields.given("rate") and fields.sound("rate", "hysteresis") and fields["hysteresis"] >= fields["rate"]:
        fields.refuse("hysteresis", f"must be below rate, {fields['rate']:g}, or it would never clear. Make it smaller")


def _check_source(
    fields: Fields, tags: Mapping[str, Watchable], devices: Mapping[str, Sequence[str]], *, complete: bool
) -> None:
    if fields.given("device_down"):
        _check_device(fields, devices, complete=complete)
        return
    pattern = fields["tag"]
    if not is_name(pattern):
        words = f'"{pattern}" is no name of a tag. Write "line/device/tag"; * stands for any part between two slashes'
        fields.refuse("tag", words)
        return
    if is_made(pattern, tags):
        return
    found = matching(pattern, tags)
    if not found:
        if complete:
            fields.refuse("tag", _no_such_tag(pattern, tags, devices))
        return
    alarm = AlarmSettings(**fields.arguments())
    fitting = [one for one in found if fits(alarm, one)]
    if not fitting or ("*" not in pattern and len(fitting) < len(found)):
        fields.refuse(alarm.kind, _why_unfit(alarm, found[0]))
        return
    for one in fitting:
        _check_reach(fields, alarm, one)


def _check_device(fields: Fields, devices: Mapping[str, Sequence[str]], *, complete: bool) -> None:
    name = fields["device_down"]
    if name not in devices:
        if complete:
            hint = did_you_mean(name, devices) or 'Write "line/device" as in the names of its tags'
            fields.refuse("device_down", f'there is no device "{name}". {hint}')
    elif not devices[name] and complete:
        fields.refuse("device_down", f'"{name}" has no tags, so nobody asks it anything. Give it one')


def _no_such_tag(pattern: str, tags: Mapping[str, Watchable], devices: Mapping[str, Sequence[str]]) -> str:
    if "*" in pattern:
        return f'no tag fits "{pattern}". Correct it; ferrule read shows all names'
    if pattern in devices:
        return f'"{pattern}" is a device. Write "{pattern}/*" for all its tags, or device_down for the device itself'
    return f'there is no tag "{pattern}". {did_you_mean(pattern, tags) or "Write its full name, line/device/tag"}'


def _why_unfit(alarm: AlarmSettings, tag: Watchable) -> str:
    said = f'"{tag.name}" is {_FORMS[tag.form]}'
    if alarm.kind != "equals":
        return f"{said}, no number. Write equals = ..., or name another tag"
    if tag.form == "number" and not isinstance(alarm.equals, bool | str):
        return f'"{tag.name}" is measured and hardly ever exactly {alarm.equals}. Write high or low'
    return f"{said}, never {shown(alarm.equals)}. Correct it, or name another tag"


def _check_reach(fields: Fields, alarm: AlarmSettings, tag: Watchable) -> None:
    """An alarm that no good value can raise, or that none can clear, is a mistake; with a pattern, one to warn of."""
    found = _why_never(alarm, tag)
    if found is None:
        return
    key, words = found
    if "*" in (alarm.tag or ""):
        fields.warn(key, words)
    else:
        fields.refuse(key, words)


def _why_never(alarm: AlarmSettings, tag: Watchable) -> tuple[str, str] | None:
    if alarm.high is not None:
        return _why_not_high(alarm.high, alarm.hysteresis, tag)
    if alarm.low is not None:
        return _why_not_low(alarm.low, alarm.hysteresis, tag)
    if alarm.rate is not None and alarm.rate >= tag.high - tag.low:
        span = f"{tag.name} is {tag.low:g} to {tag.high:g}"
        return "rate", f"{span} and cannot change by more than {alarm.rate:g}. Lower it"
    if alarm.stale is not None and tag.poll is not None and alarm.stale <= tag.poll:
        age, period = say_duration(alarm.stale), say_duration(tag.poll)
        return "stale", f"{age} passes between two readings of {tag.name} (poll = {period}). Make it longer"
    if alarm.kind == "equals" and tag.form == "number" and isinstance(alarm.equals, int | float):
        if alarm.equals != int(alarm.equals):
            return "equals", f"{tag.name} has whole numbers, never {alarm.equals:g}. Correct it"
        if not tag.low <= alarm.equals <= tag.high:
            return "equals", f"{tag.name} is {tag.low:g} to {tag.high:g}, never {alarm.equals:g}. Correct it"
    return None


def _why_not_high(limit: float, hysteresis: float, tag: Watchable) -> tuple[str, str] | None:
    if limit >= tag.high:
        return "high", f"{tag.name} is never above {limit:g}: its greatest value is {tag.high:g}. Lower it"
    if limit < tag.low:
        return "high", f"{tag.name} is always above {limit:g}: its least value is {tag.low:g}. Raise it"
    if limit - hysteresis < tag.low:
        words = f"the alarm would clear at {limit - hysteresis:g}, and the least value of {tag.name} is {tag.low:g}"
        return "hysteresis", f"{words}. Make it smaller"
    return None


def _why_not_low(limit: float, hysteresis: float, tag: Watchable) -> tuple[str, str] | None:
    if limit <= tag.low:
        return "low", f"{tag.name} is never below {limit:g}: its least value is {tag.low:g}. Raise it"
    if limit > tag.high:
        return "low", f"{tag.name} is always below {limit:g}: its greatest value is {tag.high:g}. Lower it"
    if limit + hysteresis > tag.high:
        words = f"the alarm would clear at {limit + hysteresis:g}, and the greatest value of {tag.name} is {tag.high:g}"
        return "hysteresis", f"{words}. Make it smaller"
    return None
