"""What the plugin API needs of the services behind it; each is built elsewhere and handed over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.core.eventlog import Attempt, Delivery, DeliveryStatus, Message, Priority
from gateway.core.events import Data, Event
from gateway.core.ports import Json
from gateway.core.principal import Principal


class EventDoor(Protocol):
    """Takes events of others."""

    async def accept(
        self,
        type_: str,
        data: Data,
        *,
        routing_key: str | None = None,
        kept: bool = True,
        priority: Priority | None = None,
    ) -> Event:
        """Keep an event, then tell it; it is on the disk when this returns.

        Raises:
            GatewayError: UNAVAILABLE, the disk does not take it.
        """
        ...


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


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmRow:
    """An alarm as it is now.

    Attributes:
        alarm_id: of this standing of it; None while it is normal.
        alarm: its name in the configuration.
        tag: it watches; None for an alarm on a device.
        device: it watches; None for an alarm on a tag.
        severity: ``info``, ``warning`` or ``critical``.
        condition: e.g. ``high``.
        state: ``normal``, ``raised``, ``acknowledged`` or ``cleared``.
        frozen: what it watches is not good, so that nothing is said of it.
        value: what was seen last.
        limit: what that is held against; None where there is none.
        units: engineering units of both.
        message: for people.
        raised_at: Unix seconds.
        cleared_at: Unix seconds; None while it stands.
        acknowledged_at: Unix seconds.
        acknowledged_by: who.
        comment: what was said at that.
        clock: whether these times can be trusted.
    """

    alarm_id: str | None
    alarm: str
    tag: str | None
    device: str | None
    severity: str
    condition: str
    state: str
    frozen: bool
    value: Json
    limit: Json
    units: str | None
    message: str
    raised_at: float | None
    cleared_at: float | None
    acknowledged_at: float | None
    acknowledged_by: str | None
    comment: str | None
    clock: str


class Alarms(Protocol):
    """Alarms of the configuration, and what stands of them."""

    def list(self, *, state: str | None = None, severity: str | None = None) -> Sequence[AlarmRow]:
        """Those that stand first, the newest first of them. ``state`` may also be ``standing``: all but normal ones."""
        ...

    async def acknowledge(self, alarm_id: str, by: str, comment: str | None) -> AlarmRow:
        """Note that somebody has seen an alarm; on the disk when this returns.

        Raises:
            GatewayError: NOT_FOUND, CONFLICT, UNAVAILABLE.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRow:
    """A webhook without its secret.

    Attributes:
        id: ``wh-...``.
        url: where events go.
        events: patterns of types or routing keys.
        filter: values by members of the data.
        active: whether its owner wants deliveries.
        description: for people.
        retry_policy: None: that of Standard Webhooks (ruling 19).
        format: ``seed`` or ``cloudevents``.
        ordered: events of a key go one after the other.
        timeout: seconds for an answer.
        state: ``active``, ``paused`` or ``disabled``.
        reason: why it is disabled.
        owner: subject of who registered it.
        created_at, updated_at: Unix seconds.
        counts: deliveries by status.
    """

    id: str
    url: str
    events: Sequence[str]
    filter: Mapping[str, Json]
    active: bool
    description: str
    retry_policy: Mapping[str, Json] | None
    format: str
    ordered: bool
    timeout: float
    state: str
    reason: str | None
    owner: str
    created_at: float
    updated_at: float
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Signed:
    """A webhook with the secret its receiver needs: it is shown this once.

    Attributes:
        webhook: the webhook.
        secret: in the form libraries for Standard Webhooks take.
        until: Unix seconds up to which the one before signs as well; None where there was none.
    """

    webhook: WebhookRow
    secret: str
    until: float | None = None


class Webhooks(Protocol):
    """Webhooks. All but ``list`` raise NOT_FOUND where there is none, and UNAVAILABLE for a disk in trouble."""

    async def list(self) -> Sequence[WebhookRow]:
        """All of them, oldest first."""
        ...

    async def get(self, webhook: str) -> WebhookRow:
        """One of them."""
        ...

    async def create(self, by: Principal, spec: Mapping[str, Json]) -> Signed:
        """Register one.

        Args:
            by: who does; what they may see is what is delivered (D-149).
            spec: every member a client may write, by its name on the wire.

        Raises:
            GatewayError: INVALID, FORBIDDEN (egress, or an event the caller may not see), CONFLICT (50 are there).
        """
        ...

    async def replace(self, by: Principal, webhook: str, spec: Mapping[str, Json]) -> WebhookRow:
        """Give it other members, every one; without ``secret`` it keeps its own. Raises as ``create``."""
        ...

    async def patch(self, by: Principal, webhook: str, changes: Mapping[str, Json]) -> WebhookRow:
        """Change some members. Raises as ``create``."""
        ...

    async def remove(self, webhook: str) -> None:
        """Forget it."""
        ...

    async def rotate_secret(self, webhook: str, secret: str | None) -> Signed:
        """Sign with another secret (None: a new one); for a day with the one before as well (D-142)."""
        ...

    async def test(self, webhook: str) -> Attempt:
        """Send ``webhook:test`` now, to this one alone, and tell what became of it."""
        ...

    async def pause(self, webhook: str) -> WebhookRow:
        """Deliver nothing until it is resumed; what happens meanwhile waits."""
        ...

    async def resume(self, webhook: str) -> WebhookRow:
        """Deliver again, also where it was disabled for its failures."""
        ...

    async def deliveries(
        self,
        webhook: str,
        *,
        status: DeliveryStatus | None,
        event_type: str | None,
        before: str | None,
        limit: int,
    ) -> Sequence[Delivery]:
        """Deliveries, newest first; ``before``: the last one of the page before."""
        ...

    async def delivery(self, webhook: str, delivery: str) -> tuple[Delivery, Sequence[Attempt]]:
        """One delivery with its attempts."""
        ...

    async def redeliver(self, webhook: str, delivery: str) -> Delivery:
        """Deliver an event again."""
        ...

    async def redeliver_range(self, webhook: str, start: float, end: float) -> int:
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
    """

    door: EventDoor
    history: EventHistory
    messages: Messages
    alarms: Alarms
    webhooks: Webhooks
