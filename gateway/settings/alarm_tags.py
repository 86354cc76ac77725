"""Tags as alarms see them: which names a pattern means, and what a value of each can be."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from gateway.settings.alarm_model import AlarmSettings
from gateway.settings.line_model import LineSettings, RawTagSettings, TagSettings
from gateway.settings.model import Settings
from gateway.settings.tag_types import FACTS

# Names of tags that plugins make begin so, unless a line is called that.
MADE = "plugin/"
_NAME = re.compile(r"[A-Za-z0-9._*-]+(/[A-Za-z0-9._*-]+){1,2}")


@dataclass(frozen=True, slots=True)
class Watchable:
    """One tag.

    Attributes:
        name: its full name.
        units: engineering units, None where it has none.
        form: what its values are.
        whole: whether they are counts or codes, which can be compared for being equal.
        low: least value that can be good.
        high: greatest value that can be good.
        poll: seconds between two readings; None where that is not known.
    """

    name: str
    units: str | None
    form: Literal["number", "bool", "text"]
    whole: bool
    low: float = -math.inf
    high: float = math.inf
    poll: float | None = None


@dataclass(frozen=True, slots=True)
class AlarmPoint:
    """One alarm on one tag or one device.

    Attributes:
        alarm: as configured.
        source: full name of the tag or device it is about.
        tags: full names of the tags that decide.
        units: engineering units of the tag, None where it has none.
    """

    alarm: AlarmSettings
    source: str
    tags: tuple[str, ...]
    units: str | None = None


def watchables(lines: Iterable[LineSettings]) -> dict[str, Watchable]:
    """All tags by full name, in the order of the file."""
    return {found.name: found for line in lines for found in _of_line(line)}


def device_tags(lines: Iterable[LineSettings]) -> dict[str, tuple[str, ...]]:
    """The tags of each device by its full name."""
    return {
        f"{line.name}/{device.name}": tuple(f"{line.name}/{device.name}/{tag.name}" for tag in device.tags)
        for line in lines
        for device in line.devices
    }


def alarm_points(settings: Settings) -> tuple[AlarmPoint, ...]:
    """All alarms that are switched on, one for each tag they are about, in the order of the file."""
    tags, devices = watchables(settings.lines), device_tags(settings.lines)
    points = []
    for alarm in settings.alarms:
        if not alarm.enabled:
            continue
        if alarm.device_down is not None:
            points.append(AlarmPoint(alarm, alarm.device_down, devices.get(alarm.device_down, ())))
            continue
        points += [AlarmPoint(alarm, one.name, (one.name,), one.units) for one in meant_by(alarm, tags)]
    return tuple(points)


def meant_by(alarm: AlarmSettings, tags: Mapping[str, Watchable]) -> list[Watchable]:
    """The tags an alarm is about; a pattern leaves out those its condition means nothing for."""
    if alarm.tag is None:
        return []
    if is_made(alarm.tag, tags):
        return [Watchable(alarm.tag, None, "number", whole=True)]
    found = matching(alarm.tag, tags)
    return [one for one in found if fits(alarm, one)] if "*" in alarm.tag else found


def fits(alarm: AlarmSettings, tag: Watchable) -> bool:
    """Whether the condition of an alarm means something for a tag."""
    if alarm.kind in {"high", "low", "rate"}:
        return tag.form == "number"
    if alarm.kind != "equals":
        return True
    form = "bool" if isinstance(alarm.equals, bool) else "text" if isinstance(alarm.equals, str) else "number"
    return tag.form == form and tag.whole


def is_made(name: str, tags: Mapping[str, Watchable]) -> bool:
    """Whether a plugin makes the tag of this name, whenever it runs: the configuration knows nothing of it."""
    return name.startswith(MADE) and "*" not in name and not any(one.startswith(MADE) for one in tags)


def is_name(text: str) -> bool:
    """Whether a text can be the full name of a tag, or a pattern of such names."""
    return _NAME.fullmatch(text) is not None


def matching(pattern: str, tags: Mapping[str, Watchable]) -> list[Watchable]:
    """The tags a name or pattern means; ``*`` stands for any characters, but never for a ``/``."""
    if "*" not in pattern:
        return [tags[pattern]] if pattern in tags else []
    expression = _expression(pattern)
    return [one for one in tags.values() if expression.fullmatch(one.name)]


@lru_cache(maxsize=256)
def _expression(pattern: str) -> re.Pattern[str]:
    return re.compile("[^/]*".join(re.escape(part) for part in pattern.split("*")))


def _of_line(line: LineSettings) -> Iterator[Watchable]:
    for raw in line.tags:
        yield _of_raw(f"{line.name}/{raw.name}", raw)
    for device in line.devices:
        for tag in device.tags:
            yield _of_tag(f"{line.name}/{device.name}/{tag.name}", tag)


def _of_raw(name: str, tag: RawTagSettings) -> Watchable:
    if tag.type in ("bool", "string"):
        return Watchable(name, tag.units or None, "bool" if tag.type == "bool" else "text", whole=True)
    plain = tag.type == "int" and tag.scale == 1.0 and tag.offset == int(tag.offset)
    return Watchable(name, tag.units or None, "number", plain, *_within((), tag.minimum, tag.maximum))


def _of_tag(name: str, tag: TagSettings) -> Watchable:
    if tag.type in ("bool", "string"):
        form: Literal["bool", "text"] = "bool" if tag.type == "bool" else "text"
        return Watchable(name, tag.units or None, form, whole=True, poll=tag.poll)
    facts = FACTS[tag.type]
    low, high = (facts.low, facts.high) if tag.bit is None else (0, 2**tag.width - 1)
    # What is in the registers of a time is not what the value counts in.
    ends = (low * tag.scale + tag.offset, high * tag.scale + tag.offset) if facts.is_measure else ()
    plain = facts.is_whole and tag.scale == 1.0 and tag.offset == int(tag.offset)
    return Watchable(name, tag.units or None, "number", plain, *_within(ends, tag.minimum, tag.maximum), tag.poll)


def _within(ends: Sequence[float], minimum: float | None, maximum: float | None) -> tuple[float, float]:
    low, high = min(ends, default=-math.inf), max(ends, default=math.inf)
    return (low if minimum is None else max(low, minimum), high if maximum is None else min(high, maximum))
