"""A log, a disk and receivers in memory, on virtual time."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

import msgspec
import pytest
import trio
import trio.testing

from gateway.core.alerts import Alerts
from gateway.core.channels import may_receive
from gateway.core.eventlog import Attempt, Delivery, DeliveryStatus, KeptWebhook, NotKept
from gateway.core.events import Event, uuid7
from gateway.core.ports import Json
from gateway.core.principal import Kind, Principal
from gateway.core.sealing import Seal
from gateway.settings.model import WebhookAllow, WebhookSettings
from gateway.webhooks.destination import Destination
from gateway.webhooks.egress import Egress
from gateway.webhooks.hosts import Hosts
from gateway.webhooks.sender import Sent
from gateway.webhooks.service import Webhooks
from gateway.webhooks.signing import Parcel
from gateway.webhooks.works import Pages, Works

OPERATOR = Principal("operator", frozenset({"*"}), Kind.OPERATOR, "token-1")
BODY: Mapping[str, Json] = {"url": "https://a.test/hook", "events": ["*"], "secret": "webhook-secret-here"}


class FakeLog:
    """Events in memory; ``trouble`` makes every call fail, a page has ``page`` events at most."""

    def __init__(self) -> None:
        self.dropping: list[Callable[[Sequence[Event]], None]] = []
        self.events: list[Event] = []
        self.first = 1
        self.last = 0
        self.trouble = False
        self.reads = 0
        self.most_at_once = 0
        self.page = 10_000
        self.more = trio.Event()

    def add(self, *events: Event) -> None:
        self.events += events
        self.last = self.events[-1].sequence
        self.more.set()
        self.more = trio.Event()

    def drop(self, count: int) -> None:
        gone, self.events = self.events[:count], self.events[count:]
        for tell in self.dropping:
            tell(gone)

    async def newer(self, after: int) -> int:
        while self.last <= after:
            await self.more.wait()
        return self.last

    async def append(self, entries: object) -> None:
        raise NotImplementedError

    def _check(self) -> None:
        self.reads += 1
        if self.trouble:
            raise NotKept("the disk is in trouble")

    async def after(self, sequence: int, limit: int) -> list[Event]:
        await trio.lowlevel.checkpoint()
        self._check()
        self.most_at_once = max(self.most_at_once, limit)
        # Numbers are dense here, so that a log of many events is quick.
        begin = max(0, sequence + 1 - (self.events[0].sequence if self.events else 0))
        return self.events[begin : begin + min(limit, self.page)]

    async def between(self, start: float, end: float, after: int, limit: int) -> list[Event]:
        await trio.lowlevel.checkpoint()
        self._check()
        found = (event for event in self.events if event.sequence > after and start <= event.time <= end)
        return list(itertools.islice(found, min(limit, self.page)))

    async def find(self, sequence: int) -> Event | None:
        found = await self.after(sequence - 1, 1)
        return found[0] if found and found[0].sequence == sequence else None


class FakeOutbox:
    """The disk, as it would be after a crash at any moment."""

    def __init__(self) -> None:
        self.kept: dict[str, KeptWebhook] = {}
        self.rows: dict[str, Delivery] = {}
        self.attempts: defaultdict[str, list[Attempt]] = defaultdict(list)
        self.trouble = False
        self.faults: list[Exception] = []
        self.saves = self.records = 0
        self.slowness = 0.01

    def _check(self) -> None:
        if self.trouble:
            raise NotKept("the disk is in trouble")

    async def webhooks(self) -> list[KeptWebhook]:
        self._check()
        return list(self.kept.values())

    async def save(self, webhook: KeptWebhook) -> None:
        await trio.sleep(0.01)
        self._check()
        self.saves += 1
        # As JSON, because that is what a disk has.
        document = msgspec.json.decode(msgspec.json.encode(dict(webhook.document)))
        cursor = max(webhook.cursor, self.kept[webhook.id].cursor if webhook.id in self.kept else 0)
        self.kept[webhook.id] = KeptWebhook(webhook.id, document, cursor)

    async def remove(self, webhook: str) -> None:
        self._check()
        del self.kept[webhook]
        self.rows = {id_: row for id_, row in self.rows.items() if row.webhook != webhook}

    async def record(
        self, webhook: str, cursor: int, deliveries: Sequence[Delivery], attempts: Sequence[Attempt]
    ) -> None:
        await trio.sleep(self.slowness)
        self._check()
        self.records += 1
        if self.faults:
            raise self.faults.pop()
        if webhook not in self.kept:
            return
        old = self.kept[webhook]
        self.kept[webhook] = KeptWebhook(webhook, old.document, max(old.cursor, cursor))
        self.rows |= {delivery.id: delivery for delivery in deliveries}
        for attempt in attempts:
            self.attempts[attempt.delivery].append(attempt)
        await trio.sleep(self.slowness)

    async def waiting(self, webhook: str) -> list[Delivery]:
        self._check()
        found = [row for row in self.rows.values() if row.status is DeliveryStatus.WAITING and row.webhook == webhook]
        return sorted(found, key=lambda row: row.sequence)

    async def last_attempts(self, webhook: str) -> Mapping[str, Attempt]:
        return {row.id: self.attempts[row.id][-1] for row in await self.waiting(webhook) if self.attempts[row.id]}

    async def begun(self, webhook: str, after: int) -> set[int]:
        self._check()
        return {
            row.sequence
            for row in self.rows.values()
            if row.webhook == webhook and row.sequence > after and not row.redelivery
        }

    async def deliveries(
        self,
        webhook: str,
        *,
        status: DeliveryStatus | None = None,
        event_type: str | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> list[Delivery]:
        self._check()
        newest = list(self.rows.values())[::-1]
        if before is not None:
            place = [row.id for row in newest].index(before) + 1 if before in self.rows else len(newest)
            newest = newest[place:]
        found = [row for row in newest if row.webhook == webhook and status in (None, row.status)]
        return [row for row in found if event_type in (None, row.event_type)][:limit]

    async def delivery(self, id_: str) -> tuple[Delivery, list[Attempt]] | None:
        self._check()
        return (self.rows[id_], self.attempts[id_]) if id_ in self.rows else None

    async def counts(self, besides: Sequence[str] = ()) -> Mapping[str, Mapping[DeliveryStatus, int]]:
        self._check()
        found = defaultdict[str, Counter[DeliveryStatus]](Counter)
        for row in self.rows.values():
            found[row.webhook][row.status] += row.id not in besides
        return found


@dataclass(frozen=True)
class Arrived:
    """What a receiver got, and when."""

    at: float
    host: str
    event_id: str
    body: dict[str, object]
    parcel: Parcel


@dataclass
class Owners:
    """Everybody counts until it is revoked, and after that for what it does then."""

    marks: Counter[str] = field(default_factory=Counter)
    changed: list[Callable[[], None]] = field(default_factory=list)
    judged: list[Principal] = field(default_factory=list)

    def revoke(self, subject: str) -> None:
        self.marks[subject] += 1
        for tell in self.changed:
            tell()

    def mark(self, owner: Principal) -> int:
        return self.marks[owner.subject]

    def barred(self, owner: Principal, mark: int) -> str | None:
        self.judged.append(owner)
        return f"{owner.subject} was revoked" if mark < self.marks[owner.subject] else None


Receiver = Callable[[Arrived], Awaitable[Sent]]


def answers(*statuses: int, **headers: str) -> Receiver:
    """Each status once, the last one for ever."""
    left = list(statuses)
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())

    async def receiver(arrived: Arrived) -> Sent:
        await trio.sleep(0.02)
        status = left.pop(0) if len(left) > 1 else left[0]
        return Sent("192.0.2.1", status, named, b"answer")

    return receiver


async def away(arrived: Arrived) -> Sent:
    return Sent(None, None, error=f"{arrived.host} was not reached")


@dataclass
class Rig:
    """Webhooks with everything around them in memory."""

    log: FakeLog = field(default_factory=FakeLog)
    outbox: FakeOutbox = field(default_factory=FakeOutbox)
    receivers: dict[str, Receiver] = field(default_factory=dict)
    arrived: list[Arrived] = field(default_factory=list)
    announced: list[tuple[str, Mapping[str, object]]] = field(default_factory=list)
    settings: WebhookSettings = field(default_factory=lambda: WebhookSettings(allow=(WebhookAllow(host="*.test"),)))
    owners: Owners = field(default_factory=Owners)
    under_way: Counter[str] = field(default_factory=Counter)
    most_under_way: Counter[str] = field(default_factory=Counter)
    wall_offset: float = 1_768_309_200.0
    chance: float = 0.0
    seal: Seal = field(default_factory=lambda: Seal(bytes(32)))

    def __post_init__(self) -> None:
        self.numbers = itertools.count()
        self.alerts = Alerts(self.wall, lambda type_, data: self.announced.append((type_, data)), self.name)

    def wall(self) -> float:
        return trio.current_time() + self.wall_offset

    def name(self) -> str:
        return uuid7(next(self.numbers) / 1000)

    async def send(self, destination: Destination, parcel: Parcel, turn: int, within: float) -> Sent:
        host = destination.host
        arrived = Arrived(
            trio.current_time(), host, dict(parcel.headers)["webhook-id"], msgspec.json.decode(parcel.body), parcel
        )
        self.arrived.append(arrived)
        self.under_way[host] += 1
        self.most_under_way[host] = max(self.most_under_way[host], self.under_way[host])
        try:
            with trio.move_on_after(within):
                return await self.receivers.get(host, answers(200))(arrived)
            return Sent("192.0.2.1", None, error=f"{host} did not answer within {within:g} s")
        finally:
            self.under_way[host] -= 1

    def make(self) -> Webhooks:
        async def resolve(host: str, port: int) -> list[str]:
            return ["93.184.216.34"]

        egress = Egress(lambda: self.settings, lambda _, __: False, list, resolve)
        works = Works(
            log=self.log,
            pages=Pages(self.log),
            outbox=self.outbox,
            send=self.send,
            hosts=Hosts(lambda: self.settings.per_host),
            seal=self.seal,
            settings=lambda: self.settings,
            announce=lambda type_, data: self.announced.append((type_, data)),
            alerts=self.alerts,
            may_receive=may_receive,
            owners=self.owners,
            wall=self.wall,
            chance=lambda: self.chance,
            name=self.name,
        )
        self.log.dropping.clear()
        webhooks = Webhooks(works, egress, gateway="ferrule-1", clock=lambda: "synchronised", newer=self.log.newer)
        self.owners.changed[:] = [webhooks.recheck]
        return webhooks

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Webhooks]:
        """A process; leaving the block ends it in good order."""
        webhooks = self.make()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(webhooks.run)
            await trio.testing.wait_all_tasks_blocked()
            yield webhooks
            nursery.cancel_scope.cancel()

    def happens(self, type_: str = "alarm:raised", count: int = 1, **data: object) -> list[Event]:
        """Put events into the log."""
        now = self.wall()
        found = [
            Event(uuid7(now), "ferrule-1", number, type_, now, "synchronised", data)
            for number in range(self.log.last + 1, self.log.last + 1 + count)
        ]
        self.log.add(*found)
        return found

    def sequences(self, host: str = "a.test") -> list[int]:
        return [int(str(arrived.body["seq"])) for arrived in self.arrived if arrived.host == host]

    def times(self) -> list[float]:
        return [round(arrived.at - self.arrived[0].at, 1) for arrived in self.arrived]

    def told(self, type_: str) -> list[Mapping[str, object]]:
        return [data for told, data in self.announced if told == type_]


Running = Callable[[], AbstractAsyncContextManager[Webhooks]]


@pytest.fixture
def rig() -> Rig:
    """Tests with it run on virtual time: they ask for ``autojump_clock``, too."""
    return Rig()
