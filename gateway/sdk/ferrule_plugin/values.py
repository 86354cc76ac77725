"""What the gateway says, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Value = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known of a tag at one moment.

    Attributes:
        tag: its full name.
        value: None unless quality is good or uncertain.
        quality: ``good``, ``uncertain`` or ``bad``.
        reason: one word for why it is not good.
        message: the same for people.
        timestamp: RFC 3339, of when the value was acquired; None: never.
    """

    tag: str
    value: Value | None
    quality: str
    reason: str | None
    message: str | None
    timestamp: str | None

    @property
    def good(self) -> bool:
        """Whether the value can be trusted."""
        return self.quality == "good"

    @classmethod
    def of(cls, form: Mapping[str, Any]) -> Reading:
        """From its JSON form."""
        return cls(
            form["tag"], form["value"], form["quality"], form.get("reason"), form.get("message"), form.get("timestamp")
        )


@dataclass(frozen=True, slots=True)
class WriteResult:
    """The honest outcome of a write.

    Attributes:
        outcome: ``confirmed``, ``refused``, ``not_sent`` or ``unknown``.
        reason: one word for why it is not confirmed.
        message: the same for people.
        read_back: the value read after the write, where the tag asks for it.
    """

    outcome: str
    reason: str | None
    message: str | None
    read_back: Value | None

    @property
    def confirmed(self) -> bool:
        """Whether the device confirmed it."""
        return self.outcome == "confirmed"

    @classmethod
    def of(cls, form: Mapping[str, Any]) -> WriteResult:
        """From its JSON form."""
        return cls(form["outcome"], form.get("reason"), form.get("message"), form.get("readBack"))


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened.

    Attributes:
        id: of the event.
        type: e.g. ``tag:changed``.
        timestamp: RFC 3339.
        data: what belongs to the type.
        routing_key: a label of whoever published it.
        missed: events that were dropped before this one because the plugin was too slow.
    """

    id: str
    type: str
    timestamp: str
    data: Mapping[str, Any]
    routing_key: str | None
    missed: int

    @classmethod
    def of(cls, form: Mapping[str, Any], missed: int) -> Event:
        """From its JSON form."""
        return cls(form["id"], form["type"], form["timestamp"], form["data"], form.get("routingKey"), missed)


@dataclass(frozen=True, slots=True)
class Message:
    """What another plugin wrote.

    Attributes:
        id: of the message.
        sender: id of the other plugin.
        type: a word of the sender's.
        payload: whatever the two agree on.
        priority: ``low``, ``normal``, ``high`` or ``urgent``.
        correlation_id: ties an answer to a question.
        deadline: seconds the sender waits for an answer.
    """

    id: str | None
    sender: str | None
    type: str
    payload: Any
    priority: str
    correlation_id: str | None
    deadline: float

    @classmethod
    def of(cls, form: Mapping[str, Any]) -> Message:
        """From its JSON form."""
        return cls(
            form.get("id"),
            form.get("from"),
            str(form.get("type", "")),
            form.get("payload"),
            str(form.get("priority", "normal")),
            form.get("correlationId"),
            float(form.get("deadline", 0.0)),
        )


@dataclass(frozen=True, slots=True)
class SerialMessage:
    """What a raw serial line said last.

    Attributes:
        data: bytes; None: nothing came yet.
        text: the same, where it is text.
        timestamp: RFC 3339, of when it came.
        reason, message: why there is nothing.
    """

    data: bytes | None
    text: str | None
    timestamp: str | None
    reason: str | None
    message: str | None

    @classmethod
    def of(cls, form: Mapping[str, Any]) -> SerialMessage:
        """From its JSON form."""
        data = form.get("data")
        return cls(
            bytes.fromhex(data) if isinstance(data, str) else None,
            form.get("text"),
            form.get("timestamp"),
            form.get("reason"),
            form.get("message"),
        )
