"""The services behind the plugin API, as simple as they can be."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from gateway.alarms.rows import AlarmRow
from gateway.alarms.standing import AlarmState
from gateway.api.rest.ports import EventParts
from gateway.core.catalogue import reserved
from gateway.core.errors import Code, GatewayError, invalid
from gateway.core.eventlog import Attempt, Delivery, DeliveryStatus, Message, NotKept
from gateway.core.events import Data, Event
from gateway.core.ports import Json
from gateway.core.principal import Kind, Principal
from gateway.settings.alarm_model import AlarmSeverity
from gateway.webhooks.schedule import RetryPolicy

NOON = 1_800_000_000.0


def missing(what: str, id_: str) -> GatewayError:
    return GatewayError(Code.NOT_FOUND, f"there is no {what} {id_}")


@dataclass
class FakeLog:
    """A journal and a log in one."""

    events: list[Event] = field(default_factory=list)
    trouble: str | None = None
    first: int = 1
    page: int = 1000
    accepted: list[tuple[str, bool, str | None]] = field(default_factory=list)
    publishers: list[tuple[str, str | None]] = field(default_factory=list)
    share: int | None = None

    @property
    def last(self) -> int:
        return self.events[-1].sequence if self.events else 0

    def add(self, type_: str, data: Data, routing_key: str | None = None) -> Event:
        number = self.last + 1
        event = Event(f"event-{number}", "rig", number, type_, NOON + number, "synchronised", data, routing_key)
        self.events.append(event)
        return event

    async def publish(
        self,
        by: Principal,
        peer: str | None,
        type_: str,
        data: Data,
        *,
        routing_key: str | None = None,
        kept: bool = True,
    ) -> Event:
        if reserved(type_):
            raise GatewayError(Code.FORBIDDEN, f"{type_} is a type of the gateway's own", field="event_type")
        if self.share is not None:
            raise GatewayError(Code.TOO_MANY, "the share is used up", details={"retryAfter": self.share})
        if self.trouble is not None:
            raise GatewayError(Code.UNAVAILABLE, self.trouble, details={"retryAfter": 2})
        self.accepted.append((type_, kept, routing_key))
        self.publishers.append((by.subject, peer))
        return self.add(type_, data, routing_key)

    async def after(self, sequence: int, limit: int) -> list[Event]:
        if self.trouble is not None:
            raise NotKept(self.trouble)
        return [event for event in self.events if event.sequence > sequence][: min(limit, self.page)]


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
    state=AlarmState.RAISED,
    frozen=False,
    reason=None,
    value=93.5,
    current=94.0,
    limit=90.0,
    units="°C",
    message="plant/boiler/temperature is above 90 °C",
    raised_at=NOON,
    cleared_at=None,
    acknowledged_at=None,
    acknowledged_by=None,
    comment=None,
    clock="synchronised",
    times=1,
)


@dataclass
class FakeAlarms:
    """One that stands and one that does not."""

    rows: list[AlarmRow] = field(
        default_factory=lambda: [
            ALARM,
            replace(ALARM, alarm_id=None, alarm="cold", state=AlarmState.NORMAL, severity="info", raised_at=None),
        ]
    )

    def list(
        self,
        *,
        states: Collection[AlarmState],
        severity: AlarmSeverity | None = None,
        alarm: str | None = None,
        tag: str | None = None,
    ) -> Sequence[AlarmRow]:
        return [
            row
            for row in self.rows
            if row.state in states and severity in {None, row.severity} and alarm in {None, row.alarm}
        ]

    async def acknowledge(self, alarm_id: str, by: str, comment: str | None = None) -> AlarmRow:
        for place, row in enumerate(self.rows):
            if row.alarm_id == alarm_id:
                self.rows[place] = replace(
                    row, state=AlarmState.ACKNOWLEDGED, acknowledged_by=by, comment=comment, acknowledged_at=NOON + 5
                )
                return self.rows[place]
        raise GatewayError(Code.NOT_FOUND, "there is no alarm with this id", field="alarmId", provided=alarm_id)


DELIVERY = Delivery("dl-1", "wh-1", 7, "event-7", "device:down", DeliveryStatus.DEAD, 5, NOON, None, NOON + 30)
ATTEMPT = Attempt("dl-1", 1, NOON, 0.25, "10.0.0.9", {"webhook-id": "event-7"}, 500, "oops", "it answered 500")


@dataclass(frozen=True, kw_only=True)
class Shown:
    id: str
    url: str
    events: tuple[str, ...]
    filter: Mapping[str, Json]
    active: bool
    description: str
    retry_policy: RetryPolicy | None
    format: str
    ordered: bool
    state: str
    reason: str | None
    owner: str
    scopes: tuple[str, ...]
    created_at: float
    updated_at: float
    previous_secret_until: float | None
    failing_for: float
    lost: int
    sequence: int
    newest: int
    replaying: bool
    deliveries: Mapping[str, int] | None


@dataclass(frozen=True)
class Registered:
    webhook: Shown
    signing_secret: str


@dataclass(frozen=True, kw_only=True)
class Tested:
    event_id: str
    delivered: bool
    status: int | None
    seconds: float
    address: str | None
    answer: str
    error: str | None


TESTED = Tested(
    event_id="event-t", delivered=False, status=500, seconds=0.25, address="10.0.0.9", answer="oops", error="500"
)


@dataclass
class FakeWebhooks:
    """Keeps what it is told, and has one delivery of each webhook."""

    rows: dict[str, Shown] = field(default_factory=dict)
    secrets: dict[str, Json] = field(default_factory=dict)
    callers: list[Principal] = field(default_factory=list)
    ranges: list[tuple[str, float, float]] = field(default_factory=list)
    full: bool = False

    async def list(self, principal: Principal) -> Sequence[Shown]:
        return [*self.rows.values()]

    async def get(self, principal: Principal, id_: str) -> Shown:
        if id_ not in self.rows:
            raise GatewayError(Code.NOT_FOUND, "there is no such webhook", field="id")
        return self.rows[id_]

    async def create(self, principal: Principal, body: Mapping[str, Json]) -> Registered:
        if self.full:
            raise GatewayError(Code.TOO_MANY, "50 webhooks are registered, and no more may be: remove one")
        id_ = f"wh-{len(self.rows) + 1}"
        self.rows[id_] = self._row(principal, id_, body)
        self.secrets[id_] = body["secret"]
        return Registered(self.rows[id_], "whsec_c2hvd24gb25jZQ==")

    def _row(self, principal: Principal, id_: str, body: Mapping[str, Json]) -> Shown:
        """As the service reads it: a member that is null is one that is missing."""
        given: dict[str, Any] = {name: value for name, value in body.items() if value is not None}
        self.callers.append(principal)
        if "not-allowed" in given["url"]:
            raise GatewayError(Code.FORBIDDEN, "no [[webhook.allow]] entry names this host", field="url")
        for place, pattern in enumerate(given["events"]):
            if pattern == "plugin:nothing":
                raise invalid(f"events[{place}]", "there is no such type of events", pattern)
        policy = given.get("retry_policy")
        active = given.get("active", True)
        return Shown(
            id=id_,
            url=given["url"],
            events=tuple(given["events"]),
            filter=given.get("filter", {}),
            active=active,
            description=given.get("description", ""),
            retry_policy=None if policy is None else RetryPolicy(**policy),
            format=given.get("format", "seed"),
            ordered=given.get("ordered", False),
            state="active" if active else "paused",
            reason=None,
            owner=principal.subject,
            scopes=tuple(sorted(principal.scopes)),
            created_at=NOON,
            updated_at=NOON + len(self.callers),
            previous_secret_until=None,
            failing_for=0.0,
            lost=0,
            sequence=7,
            newest=9,
            replaying=False,
            deliveries={"waiting": 0, "delivered": 3},
        )

    async def replace(self, principal: Principal, id_: str, body: Mapping[str, Json]) -> Shown:
        await self.get(principal, id_)
        self.rows[id_] = self._row(principal, id_, body)
        self.secrets[id_] = body.get("secret") or self.secrets[id_]
        return self.rows[id_]

    async def patch(self, principal: Principal, id_: str, changes: Mapping[str, Json]) -> Shown:
        row = await self.get(principal, id_)
        names = ("url", "events", "filter", "active", "description", "format", "ordered")
        policy = None if row.retry_policy is None else asdict(row.retry_policy)
        body: dict[str, Json] = {**{name: getattr(row, name) for name in names}, "retry_policy": policy}
        return await self.replace(principal, id_, {**body, **changes})

    async def remove(self, principal: Principal, id_: str) -> None:
        await self.get(principal, id_)
        del self.rows[id_]

    async def rotate_secret(self, principal: Principal, id_: str, secret: str | None = None) -> Registered:
        self.rows[id_] = replace(await self.get(principal, id_), previous_secret_until=NOON + 86400)
        self.secrets[id_] = secret
        return Registered(self.rows[id_], "whsec_bmV4dCBvbmU=")

    async def pause(self, principal: Principal, id_: str) -> Shown:
        self.rows[id_] = replace(await self.get(principal, id_), state="paused", active=False)
        return self.rows[id_]

    async def resume(self, principal: Principal, id_: str) -> Shown:
        self.rows[id_] = replace(await self.get(principal, id_), state="active", active=True)
        return self.rows[id_]

    async def test(self, principal: Principal, id_: str) -> Tested:
        await self.get(principal, id_)
        return TESTED

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
        await self.get(principal, id_)
        rows = [replace(DELIVERY, webhook=id_, id=f"dl-{number}") for number in (3, 2, 1)]
        if before is not None:
            rows = [row for row in rows if row.id < before]
        return [row for row in rows if status in {None, row.status} and event_type in {None, row.event_type}][:limit]

    async def delivery(self, principal: Principal, id_: str, delivery: str) -> tuple[Delivery, Sequence[Attempt]]:
        await self.get(principal, id_)
        if delivery != "dl-1":
            raise GatewayError(Code.NOT_FOUND, "there is no such delivery", field="delivery")
        return replace(DELIVERY, webhook=id_), [ATTEMPT]

    async def redeliver(self, principal: Principal, id_: str, delivery: str) -> Delivery:
        found, _ = await self.delivery(principal, id_, delivery)
        return replace(found, id="dl-9", status=DeliveryStatus.WAITING, redelivery=True, attempts=0)

    async def redeliver_range(self, principal: Principal, id_: str, start: float, end: float) -> int:
        await self.get(principal, id_)
        self.ranges.append((id_, start, end))
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
