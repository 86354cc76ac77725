"""Events are put together: what numbers, keeps, tells and delivers them, and what the API shows of that."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import trio

from gateway.access.keys import RootKey
from gateway.access.limits.rates import RateLimits
from gateway.access.owners import KnownOwners
from gateway.alarms.alarms import Alarms
from gateway.api.live.live import Live
from gateway.api.parts import AgentParts
from gateway.api.rest.ports import EventParts
from gateway.api.server.sockets import local_addresses
from gateway.api.version import installed_version
from gateway.core.alerts import Alerts, Severity
from gateway.core.audit import AuditLog
from gateway.core.bus import Bus
from gateway.core.event_figures import EventFigures, EventMeters
from gateway.core.events import Event, EventSource, uuid7
from gateway.core.ports import FactStore, Store
from gateway.core.sealing import Seal
from gateway.core.supervise import WELL_S, supervise
from gateway.core.tags import TagStore
from gateway.core.timeline import Timeline
from gateway.core.turns import Turns
from gateway.events.charges import Charges
from gateway.events.journal import Journal
from gateway.events.messages import Messages
from gateway.events.publishers import Publishers
from gateway.events.shares import Shares
from gateway.events.system_health import SystemHealth
from gateway.events.tag_watch import TagWatch
from gateway.outbound.client import Client
from gateway.outbound.resolve import Resolver
from gateway.settings.model import Settings
from gateway.storage.event_settings import EventStoreSettings
from gateway.storage.event_store import EventStore
from gateway.webhooks.egress import Egress
from gateway.webhooks.hosts import Hosts
from gateway.webhooks.sender import Sender
from gateway.webhooks.service import Webhooks
from gateway.webhooks.works import Pages, Works

_LOOPBACK = frozenset({"127.0.0.1", "::1"})
# What secrets of webhooks are sealed with (``RootKey.key``).
SEALING = "webhook-secrets"
EVENT_SEQUENCE = "event_sequence"
# Event numbers are reserved on disk in strides of this.
STRIDE = 10_000


def event_store_settings(settings: Settings) -> EventStoreSettings:
    """The view of the configuration that the file of events has."""
    return EventStoreSettings(retention=settings.events.retention, size=settings.events.size)


async def event_source(facts: FactStore, timeline: Timeline, gateway_id: str) -> EventSource:
    """What numbers events; that no number is used twice is on the disk when this returns."""
    kept = facts.recall(EVENT_SEQUENCE).get("reserved")
    source = EventSource(
        gateway_id,
        timeline,
        kept if isinstance(kept, int) else 0,
        reserve=lambda last: facts.remember(EVENT_SEQUENCE, "reserved", last, urgent=True),
        stride=STRIDE,
    )
    source.skip_ahead()
    await facts.settle()
    return source


@dataclass(frozen=True, slots=True, kw_only=True)
class Eventing:
    """All that has to do with events.

    Attributes:
        journal: numbers, keeps and tells them.
        alarms: of the configuration.
        webhooks: deliver them.
        live: brings them over WebSockets.
        owners: those of webhooks, as far as they count.
        parts: for the API.
        health: of the gateway.
        messages: between agents.
    """

    journal: Journal
    alarms: Alarms
    webhooks: Webhooks
    live: Live
    owners: KnownOwners
    parts: EventParts
    health: SystemHealth
    messages: Messages
    _store: EventStore
    _publishers: Publishers
    _watch: TagWatch
    _client: Client
    _alerts: Alerts

    async def deliver(self) -> None:
        """Keep events, and bring them to those who want them, until cancelled."""
        async with trio.open_nursery() as nursery:
            # Nothing can be told without it: where it falls, the gateway falls.
            nursery.start_soon(self.journal.run)
            for name, part in {
                "event store": self._store.run,
                "publishers": self._publishers.run,
                "live events": self.live.run,
                "webhooks": self.webhooks.run,
                "connections of webhooks": self._client.run,
            }.items():
                nursery.start_soon(self._supervised, name, part)

    async def look(self) -> None:
        """Look at tags and at the gateway itself for what is to be told, until cancelled."""
        async with trio.open_nursery() as nursery:
            for name, part in {
                "alarms": self.alarms.run,
                "changes of tags": self._watch.run,
                "health of the gateway": self.health.run,
            }.items():
                nursery.start_soon(self._supervised, name, part)

    async def _supervised(self, name: str, part: Callable[[], Awaitable[None]]) -> None:
        def parked(fault: Exception) -> None:
            words = f"{name}: stopped by a fault of the gateway, tried again every ten minutes. The log has the fault"
            self._alerts.fire(f"part:{name}", "fault", Severity.CRITICAL, words, value=type(fault).__name__)

        async def living() -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._resolve_in_time, name)
                await part()
                nursery.cancel_scope.cancel()

        await supervise(name, living, on_park=parked)

    async def _resolve_in_time(self, name: str) -> None:
        """Who lives for a while after having been parked is well again."""
        await trio.sleep(WELL_S)
        self._alerts.resolve(f"part:{name}", "fault")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What events are made of, and where they go.

    Attributes:
        source: numbers them.
        bus: tells them.
        store: keeps them.
        alerts: what somebody should see to.
        audit: who published.
        tags: what they say.
        disk: how it is.
        facts: keep what stands.
        agents: the agents, and who shows which token.
        rates: how much callers may ask.
        timeline: the time of what happens.
        root: all keys come from it.
        port: the gateway's own, in force.
    """

    source: EventSource
    bus: Bus[Event]
    store: EventStore
    alerts: Alerts
    audit: AuditLog
    tags: TagStore
    disk: Store
    facts: FactStore
    agents: AgentParts
    rates: RateLimits
    timeline: Timeline
    root: RootKey
    port: Callable[[], int]


def eventing(sources: Sources, settings: Callable[[], Settings]) -> Eventing:
    """Build it all; nothing runs yet. Call it inside the run loop."""
    timeline, store, alerts = sources.timeline, sources.store, sources.alerts
    journal = Journal(sources.source, sources.bus, store.log, alerts)

    said = _Said(journal, sources.source)
    alarms = Alarms(
        settings(),
        tags=sources.tags,
        facts=sources.facts,
        timeline=timeline,
        announce=said.announce,
        logged=said.logged,
    )
    client = Client()
    egress = Egress(
        lambda: settings().webhook,
        own_place(sources.port),
        lambda: {(line.host, line.tcp_port) for line in settings().lines if line.host is not None},
        Resolver(),
    )
    owners = KnownOwners(sources.agents.revocations, lambda: sources.root.operators)
    turns = Turns()
    works = Works(
        log=store.log,
        pages=Pages(store.log),
        outbox=store.outbox,
        send=Sender(client, egress, f"Ferrule/{installed_version()}"),
        hosts=Hosts(lambda: settings().webhook.per_host),
        seal=Seal(sources.root.key(SEALING).secret),
        settings=lambda: settings().webhook,
        announce=journal.announce,
        alerts=alerts,
        may_receive=owners.may_receive,
        owners=owners,
        wall=timeline.now,
        chance=random.random,
        name=lambda: uuid7(timeline.now()),
        turns=turns,
    )
    webhooks = Webhooks(
        works,
        egress,
        gateway=sources.root.gateway_id,
        clock=lambda: timeline.era.clock,
        newer=journal.watch,
    )
    agents = sources.agents
    live = Live(
        verify=agents.bearer.verify,
        bus=sources.bus,
        log=store.log,
        turns=turns,
        unlogged=journal.unlogged,
        published=lambda: journal.published,
        rates=sources.rates,
        limits=lambda: settings().limits,
        wall=timeline.now,
    )
    # Who lost a token gets nothing more.
    owners.changed += [live.recheck, webhooks.recheck]
    sources.root.changed += [live.recheck, webhooks.recheck]
    journal.wanted += [webhooks.wants, live.wants]
    journal.keep = webhooks.keeps
    kept = event_store_settings(settings())
    charges = Charges(Shares(kept.size, kept.retention, sources.facts, timeline.now), alerts)
    publishers = Publishers(journal, charges, sources.audit, timeline.now)
    messages = Messages(journal, store.mailbox, agents.directory, charges, timeline.now)
    return Eventing(
        journal=journal,
        alarms=alarms,
        webhooks=webhooks,
        live=live,
        owners=owners,
        parts=EventParts(
            door=publishers,
            history=store.log,
            turns=turns,
            messages=messages,
            alarms=alarms,
            webhooks=webhooks,
            meters=EventMeters(partial(event_figures, journal, store), webhooks.figures),
        ),
        _watch=TagWatch(sources.tags, journal, lambda: settings().events.tag_interval),
        messages=messages,
        health=SystemHealth(journal, sources.bus, sources.disk, agents.directory),
        _client=client,
        _store=store,
        _publishers=publishers,
        _alerts=alerts,
    )


async def event_figures(journal: Journal, store: EventStore) -> EventFigures:
    """How many events there are and were."""
    kept = await store.status()
    return EventFigures(
        accepted=journal.accepted,
        kept=journal.kept,
        given_up=journal.given_up,
        waiting=journal.waiting,
        removed=kept.removed,
        size=kept.size,
        limit=kept.limit,
        messages=kept.messages,
    )


class _Said:
    """Announces, and knows when all of that is on the disk.

    Args:
        journal: told.
        source: numbers what it is told.
    """

    def __init__(self, journal: Journal, source: EventSource) -> None:
        self._journal = journal
        self._source = source
        self._newest = 0

    def announce(self, type_: str, data: dict[str, object]) -> None:
        """Announce an event of a type that is kept."""
        self._journal.announce(type_, data)
        self._newest = self._source.last_sequence

    async def logged(self) -> None:
        """Wait until everything that was announced here is on the disk."""
        await self._journal.watch(self._newest - 1)


def own_place(
    port: Callable[[], int], addresses: Callable[[], Mapping[str, Sequence[str]]] = local_addresses
) -> Callable[[str, int], bool]:
    """Whether an address and a port are the gateway's own.

    Args:
        port: that is served.
        addresses: those of this machine now, by interface; asking takes a system call, so it is for this port only.
    """

    def own(address: str, asked: int) -> bool:
        if asked != port():
            return False
        return address in _LOOPBACK or any(address in found for found in addresses().values())

    return own


def port_of(urls: Sequence[str], otherwise: int) -> int:
    """The port that is served; the other one while nothing is."""
    return int(urls[0].rpartition(":")[2]) if urls else otherwise
