"""Everybody meets here: the parts are built, nested in the order in which they stop, and handed to each other.

Stop order is the nesting: the server first, so that nobody is told anything new; then the governors and the lines; then
what keeps agents, history and facts; then the audit log; the store last, when nothing is left to write.
"""

from __future__ import annotations

import signal
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog
import trio

from gateway.access.acting import Acts
from gateway.access.admin import load_admin
from gateway.access.keys import RootKey, load_root_key
from gateway.access.limits.rates import RateLimits
from gateway.accessing import Grounds, accessing
from gateway.api.application import make_application
from gateway.api.asgi import Application
from gateway.api.front import Front
from gateway.api.metrics.instruments import Instruments
from gateway.api.performance import Performance
from gateway.api.rest.updates import update_routes
from gateway.api.server.issuing import make_apart
from gateway.api.server.serving import serve
from gateway.api.server.supplied import Supplied
from gateway.api.server.tls import ServerTls
from gateway.api.version import installed_version
from gateway.appliance.sent import sent_updates
from gateway.consenting import consenting
from gateway.core.alerts import Alerts
from gateway.core.audit import AuditLog
from gateway.core.bus import Bus
from gateway.core.events import Event, EventSource, uuid7
from gateway.core.supervise import supervise
from gateway.core.tags import TagStore
from gateway.core.timeline import Timeline
from gateway.ecosystem import Ecosystem
from gateway.eventing import Sources, event_source, event_store_settings, eventing, own_place, port_of
from gateway.events.journal import Journal
from gateway.governor.arbitration import Arbitration, Conflict
from gateway.hosting import Surrounding
from gateway.lines.fieldside import FieldSide
from gateway.lines.lines import Lines
from gateway.lines.steering import LineSteering
from gateway.memory import give_back, settle_memory
from gateway.plugging import Plugged, plugging
from gateway.reloading import Configuration, Followers
from gateway.settings.model import Settings
from gateway.start import CutShort, StartError, tell_of_cut, test_profile
from gateway.storage import Boot, Storage, open_storage
from gateway.storage.audit import open_audit
from gateway.storage.audit_settings import AuditSettings
from gateway.storage.event_store import EventStore, open_events
from gateway.systemd import Notifier, feed_watchdog
from gateway.wallclock import WallClock, boot_id, uptime, watch_clock
from gateway.wiring import Governed, agent_parts, governing, log_alert, server_glance, store_alert, store_settings

log = structlog.stdlib.get_logger(__name__)

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Ground:
    """What everything else stands on.

    Attributes:
        storage: the disk.
        timeline: the clocks.
        root: all keys come from it.
        audit: who did what.
        acts: what commands did.
        alerts: what somebody should see to.
        source: numbers events.
        events: keeps them.
        plugins: which there are.
    """

    storage: Storage
    timeline: Timeline
    root: RootKey
    audit: AuditLog
    acts: Acts
    alerts: Alerts
    source: EventSource
    events: EventStore
    plugins: Plugged


class Gateway:
    """One running gateway.

    Args:
        config: the configuration file.
        state: the state directory.
        notifier: the service manager.
        on_ready: told the URLs that are served, once they are.
        fit: see ``Configuration``.
    """

    def __init__(
        self,
        config: Path,
        state: Path,
        notifier: Notifier,
        on_ready: Callable[[list[str]], None],
        fit: Callable[[Settings], Settings] | None = None,
    ) -> None:
        self._state = state
        self._notifier = notifier
        self._on_ready = on_ready
        self._configuration = Configuration(config, state, notifier.status, fit)
        self._rates = RateLimits(self._settings.limits, trio.current_time)
        self._instruments = Instruments(self._settings.metrics)
        self._stop = trio.Event()
        # Of everything until we serve: there is nothing to end in order yet.
        self._starting = trio.CancelScope()
        self._serving = False
        self._events: Bus[Event] = Bus()
        self._journal: Journal | None = None
        self._port = self._settings.server.port
        self._ended_for: str | None = None

    @property
    def marks(self) -> dict[str, str]:
        """Of the sections it was started with, for ``ferrule reload`` to compare (``settings.compare``)."""
        return self._configuration.marks

    @property
    def _settings(self) -> Settings:
        return self._configuration.settings

    async def run(self, cut_short: CutShort | None = None) -> None:
        """Run until told to stop by SIGTERM or SIGINT; SIGHUP reads the configuration anew.

        The caller holds the state directory (``owned``). It may block these signals from before on: what has come by
        then is taken first of all.

        Args:
            cut_short: what is known of the run before, where that did not end in order.

        Raises:
            BindError: it may not or cannot listen where the configuration says.
            StartError: the test profile is asked for where others could reach it; or the gateway ended itself, for the
                service manager to start it anew.
        """
        with trio.open_signal_receiver(*SIGNALS) as signals:
            before = signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            try:
                async with trio.open_nursery() as watching:
                    watching.start_soon(self._watch_signals, signals)
                    with self._starting:
                        await self._run(cut_short)
                    watching.cancel_scope.cancel()
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if self._ended_for is not None:
            raise StartError(self._ended_for)

    async def _run(self, cut_short: CutShort | None) -> None:
        if cut_short is not None:
            tell_of_cut(cut_short, self._settings.history.flush_interval)
        for warning in self._settings.warnings:
            log.warning(str(warning))
        profiled = test_profile(self._settings.server.bind)
        root = load_root_key(self._state)
        clock = WallClock()
        timeline = Timeline(trio.current_time, clock.now, clock.synchronised)
        alerts = Alerts(timeline.now, self._announce, lambda: f"alert-{uuid7(timeline.now())}")
        alert = partial(store_alert, alerts)

        async with (
            open_storage(
                self._state,
                settings=store_settings(self._settings),
                monotonic=trio.current_time,
                # Not the timeline's: the writer thread asks too, and there is no run loop in it.
                wall=clock.now,
                boot=Boot(boot_id(), uptime),
                announce=alert,
            ) as storage,
            open_audit(
                storage,
                key=root.key("audit").secret,
                timeline=timeline,
                monotonic=trio.current_time,
                announce=alert,
                settings=AuditSettings(retention=self._settings.audit.retention, limit=self._settings.audit.limit),
            ) as audit,
            trio.open_nursery() as auditing,
        ):
            auditing.start_soon(audit.run)
            before = {} if cut_short is None else cut_short.details
            audit.note("gateway.start", details={"version": installed_version(), **before})
            acts = Acts(self._state, root, audit)
            auditing.start_soon(acts.run)
            root.hold(self._state, storage.facts)
            source = await event_source(storage.facts, timeline, root.gateway_id)
            async with (
                open_events(
                    storage,
                    settings=event_store_settings(self._settings),
                    wall=timeline.now,
                    synchronised=lambda: timeline.era.synchronised,
                    used=source.last_sequence,
                ) as events,
                plugging(storage, self._state, lambda: self._settings, timeline.now) as plugins,
            ):
                ground = Ground(storage, timeline, root, audit, acts, alerts, source, events, plugins)
                await self._consume(ground, profiled)
            audit.note("gateway.stop")
            auditing.cancel_scope.cancel()

    def _announce(self, type_: str, data: dict[str, object]) -> None:
        """Publish an event; before there is a journal nobody hears of it. Alerts are logged, and told when there is."""
        if type_ == "system:alert":
            log_alert(data)
        if self._journal is not None:
            self._journal.announce(type_, data)

    async def _consume(self, ground: Ground, profiled: Callable[[Application], Application]) -> None:
        storage, timeline, root = ground.storage, ground.timeline, ground.root
        tags = TagStore(trio.current_time, timeline)
        is_own = own_place(lambda: self._port)
        agents = agent_parts(root, storage.facts, timeline, lambda: self._settings, self._announce, is_own=is_own)

        def conflict(found: Conflict) -> None:
            govern.conflict(found)

        arbitration = Arbitration(trio.current_time, conflict)
        lines = Lines(tags, storage.facts, self._announce, arbiter=arbitration, released=arbitration.released)
        performance = Performance(trio.current_time)
        told = eventing(
            Sources(
                source=ground.source,
                bus=self._events,
                store=ground.events,
                alerts=ground.alerts,
                audit=ground.audit,
                tags=tags,
                disk=storage,
                facts=storage.facts,
                agents=agents,
                rates=self._rates,
                timeline=timeline,
                root=root,
                port=lambda: self._port,
            ),
            lambda: self._settings,
        )
        self._journal = told.journal
        for standing in ground.alerts.standing():
            self._journal.announce("system:alert", standing.data())
        governed = Governed(
            steering=LineSteering(lines),
            arbitration=arbitration,
            directory=agents.directory,
            alerts=ground.alerts,
            server=lambda: server_glance(performance, self._rates, self._instruments, storage),
            reading=tags.read,
            facts=storage.facts,
            store=storage,
            end_process=self._end_process if self._notifier.watchdog is not None else None,
        )
        govern = governing(governed, timeline, lambda: self._settings, self._announce)
        grounds = Grounds(
            root=root,
            store=storage.credentials,
            agents=agents,
            rates=self._rates,
            timeline=timeline,
            audit=ground.audit,
        )
        access = accessing(grounds, lambda: self._settings)
        told.owners.take(access.voids, access.subjects)
        await access.load(load_admin(self._state))
        people = consenting(grounds, access, self._state, lambda: self._settings)
        await people.first_admin.begin()
        devices = FieldSide(lines, tags)
        ecosystem = Ecosystem(
            Surrounding(
                state=self._state,
                settings=lambda: self._settings,
                devices=devices,
                tags=tags,
                timeline=timeline,
                audit=ground.audit,
                alerts=ground.alerts,
                bus=self._events,
                door=told.parts.door,
                database=ground.plugins.database,
                exists=ground.plugins.parts.registry.get,
                journal=told.journal,
            ),
            ground.plugins,
            told,
            access,
            agents.directory,
            storage.facts,
            root,
        )
        self._instruments.plugins = ecosystem.hosting.reports
        updates = sent_updates(self._state, ground.alerts, timeline.now)
        api = make_application(
            settings=self._settings,
            version=installed_version(),
            agents=agents,
            governing=govern.parts,
            audit=ground.audit,
            rates=self._rates,
            timeline=timeline,
            devices=devices,
            history=storage.history,
            store=storage,
            instruments=self._instruments,
            performance=performance,
            events=told.parts,
            live=told.live,
            routes=(*ecosystem.routes, *access.routes, *people.routes, *update_routes(updates)),
            keys=access.keys,
            replays=ecosystem.replays,
            usage=ecosystem.accounting.ledger,
        )
        tls = ServerTls(self._state, timeline, socket.gethostname(), Supplied.of(self._settings.server), make_apart)
        async with trio.open_nursery() as consumers:
            consumers.start_soon(storage.run)
            consumers.start_soon(told.deliver)
            consumers.start_soon(watch_clock, timeline, storage.corrected, ground.source.skip_ahead)
            consumers.start_soon(self._instruments.lag.run)
            consumers.start_soon(agents.directory.run)
            consumers.start_soon(access.run)
            consumers.start_soon(supervise, "updates", updates.run)
            async with trio.open_nursery() as field:
                bound, polling = trio.Event(), trio.Event()

                async def poll() -> None:
                    # A second gateway by mistake must find out before it is a second master on the lines.
                    await bound.wait()
                    await field.start(lines.run, self._settings.lines)
                    await storage.restore(tags)
                    record = storage.record
                    consumers.start_soon(lambda: record(tags, timeline, history=self._settings.history.enabled))
                    field.start_soon(feed_watchdog, self._notifier, lines.alive)
                    field.start_soon(govern.parts.governors.run)
                    field.start_soon(govern.parts.analyses.run)
                    field.start_soon(told.look)
                    settle_memory()
                    consumers.start_soon(give_back)
                    polling.set()

                followers = Followers(
                    root=root,
                    tls=tls,
                    lines=lines,
                    agents=agents,
                    alarms=told.alarms,
                    rates=self._rates,
                    instruments=self._instruments,
                    audit=ground.audit,
                    acts=ground.acts,
                    plugins=ecosystem.reloaded,
                )
                field.start_soon(self._configuration.follow, followers, polling)
                async with ecosystem.running(polling), trio.open_nursery() as server:
                    server.start_soon(poll)
                    urls = await server.start(
                        lambda task_status: serve(
                            profiled(api),
                            self._settings.server,
                            tls,
                            stop=self._stop,
                            limits=self._settings.limits,
                            current=lambda: (self._settings.server, self._settings.limits),
                            front=Front(self._rates, self._instruments.http, timeline.now),
                            bound=bound,
                            begin=polling,
                            task_status=task_status,
                        )
                    )
                    self._port = port_of(urls, self._port)
                    await polling.wait()
                    # The stop may have come after the wait was over. Nothing waits from here on until all are told.
                    await trio.lowlevel.checkpoint_if_cancelled()
                    self._serving = True
                    log.info("serving", urls=urls, authority_sha256=tls.fingerprint)
                    self._notifier.ready(f"serving on {', '.join(urls) or 'no address yet'}")
                    self._on_ready(urls)
                field.cancel_scope.cancel()
            consumers.cancel_scope.cancel()

    async def _watch_signals(self, signals: AsyncIterator[int]) -> None:
        async for number in signals:
            if number == signal.SIGHUP:
                self._configuration.reread()
                continue
            log.info("stopping", signal=signal.Signals(number).name)
            self._notifier.stopping()
            self._stop.set()
            if not self._serving:
                self._starting.cancel()

    def _end_process(self, reason: str) -> bool:
        """End in order, for the service manager to start the gateway anew."""
        log.error("the gateway ends itself, to be started anew", reason=reason)
        self._ended_for = f"ended to be started anew: {reason}"
        self._stop.set()
        return True
