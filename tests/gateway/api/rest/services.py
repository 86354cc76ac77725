"""The services behind the plugin API, as simple as they can be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.api.rest.ports import AlarmRow, EventParts, Signed, WebhookRow
from gateway.core.errors import Code, GatewayError, invalid
from gateway.core.eventlog import Attempt, Delivery, DeliveryStatus, Message, NotKept, Priority
from gateway.core.events import Data, Event
from gateway.core.ports import Json
from gateway.core.principal import Kind, Principal

NOON = 1_800_000_000.0


def missing(what: str, id_: str) -> GatewayError:
    return GatewayError(Code.NOT_FOUND, f"there is no {what} {id_}")


@dataclass
class FakeLog:
    """A journal and a log in one."""

    events: list[Event] = field(default_factory=list)
    trouble: str | None = None
    first: int = 1
    accepted: list[tuple[str, bool, str | None]] = field(default_factory=list)

    @property
    def last(self) -> int:
        return self.events[-1].sequence if self.events else 0

    def add(self, type_: str, data: Data, routing_key: str | None = None) -> Event:
        number = self.last + 1
        event = Event(f"event-{number}", "rig", number, type_, NOON + number, "synchronised", data, routing_key)
        self.events.append(event)
        return event

    async def accept(
        self,
        type_: str,
        data: Data,
        *,
        routing_key: str | None = None,
        kept: bool = True,
        priority: Priority | None = None,
    ) -> Event:
        if self.trouble is not None:
            raise GatewayError(Code.UNAVAILABLE, self.trouble, details={"retryAfter": 2})
        self.accepted.append((type_, kept, routing_key))
        return self.add(type_, data, routing_key)

    async def after(self, sequence: int, limit: int) -> list[Event]:
        if self.trouble is not None:
            raise NotKept(self.trouble)
        return [event for event in self.events if event.sequence > sequence][:limit]


@dataclass
class FakeMessages:
    """A mailbox for ``Agent-2``."""

    kept: dict[str, Message] = field(default_factory=dict)

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
        if to_agent != "Agent-2":
            raise GatewayError(Code.AGENT_NOT_FOUND, f"there is no agent {to_agent}", field="to_agent")
        number = len(self.kept) + 1
        message = Message(
            f"msg-{number}",
            number,
            from_agent or by.subject,
            to_agent,
            content,
            priority,
            category,
            correlation_id,
            NOON,
            NOON + (ttl or 604_800),
        )
        self.kept[message.id] = message
        return message

    async def pull(
        self, by: Principal, agent: str | None, *, waiting_only: bool, after: int, limit: int
    ) -> list[Message]:
        if by.kind is Kind.AGENT and agent not in {None, by.subject}:
            raise GatewayError(Code.FORBIDDEN, "these are the messages of another agent", field="to_agent")
        return [
            message
            for message in self.kept.values()
            if message.sequence > after
            and agent in {None, message.to_agent}
            and not (waiting_only and message.acknowledged is not None)
        ][:limit]

    async def acknowledge(self, by: Principal, message_id: str) -> Message:
        if message_id not in self.kept:
            raise missing("message", message_id)
        message = self.kept[message_id]
        self.kept[message_id] = replace(message, acknowledged=message.acknowledged or NOON + 60)
        return self.kept[message_id]


ALARM = AlarmRow(
    alarm_id="alarm-1",
    alarm="hot",
    tag="plant/boiler/temperature",
    device=None,
    severity="critical",
    condition="high",
    state="raised",
    frozen=False,
    value=93.5,
    limit=90.0,
    units="°C",
    message="plant/boiler/temperature is above 90 °C",
    raised_at=NOON,
    cleared_at=None,
    acknowledged_at=None,
    acknowledged_by=None,
    comment=None,
    clock="synchronised",
)


@dataclass
class FakeAlarms:
    """One that stands and one that does not."""

    rows: list[AlarmRow] = field(
        default_factory=lambda: [
            ALARM,
            replace(ALARM, alarm_id=None, alarm="cold", state="normal", severity="info", raised_at=None),
        ]
    )

    def list(self, *, state: str | None = None, severity: str | None = None) -> Sequence[AlarmRow]:
        return [
            row
            for row in self.rows
            if severity in {None, row.severity}
            and (state in {None, row.state} or (state == "standing" and row.state != "normal"))
        ]

    async def acknowledge(self, alarm_id: str, by: str, comment: str | None) -> AlarmRow:
        for place, row in enumerate(self.rows):
            if row.alarm_id == alarm_id:
                self.rows[place] = replace(
                    row, state="acknowledged", acknowledged_by=by, comment=comment, acknowledged_at=NOON + 5
                )
                return self.rows[place]
        raise missing("alarm", alarm_id)


DELIVERY = Delivery("dl-1", "wh-1", 7, "event-7", "device:down", DeliveryStatus.DEAD, 5, NOON, None, NOON + 30)
ATTEMPT = Attempt("dl-1", 1, NOON, 0.25, "10.0.0.9", {"webhook-id": "event-7"}, 500, "oops", "it answered 500")


@dataclass
class FakeWebhooks:
    """Keeps what it is told, and has one delivery of each webhook."""

    rows: dict[str, WebhookRow] = field(default_factory=dict)
    secrets: dict[str, Json] = field(default_factory=dict)
    owners: list[Principal] = field(default_factory=list)
    ranges: list[tuple[str, float, float]] = field(default_factory=list)

    async def list(self) -> Sequence[WebhookRow]:
        return [*self.rows.values()]

    async def get(self, webhook: str) -> WebhookRow:
        if webhook not in self.rows:
            raise missing("webhook", webhook)
        return self.rows[webhook]

    async def create(self, by: Principal, spec: Mapping[str, Json]) -> Signed:
        self.owners.append(by)
        id_ = f"wh-{len(self.rows) + 1}"
        row = self._row(id_, spec)
        self.rows[id_], self.secrets[id_] = row, spec["secret"]
        return Signed(row, "whsec_c2hvd24gb25jZQ==")

    def _row(self, id_: str, spec: Mapping[str, Json]) -> WebhookRow:
        if "not-allowed" in str(spec["url"]):
            raise GatewayError(Code.FORBIDDEN, "no [[webhook.allow]] entry names this host", field="url")
        for place, pattern in enumerate(list(spec["events"])):  # type: ignore[arg-type]  # a list of text
            if pattern == "plugin:nothing":
                raise invalid(f"events[{place}]", "there is no such event", pattern)
        members: dict[str, Any] = {name: value for name, value in spec.items() if name != "secret"}
        return WebhookRow(
            id=id_,
            state="active" if spec["active"] else "paused",
            reason=None,
            owner="operator",
            created_at=NOON,
            updated_at=NOON + len(self.owners),
            counts={"waiting": 0, "delivered": 3},
            **members,
        )

    async def replace(self, by: Principal, webhook: str, spec: Mapping[str, Json]) -> WebhookRow:
        await self.get(webhook)
        self.owners.append(by)
        self.rows[webhook] = self._row(webhook, spec)
        self.secrets[webhook] = spec["secret"] or self.secrets[webhook]
        return self.rows[webhook]

    async def patch(self, by: Principal, webhook: str, changes: Mapping[str, Json]) -> WebhookRow:
        row = await self.get(webhook)
        members: dict[str, Any] = {name: value for name, value in changes.items() if name != "secret"}
        self.rows[webhook] = replace(row, **members, updated_at=row.updated_at + 1)
        return self.rows[webhook]

    async def remove(self, webhook: str) -> None:
        await self.get(webhook)
        del self.rows[webhook]

    async def rotate_secret(self, webhook: str, secret: str | None) -> Signed:
        self.secrets[webhook] = secret
        return Signed(await self.get(webhook), "whsec_bmV4dCBvbmU=", NOON + 86400)

    async def test(self, webhook: str) -> Attempt:
        await self.get(webhook)
        return ATTEMPT

    async def pause(self, webhook: str) -> WebhookRow:
        self.rows[webhook] = replace(await self.get(webhook), state="paused")
        return self.rows[webhook]

    async def resume(self, webhook: str) -> WebhookRow:
        self.rows[webhook] = replace(await self.get(webhook), state="active")
        return self.rows[webhook]

    async def deliveries(
        self,
        webhook: str,
        *,
        status: DeliveryStatus | None,
        event_type: str | None,
        before: str | None,
        limit: int,
    ) -> Sequence[Delivery]:
        await self.get(webhook)
        rows = [replace(DELIVERY, webhook=webhook, id=f"dl-{number}") for number in (3, 2, 1)]
        if before is not None:
            rows = [row for row in rows if row.id < before]
        return [row for row in rows if status in {None, row.status} and event_type in {None, row.event_type}][:limit]

    async def delivery(self, webhook: str, delivery: str) -> tuple[Delivery, Sequence[Attempt]]:
        await self.get(webhook)
        if delivery != "dl-1":
            raise missing("delivery", delivery)
        return replace(DELIVERY, webhook=webhook), [ATTEMPT]

    async def redeliver(self, webhook: str, delivery: str) -> Delivery:
        found, _ = await self.delivery(webhook, delivery)
        return replace(found, id="dl-9", status=DeliveryStatus.WAITING, redelivery=True, attempts=0)

    async def redeliver_range(self, webhook: str, start: float, end: float) -> int:
        await self.get(webhook)
        self.ranges.append((webhook, start, end))
        return 12


@dataclass
class Services:
    """All of them."""

    log: FakeLog = field(default_factory=FakeLog)
    messages: FakeMessages = field(default_factory=FakeMessages)
    alarms: FakeAlarms = field(default_factory=FakeAlarms)
    webhooks: FakeWebhooks = field(default_factory=FakeWebhooks)

    @property
    def parts(self) -> EventParts:
        return EventParts(
            door=self.log, history=self.log, messages=self.messages, alarms=self.alarms, webhooks=self.webhooks
        )
