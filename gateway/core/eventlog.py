"""The durable side of events, as those see it who write, read and deliver them; ``storage`` implements it.

What the log has taken survives kill -9 and power cuts (ruling 19). Who delivers keeps a cursor into it, so that a
receiver that is away for days costs a place in the log and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Protocol

from gateway.core.events import Event
from gateway.core.ports import Json


class Priority(IntEnum):
    """What gives way first when the log is full: the oldest of the lowest."""

    LOW = 0
    NORMAL = 1
    HIGH = 2
    URGENT = 3


class NotKept(Exception):  # noqa: N818 - named by what is known: it is not on the disk
    """The disk does not take it now; the text says why. Nothing of what was handed over together is kept."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An event that is to be kept.

    Attributes:
        event: to be kept.
        priority: how long it stays when room runs out.
    """

    event: Event
    priority: Priority


class EventLog(Protocol):
    """Events in the order of their numbers, for as long as time and size allow.

    Attributes:
        dropping: told of events that were removed for their age or for room, oldest first, after they are gone.
    """

    dropping: list[Callable[[Sequence[Event]], None]]

    @property
    def first(self) -> int:
        """Every event from this number on that was ever kept is still there, except those of low priority."""
        ...

    @property
    def last(self) -> int:
        """The number of the newest event that is on the disk; 0 where there is none."""
        ...

    async def append(self, entries: Sequence[Entry]) -> None:
        """Keep events, in one transaction; they are on the disk (fsync) when this returns.

        A ``message:received`` also enters the mailbox of its ``to_agent``.

        Raises:
            NotKept: none of them is.
        """
        ...

    async def after(self, sequence: int, limit: int) -> list[Event]:
        """Events with higher numbers, oldest first; fewer than ``limit`` where they are large, none only at the end.

        Raises:
            NotKept: the file cannot be read now.
        """
        ...

    async def between(self, start: float, end: float, after: int, limit: int) -> list[Event]:
        """Events that happened from ``start`` to ``end`` (Unix seconds), with numbers above ``after``; see ``after``.

        Raises:
            NotKept: the file cannot be read now.
        """
        ...

    async def find(self, sequence: int) -> Event | None:
        """The event with this number, None where it is no longer kept.

        Raises:
            NotKept: the file cannot be read now.
        """
        ...


class DeliveryStatus(StrEnum):
    """What became of an event for one webhook."""

    # It waits for its next attempt, or behind an earlier one of its key.
    WAITING = "waiting"
    DELIVERED = "delivered"
    # All attempts failed; it can be delivered again by hand for seven days (ruling 19).
    DEAD = "dead"
    # The webhook was deleted, deactivated or changed so that it no longer wants it.
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one webhook.

    Attributes:
        id: of this delivery; a redelivery is another one.
        webhook: the webhook's id.
        sequence: number of the event.
        event_id: id of the event.
        event_type: type of the event.
        status: what became of it.
        attempts: how many were made.
        created: Unix seconds of the first attempt, or of the order to redeliver.
        next_at: Unix seconds of the next attempt; None where there is none.
        finished: Unix seconds; None while it waits.
        key: what it keeps its order by; None where none is asked for.
        redelivery: whether somebody ordered it.
    """

    id: str
    webhook: str
    sequence: int
    event_id: str
    event_type: str
    status: DeliveryStatus
    attempts: int
    created: float
    next_at: float | None = None
    finished: float | None = None
    key: str | None = None
    redelivery: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to deliver.

    Attributes:
        delivery: id of the delivery.
        number: counts from 1.
        at: Unix seconds of its sending.
        seconds: until the answer was there, or it was given up.
        address: IP address that was connected to; None where none was.
        request: headers that were sent.
        status: of the answer; None where there was none.
        answer: the beginning of the body of the answer.
        error: why it failed, for people; None where it did not.
    """

    delivery: str
    number: int
    at: float
    seconds: float
    address: str | None
    request: Mapping[str, str]
    status: int | None
    answer: str
    error: str | None


@dataclass(frozen=True, slots=True)
class KeptWebhook:
    """A webhook as the disk has it.

    Attributes:
        id: of the webhook.
        document: all about it, as ``webhooks`` writes it; secrets in it are sealed.
        cursor: number of the last event that needs no further look for it.
    """

    id: str
    document: Mapping[str, Json]
    cursor: int


class Outbox(Protocol):
    """Webhooks, and what became of each event for each of them. Every method raises NotKept for a disk in trouble."""

    async def webhooks(self) -> list[KeptWebhook]:
        """All of them."""
        ...

    async def save(self, webhook: KeptWebhook) -> None:
        """Keep a webhook, new or changed; on the disk when this returns."""
        ...

    async def remove(self, webhook: str) -> None:
        """Forget a webhook and its deliveries."""
        ...

    async def record(
        self, webhook: str, cursor: int, deliveries: Sequence[Delivery], attempts: Sequence[Attempt]
    ) -> None:
        """Keep what was done, in one transaction: the cursor, deliveries as they are now, and new attempts."""
        ...

    async def waiting(self, webhook: str) -> list[Delivery]:
        """Deliveries that wait, in the order of their events."""
        ...

    async def last_attempts(self, webhook: str) -> Mapping[str, Attempt]:
        """The last attempt of each delivery that waits and had one, by its id."""
        ...

    async def begun(self, webhook: str, after: int) -> set[int]:
        """Numbers of events above ``after`` that have a delivery already: a crash came between it and the cursor."""
        ...

    async def deliveries(
        self,
        webhook: str,
        *,
        status: DeliveryStatus | None = None,
        event_type: str | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> list[Delivery]:
        """Deliveries, newest first; ``before`` is the id of the last one of the page before."""
        ...

    async def delivery(self, id_: str) -> tuple[Delivery, list[Attempt]] | None:
        """One delivery with its attempts; None where there is none."""
        ...

    async def counts(self, besides: Sequence[str] = ()) -> Mapping[str, Mapping[DeliveryStatus, int]]:
        """How many deliveries are of each status, by the id of each webhook that has any, but for some by their ids."""
        ...


@dataclass(frozen=True, slots=True)
class Message:
    """A message to an agent.

    Attributes:
        id: of the message.
        sequence: number of its event.
        from_agent, to_agent: agents' ids; an operator writes as its subject.
        content: text.
        priority: low, normal, high or urgent.
        category: a word of the sender's.
        correlation_id: of the sender's; None where there is none.
        created: Unix seconds.
        expires: Unix seconds after which it is no longer there.
        acknowledged: Unix seconds; None while it waits.
    """

    id: str
    sequence: int
    from_agent: str
    to_agent: str
    content: str
    priority: str
    category: str
    correlation_id: str | None
    created: float
    expires: float
    acknowledged: float | None = None


class Mailbox(Protocol):
    """Messages by whom they are for. Every method raises NotKept for a disk in trouble."""

    async def fetch(self, agent: str | None, *, waiting_only: bool, after: int, limit: int) -> list[Message]:
        """Messages to an agent (None: to anybody) with numbers above ``after``, oldest first; none that expired."""
        ...

    async def find(self, id_: str) -> Message | None:
        """One message, None where there is none."""
        ...

    async def acknowledge(self, id_: str, at: float) -> bool:
        """Note that a message arrived; on the disk when this returns. Returns whether it was still waiting."""
        ...

    async def waiting(self, agent: str) -> int:
        """How many messages wait for an agent."""
        ...

    async def room_of(self, agent: str) -> int:
        """Bytes that messages to one agent may still take: a quarter of what those to all may."""
        ...

    async def room(self) -> int:
        """Bytes that messages may still take, so that those that wait leave room for events; below 0: too many."""
        ...
