"""A message of one plugin to another on its way, and what its sender is told of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec
import trio

from gateway.core.errors import invalid
from gateway.core.ports import Json
from gateway.core.weight import values

# Bytes of a payload as JSON, and values in it: with all around it, it fits an event (D-148) and a line to a plugin.
LARGEST_PAYLOAD = 48 * 1024
MOST_VALUES = 2000


class Status(StrEnum):
    """What became of a message (D-115)."""

    # It waits for its turn.
    ACCEPTED = "accepted"
    # The other plugin has it.
    DELIVERED = "delivered"
    # It never had it, said that it failed, or did not answer in time.
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a question.

    Attributes:
        value: whatever the two agree on.
    """

    value: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What a sender is told.

    Attributes:
        message_id: of the message.
        correlation_id: ties an answer to it.
        status: what became of it.
        response_expected: whether an answer is waited for.
        estimated_response_time: seconds the other plugin takes lately; None where nothing was measured.
        reply: the answer, where it was waited for and came.
        reason: one word, where it failed: ``timeout``, ``failed``, ``gone``.
        words: the same for people.
    """

    message_id: str
    correlation_id: str
    status: Status
    response_expected: bool
    estimated_response_time: float | None
    reply: Reply | None = None
    reason: str | None = None
    words: str | None = None


@dataclass(slots=True, kw_only=True)
class Letter:
    """One message on its way.

    Attributes:
        id: of the message.
        source, target: ids of the plugins.
        sender: instance that wrote it; None: it came over HTTP.
        type: a word of the sender's.
        payload: whatever the two agree on.
        size: bytes of it as JSON.
        priority: ``low``, ``normal``, ``high`` or ``urgent``.
        correlation_id: ties an answer to it.
        timeout: seconds it has, from when it was written.
        deadline: the same on the run loop's clock.
        expected: whether an answer is.
        waited: whether somebody waits for the answer here.
        status: what became of it so far.
        reply: the answer.
        reason, words: why it failed.
        turn: it is handed over now.
        handed: it was, or never will be.
        done: nothing more becomes of it.
    """

    id: str
    source: str
    target: str
    sender: str | None
    type: str
    payload: Json
    size: int
    priority: str
    correlation_id: str
    timeout: float
    deadline: float
    expected: bool
    waited: bool = False
    status: Status = Status.ACCEPTED
    reply: Reply | None = None
    reason: str | None = None
    words: str | None = None
    turn: trio.Event = field(default_factory=trio.Event)
    handed: trio.Event = field(default_factory=trio.Event)
    done: trio.Event = field(default_factory=trio.Event)

    @property
    def question(self) -> tuple[str, str, str]:
        """What an answer is known by: who asked, who is asked, and the correlation."""
        return self.source, self.target, self.correlation_id

    def settle(self, reply: Reply | None) -> bool:
        """It arrived, with an answer where one was given; whether that is news."""
        return self._end(Status.DELIVERED, reply)

    def fail(self, reason: str, words: str) -> bool:
        """It did not; whether that is news."""
        if not self._end(Status.FAILED, None):
            return False
        self.reason, self.words = reason, words
        return True

    def _end(self, status: Status, reply: Reply | None) -> bool:
        if self.done.is_set():
            return False
        self.status, self.reply = status, reply
        self.handed.set()
        self.done.set()
        return True

    def params(self) -> Mapping[str, Json]:
        """As a plugin gets it."""
        return {
            "id": self.id,
            "from": self.source,
            "type": self.type,
            "payload": self.payload,
            "priority": self.priority,
            "correlationId": self.correlation_id,
        }

    def told(self) -> Mapping[str, object]:
        """As the event ``plugin:message`` has it."""
        return {
            "message_id": self.id,
            "from_plugin": self.source,
            "to_plugin": self.target,
            "message_type": self.type,
            "priority": self.priority,
            "payload": self.payload,
            "correlation_id": self.correlation_id,
        }


def size_of(payload: Json) -> int:
    """Bytes of a payload.

    Raises:
        GatewayError: INVALID, it is too large.
    """
    size = len(msgspec.json.encode(payload))
    if size > LARGEST_PAYLOAD:
        raise invalid("payload", f"is {size} bytes of JSON, and may be {LARGEST_PAYLOAD}", size)
    if values(payload, MOST_VALUES) > MOST_VALUES:
        raise invalid("payload", f"holds more than {MOST_VALUES} values: put them elsewhere, and write where")
    return size
