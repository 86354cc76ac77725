"""Models of what the methods of events, messages and alarms answer."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from gateway.api.results.model import Clock, Count, Model, Timestamp, Value

EventType = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]+(:[A-Za-z0-9_-]+)*$")]


class Event(Model):
    """``event.list``, one event."""

    type: EventType
    timestamp: Timestamp
    data: dict[str, object]
    id: str
    seq: Count
    gateway: str
    clock: Clock
    routing_key: str | None


class EventList(Model):
    """``event.list``."""

    events: list[Event]
    after: Count
    more: bool
    complete: bool

    def __post_init__(self) -> None:
        """Events come in the order of their numbers, and the next question goes on behind them.

        Raises:
            ValueError: they do not.
        """
        numbers = [event.seq for event in self.events]
        if sorted(set(numbers)) != numbers or (numbers and numbers[-1] > self.after):
            raise ValueError("events out of order")


class Sent(Model):
    """``agent.message``."""

    sent: Literal[True]
    message_id: str
    sequence: Count
    expires_at: Timestamp


class Message(Model):
    """``agent.messages``, one message."""

    message_id: str
    sequence: Count
    from_agent: str
    to_agent: str
    content: str
    priority: Literal["low", "normal", "high", "urgent"]
    category: str
    correlation_id: str | None
    created_at: Timestamp
    expires_at: Timestamp
    acknowledged_at: Timestamp | None


class MessageList(Model):
    """``agent.messages``."""

    messages: list[Message]
    after: Count


class Acknowledged(Model):
    """``agent.acknowledge``."""

    acknowledged: Literal[True]
    message_id: str
    acknowledged_at: Timestamp | None


class Alarm(Model):
    """``alarm.list``, one alarm, and ``alarm.ack``."""

    alarm_id: str | None
    alarm: str
    tag: str | None
    device: str | None
    severity: Literal["info", "warning", "critical"]
    condition: Literal["high", "low", "rate", "stale", "not_good", "equals", "device_down"]
    state: Literal["normal", "raised", "acknowledged", "cleared"]
    frozen: bool
    reason: str | None
    value: Value
    current: Value
    limit: Value
    units: str | None
    message: str
    raised_at: Timestamp | None
    cleared_at: Timestamp | None
    acknowledged_at: Timestamp | None
    clock: Clock | None
    acknowledged_by: str | None
    comment: str | None
    times: Count

    def __post_init__(self) -> None:
        """An alarm is on a tag or on a device; what does not stand has no times.

        Raises:
            ValueError: it does not hold together.
        """
        if (self.tag is None) == (self.device is None):
            raise ValueError("neither on a tag nor on a device, or on both")
        if (self.state in {"raised", "cleared"}) and (self.raised_at is None or self.acknowledged_at is not None):
            raise ValueError(f"{self.state}, but raised at {self.raised_at}, acknowledged at {self.acknowledged_at}")


class AlarmList(Model):
    """``alarm.list``."""

    alarms: list[Alarm]
    total: Count
