"""What calls about alarms are answered with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .members import Members
from .tags import Scalar


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm of the configuration as it stands now.

    Attributes:
        alarm_id: of this standing of it; None while it is normal. `acknowledge_alarm` takes it.
        alarm: its name in the configuration.
        tag: the tag it watches; None for an alarm on a device.
        device: `line/device` of an alarm on a device.
        severity: `info`, `warning` or `critical`.
        condition: `high`, `low`, `rate`, `stale`, `not_good`, `equals` or `device_down`.
        state: `raised`, `acknowledged`, `cleared` or `normal`.
        frozen: nobody knows now on which side of its limit the value lies; `reason` says why.
        reason: why it is frozen.
        value: what was seen when it was raised, or cleared.
        current: what is seen now; None while it is frozen.
        limit: what it is held against.
        units: of value and limit.
        message: a sentence for people.
        raised_at: when it was raised last; None where it never was.
        cleared_at: when its condition ended.
        acknowledged_at: when somebody said to have seen it.
        acknowledged_by: who.
        comment: what was said at that.
        synchronised: whether these times can be trusted.
    """

    alarm_id: str | None
    alarm: str
    tag: str | None
    device: str | None
    severity: str
    condition: str
    state: str
    frozen: bool
    reason: str | None
    value: Scalar | None
    current: Scalar | None
    limit: Scalar | None
    units: str | None
    message: str
    raised_at: datetime | None
    cleared_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    comment: str | None
    synchronised: bool

    @classmethod
    def read(cls, given: Members) -> Alarm:
        """Read one alarm of `alarm.list` or `alarm.ack`."""
        return cls(
            given.text_or_none("alarmId"),
            given.text("alarm"),
            given.text_or_none("tag"),
            given.text_or_none("device"),
            given.text("severity"),
            given.text("condition"),
            given.text("state"),
            given.truth("frozen"),
            given.text_or_none("reason"),
            given.scalar("value"),
            given.scalar("current"),
            given.scalar("limit"),
            given.text_or_none("units"),
            given.text("message"),
            given.moment_or_none("raisedAt"),
            given.moment_or_none("clearedAt"),
            given.moment_or_none("acknowledgedAt"),
            given.text_or_none("acknowledgedBy"),
            given.text_or_none("comment"),
            given.text_or_none("clock") == "synchronised",
        )


@dataclass(frozen=True, slots=True)
class Alarms:
    """What `list_alarms` found, the worst first: those of this answer, and how many there are."""

    alarms: tuple[Alarm, ...]
    total: int

    @classmethod
    def read(cls, result: object) -> Alarms:
        """Read the result of `alarm.list`."""
        given = Members(result, "alarm.list")
        return cls(tuple(map(Alarm.read, given.objects("alarms"))), given.whole("total"))
