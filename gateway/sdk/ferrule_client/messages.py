"""What calls about messages between agents are answered with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .members import Members


@dataclass(frozen=True, slots=True)
class Sent:
    """A message was taken: it is on the gateway's disk, and waits for its agent."""

    message_id: str
    seq: int
    expires_at: datetime

    @classmethod
    def read(cls, result: object) -> Sent:
        """Read the result of `agent.message`."""
        given = Members(result, "agent.message")
        return cls(given.text("messageId"), given.whole("sequence"), given.moment("expiresAt"))


@dataclass(frozen=True, slots=True)
class Message:
    """A message to an agent.

    Attributes:
        message_id: `acknowledge_message` takes it.
        seq: number of its event.
        from_agent: id of the agent that wrote it, or the subject of an operator.
        to_agent: id of the agent it is for.
        content: text.
        priority: `low`, `normal`, `high` or `urgent`.
        category: a word of the sender's.
        correlation_id: of the sender's, to tie answers to questions.
        created_at: when it was sent.
        expires_at: after this it is no longer there.
        acknowledged_at: when it was acknowledged; None while it waits.
    """

    message_id: str
    seq: int
    from_agent: str
    to_agent: str
    content: str
    priority: str
    category: str
    correlation_id: str | None
    created_at: datetime
    expires_at: datetime
    acknowledged_at: datetime | None

    @classmethod
    def read(cls, given: Members) -> Message:
        """Read one message of `agent.messages`."""
        return cls(
            given.text("messageId"),
            given.whole("sequence"),
            given.text("fromAgent"),
            given.text("toAgent"),
            given.text("content"),
            given.text("priority"),
            given.text("category"),
            given.text_or_none("correlationId"),
            given.moment("createdAt"),
            given.moment("expiresAt"),
            given.moment_or_none("acknowledgedAt"),
        )


@dataclass(frozen=True, slots=True)
class Messages:
    """What `messages` found, oldest first; `after` is where to go on."""

    messages: tuple[Message, ...]
    after: int

    @classmethod
    def read(cls, result: object) -> Messages:
        """Read the result of `agent.messages`."""
        given = Members(result, "agent.messages")
        return cls(tuple(map(Message.read, given.objects("messages"))), given.whole("after"))
