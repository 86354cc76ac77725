"""What the plugin API needs of the services behind it; each is built elsewhere and handed over."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gateway.alarms.rows import AlarmRow
from gateway.alarms.standing import AlarmState
from gateway.api.rest.webhook_views import RegisteredWebhook, ShownWebhook, TestedWebhook
from gateway.core.event_figures import EventMeters
from gateway.core.eventlog import Attempt, Delivery, DeliveryStatus, Message
from gateway.core.events import Event
from gateway.core.ports import EventDoor, Json
from gateway.core.principal import Principal
from gateway.core.turns import Turns
from gateway.settings.alarm_model import AlarmSeverity


class EventHistory(Protocol):
    """Events that are kept."""

    @property
    def first(self) -> int:
        """Every event from this number on is still there, except those of low priority."""
        ...

    @property
    def last(self) -> int:
        """The number of the newest one."""
        ...

    async def after(self, sequence: int, limit: int) -> list[Event]:
        """Events with higher numbers, oldest first. Raises NotKept: the disk is in trouble."""
        ...


class Messages(Protocol):
    """Messages between agents."""

    async def send(
        self,
        by: Principal,
        to_agent: str,
        content: str,
        *,
        priority: str,
        category: str,
        correlation_id: str | None,
        ttl: float | None,
        from_agent: str | None,
    ) -> Message:
        """Keep a message for an agent; it is on the disk when this returns.

        Raises:
            GatewayError: INVALID; FORBIDDEN, not in this name; AGENT_NOT_FOUND; UNAVAILABLE, its mailbox is full or the
                disk does not take it.
        """
        ...

    async def pull(
        self, by: Principal, agent: str | None, *, waiting_only: bool, after: int, limit: int
    ) -> list[Message]:
        """Messages to an agent, oldest first; None: to the caller, or to everybody for who may see that.

        Raises:
            GatewayError: FORBIDDEN, the messages of another; UNAVAILABLE.
        """
        ...

    async def acknowledge(self, by: Principal, message_id: str) -> Message:
        """Note that a message arrived; the same again where that was noted before.

        Raises:
            GatewayError: NOT_FOUND, FORBIDDEN, UNAVAILABLE.
        """
        ...


class Alarms(Protocol):
    """Alarms of the configuration, and what stands of them."""

    def list(
        self,
        *,
        states: Collection[AlarmState],
        severity: AlarmSeverity | None = None,
        alarm: str | None = None,
        tag: str | None = None,
    ) -> Sequence[AlarmRow]:
        """Those in one of the states, the worst first."""
        ...

    async def acknowledge(self, alarm_id: str, by: str, comment: str | None = None) -> AlarmRow:
        """Note that somebody has seen an alarm; on the disk when this returns.

        Raises:
            GatewayError: NOT_FOUND, INVALID.
        """
        ...


class Webhooks(Protocol):
    """Webhooks. All but ``list`` raise NOT_FOUND where there is none, and UNAVAILABLE for a disk in trouble."""

    async def list(self, principal: Principal) -> Sequence[ShownWebhook]:
        """Those the caller may see, oldest first."""
        ...

    async def get(self, principal: Principal, id_: str) -> ShownWebhook:
        """One of them."""
        ...

    async def create(self, principal: Principal, body: Mapping[str, Json]) -> RegisteredWebhook:
        """Register one.

        Raises:
            GatewayError: INVALID, FORBIDDEN (egress, or an event the caller may not see), TOO_MANY.
        """
        ...

    async def replace(self, principal: Principal, id_: str, body: Mapping[str, Json]) -> ShownWebhook:
        """Give it other members, every one; without ``secret`` it keeps its own. Raises as ``create``."""
        ...

    async def patch(self, principal: Principal, id_: str, changes: Mapping[str, Json]) -> ShownWebhook:
        """Change some members. Raises as ``create``."""
        ...

    async def remove(self, principal: Principal, id_: str) -> None:
        """Forget it."""
        ...

    async def rotate_secret(self, principal: Principal, id_: str, secret: str | None = None) -> RegisteredWebhook:
        """Sign with another secret (None: a new one); for a day with the one before as well (D-142)."""
        ...

    async def pause(self, principal: Principal, id_: str) -> ShownWebhook:
        """Deliver nothing until it is resumed."""
        ...

    async def resume(self, principal: Principal, id_: str) -> ShownWebhook:
        """Deliver again."""
        ...

    async def test(self, principal: Principal, id_: str) -> TestedWebhook:
        """Send ``webhook:test`` now, to this one alone, and tell what became of it."""
        ...

    async def deliveries(
        self,
        principal: Principal,
        id_: str,
        *,
        status: DeliveryStatus | None = None,
        event_type: str | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> Sequence[Delivery]:
        """Deliveries, newest first; ``before``: the last one of the page before."""
        ...

    async def delivery(self, principal: Principal, id_: str, delivery: str) -> tuple[Delivery, Sequence[Attempt]]:
        """One delivery with its attempts."""
        ...

    async def redeliver(self, principal: Principal, id_: str, delivery: str) -> Delivery:
        """Deliver an event again."""
        ...

    async def redeliver_range(self, principal: Principal, id_: str, start: float, end: float) -> int:
        """Deliver again what happened from ``start`` to ``end`` (Unix seconds); returns how many events that are."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EventParts:
    """The services of events.

    Attributes:
        door: takes events of others.
        history: those that are kept.
        messages: between agents.
        alarms: of the configuration.
        webhooks: and their deliveries.
        meters: of all that; None: nobody counts.
        turns: at reading the history.
    """

    door: EventDoor
    history: EventHistory
    messages: Messages
    alarms: Alarms
    webhooks: Webhooks
    meters: EventMeters | None = None
    turns: Turns = field(default_factory=Turns)
