"""What the events of the field say: lines, devices, tags and alarms."""

from __future__ import annotations

from typing import Literal

import msgspec

from gateway.core.catalogue_type import Clock, EventData, EventType, TagReading
from gateway.core.eventlog import Priority


class LineEvent(EventData):
    """A line came up, went down or was parked.

    Attributes:
        line: name of the line.
        state: ``up``, ``down`` or ``parked``.
        reason: one word for why it is not up; null where it is.
        message: the same for people, with the cure; null where it is up.
    """

    line: str
    state: Literal["up", "down", "parked"]
    reason: str | None
    message: str | None


class DeviceEvent(EventData):
    """A device fell silent, or answers again.

    Attributes:
        line: name of its line.
        device: name of the device.
        unit: its unit number on the line.
        reason: one word for why it counts as silent, such as ``no_answer``; null where it answers.
    """

    line: str
    device: str
    unit: int
    reason: str | None


class TagChanged(EventData):
    """What a tag says now.

    Attributes:
        tag: full name, ``line/device/tag``.
        value: in engineering units; null unless the quality is good or uncertain.
        quality: ``good``, ``uncertain`` or ``bad``.
        reason: one word for why it is not good; null where it is.
        timestamp: when the value was acquired; null where nothing was since the gateway started.
        clock: whether that time can be trusted; null where there is none.
        sequence: counts the answers of this run of the gateway; tags read in one answer share it; null where none was.
        units: engineering units; null where none are configured.
    """

    tag: str
    value: TagReading
    quality: Literal["good", "uncertain", "bad"]
    reason: str | None
    timestamp: str | None
    clock: Clock | None
    sequence: int | None
    units: str | None


class AlarmEvent(EventData):
    """An alarm of ``[[alarm]]`` as it stands after the event.

    Attributes:
        alarm_id: of this standing of the alarm; the same from raised to cleared.
        alarm: its name in the configuration.
        tag: the tag it watches; null for an alarm on a device.
        severity: ``info``, ``warning`` or ``critical``.
        condition: ``high``, ``low``, ``rate``, ``stale``, ``not_good``, ``equals`` or ``device_down``.
        value: what was seen; null where nothing is known.
        limit: what it was held against; null where the condition has none.
        units: engineering units of value and limit; null where there are none.
        message: a sentence for people; of one that is cleared that it is, how, and what was said when it was raised.
        raised_at: when it was raised.
        clock: whether these times can be trusted.
        device: ``line/device`` of an alarm on a device; null or absent for one on a tag.
        cleared_at: when the condition ended; absent while it lasts.
        acknowledged_by: who acknowledged it, an operator by name (`operator:anna`); absent until then.
        comment: what was said at that; absent where nothing was.
    """

    alarm_id: str
    alarm: str
    tag: str | None
    severity: Literal["info", "warning", "critical"]
    condition: Literal["high", "low", "rate", "stale", "not_good", "equals", "device_down"]
    value: TagReading
    limit: TagReading
    units: str | None
    message: str
    raised_at: str
    clock: Clock
    device: str | None = None
    cleared_at: str | msgspec.UnsetType | None = msgspec.UNSET
    acknowledged_by: str | msgspec.UnsetType | None = msgspec.UNSET
    comment: str | msgspec.UnsetType | None = msgspec.UNSET


FIELD = (
    EventType(
        "line:up", "A line is open and polled.", LineEvent, "devices:read", "devices", Priority.HIGH, key=("line",)
    ),
    EventType(
        "line:down",
        "A line cannot be opened or used; its tags are bad. It is tried again for ever.",
        LineEvent,
        "devices:read",
        "devices",
        Priority.HIGH,
        key=("line",),
    ),
    EventType(
        "line:parked",
        "A line failed by a fault of the gateway, and is tried again every ten minutes.",
        LineEvent,
        "devices:read",
        "devices",
        Priority.HIGH,
        key=("line",),
    ),
    EventType(
        "device:up", "A device answers.", DeviceEvent, "devices:read", "devices", Priority.HIGH, key=("line", "device")
    ),
    EventType(
        "device:down",
        "A device does not answer; its tags are bad.",
        DeviceEvent,
        "devices:read",
        "devices",
        Priority.HIGH,
        key=("line", "device"),
    ),
    EventType(
        "tag:changed",
        "A tag has a new value, outside its deadband, or quality; at most one for each tag in `[events] tag_interval`.",
        TagChanged,
        "devices:read",
        "tag:changes",
        Priority.LOW,
        kept=False,
        key=("tag",),
    ),
    EventType(
        "alarm:raised",
        "The condition of an alarm holds, and has held for its delay.",
        AlarmEvent,
        "devices:read",
        "alarms",
        Priority.URGENT,
        key=("alarm", "tag", "device"),
    ),
    EventType(
        "alarm:acknowledged",
        "Somebody has seen an alarm.",
        AlarmEvent,
        "devices:read",
        "alarms",
        Priority.URGENT,
        key=("alarm", "tag", "device"),
    ),
    EventType(
        "alarm:cleared",
        "The condition of an alarm holds no longer.",
        AlarmEvent,
        "devices:read",
        "alarms",
        Priority.URGENT,
        key=("alarm", "tag", "device"),
    ),
)
