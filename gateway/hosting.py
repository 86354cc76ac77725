"""The host of plugins is put together: what it starts them with, where they keep things, and what serves them.

It lives within the lines: while instances end, polling goes on, and what they write then still arrives. A fault in it
ends plugins, and nothing else.
"""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import structlog
import trio

from gateway.api.rest.happenings import check_publishable
from gateway.core.alerts import Alerts, Severity
from gateway.core.audit import AuditLog
from gateway.core.bus import Bus, Cut
from gateway.core.events import Event
from gateway.core.ports import DeviceAccess, EventDoor
from gateway.core.supervise import supervise
from gateway.core.tags import TagStore
from gateway.core.timeline import Timeline
from gateway.events.journal import Journal
from gateway.plugins.exchange.talk import Talk
from gateway.plugins.host.alerting import ParkedAlerts
from gateway.plugins.host.ground import INSTANCES, Ground
from gateway.plugins.host.host import Host
from gateway.plugins.host.instance import Instance
from gateway.plugins.host.looking import LookingRunner
from gateway.plugins.host.sandbox import GRAVE, WORDS, Means, unprotected
from gateway.plugins.host.services import HostServices, Messages
from gateway.plugins.host.states import Health, Report, State, Timing
from gateway.plugins.host.surroundings import Surroundings
from gateway.plugins.services.derived import DerivedTags
from gateway.plugins.services.events import EventService
from gateway.plugins.services.field import SerialService, TagService, Writes
from gateway.settings.model import Settings
from gateway.storage.database import Database
from gateway.storage.plugin_subscriptions import StoredSubscriptions
from gateway.storage.plugin_values import StoredValues

log = structlog.stdlib.get_logger(__name__)

COMPONENT = "plugins"
# Events that wait to be offered to instances, which takes no time.
_QUEUE = 1024
# Seconds between two looks at how instances do.
_LOOK_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Surrounding:
    """What of the gateway plugins get to do with.

    Attributes:
        state: the state directory.
        settings: those in force.
        devices: the field side.
        tags: what they say.
        timeline: the time of what happens.
        audit: who wrote what.
        alerts: what somebody should see to.
        bus: tells events.
        door: takes events of others.
        database: the file of plugins.
        exists: raises NOT_FOUND where there is no such plugin.
        journal: tells events of the gateway's own.
        timing: how long instances may take.
    """

    state: Path
    settings: Callable[[], Settings]
    devices: DeviceAccess
    tags: TagStore
    timeline: Timeline
    audit: AuditLog
    alerts: Alerts
    bus: Bus[Event]
    door: EventDoor
    database: Database
    exists: Callable[[str], Awaitable[object]]
    journal: Journal
    timing: Timing = field(default_factory=Timing)


class Hosting:
    """The host of plugins within a running gateway.

    Args:
        around: what of the gateway plugins get to do with.

    Attributes:
        host: runs instances.
        talk: what they say to each other.
        ended: called with the id of a plugin when an instance of it was stopped.
        cut: called when some events reached nobody.
    """

    def __init__(self, around: Surrounding) -> None:
        self._around = around
        self._fell = False
        self._parked = ParkedAlerts(around.alerts, around.timeline.now)
        self._runner = LookingRunner(self._found)
        store = StoredSubscriptions(around.database)
        self.talk = Talk(store, self._of, around.exists, self._tell, around.timeline.now)
        self.ended: list[Callable[[str], None]] = []
        self.cut: list[Callable[[], None]] = []
        self.host = Host(
            Surroundings(
                runner=self._runner,
                services=services(around, self.talk.exchange),
                tell=self._tell,
                wall=around.timeline.now,
                timing=around.timing,
            ),
            Ground(around.state / INSTANCES, own_users=os.geteuid() == 0),
        )
        around.journal.wanted.append(self.host.wants)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run instances as long as the block does; then they have some seconds to end by themselves."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self._live)
            await self.talk.subscriptions.load()
            nursery.start_soon(supervise, "messages between plugins", self.talk.exchange.run)
            nursery.start_soon(supervise, "events for plugins", self._bring)
            nursery.start_soon(supervise, "alerts of plugins", self._look)
            try:
                yield
            finally:
                nursery.cancel_scope.cancel()

    async def _live(self, *, task_status: trio.TaskStatus[None]) -> None:
        try:
            await self.host.run(task_status=task_status)
        except Exception as fault:
            log.exception("the host of plugins fell")
            self._fell = True
            self._around.alerts.fire(
                COMPONENT,
                "host",
                Severity.CRITICAL,
                "no plugin runs any more, by a fault of the gateway; the log has it. Start the gateway anew",
                value=type(fault).__name__,
            )

    async def _bring(self) -> None:
        while True:
            with self._around.bus.subscribe(_QUEUE) as subscription:
                try:
                    while True:
                        self.host.offer(await subscription.receive())
                except Cut:
                    log.warning("plugins missed events: the gateway was held up")
                    for tell in self.cut:
                        tell()

    async def _look(self) -> None:
        while True:
            self._parked.look(self.reports())
            await trio.sleep(_LOOK_S)

    def _of(self, plugin: str) -> Sequence[Instance]:
        return self.host.of(plugin)

    def granted(self, plugin: str) -> Sequence[str] | None:
        """Permissions of those instances of a plugin that are to run; None: there are none."""
        found = self.talk.standing.granted(plugin)
        return None if found is None else found.words

    def reports(self) -> Sequence[Report]:
        """How every instance does."""
        return [instance.report() for instance in self.host]

    def health(self) -> tuple[str | None, int]:
        """The status of plugins, None where none is installed, and how many instances run."""
        reports = self.reports()
        active = [report for report in reports if report.state is State.ACTIVE]
        if self._fell:
            return "unhealthy", len(active)
        well = all(report.health in {None, Health.HEALTHY} for report in active)
        if not well or any(report.state is State.ERROR for report in reports):
            return "degraded", len(active)
        return "healthy" if reports else None, len(active)

    def _tell(self, type_: str, data: Mapping[str, object]) -> None:
        self._around.journal.announce(type_, data)
        if type_ == "plugin:deactivated":
            for tell in self.ended:
                tell(str(data["plugin_id"]))

    def _found(self, means: Means) -> None:
        """Say once, when the first instance is there, what none will be protected from."""
        if means.root:
            # Users of plugins pass through it to what is theirs; no file in it is open to them.
            state = self._around.state
            with suppress(OSError):
                # Where that cannot be, whoever is to have a place there is told why not.
                state.chmod(stat.S_IMODE(state.stat().st_mode) | stat.S_IXOTH)
        lacking = unprotected(means)
        words = [WORDS[one] for one in lacking]
        log.info("plugins run in a sandbox", lacking=words, **({} if means.why is None else {"why": means.why}))
        if grave := [WORDS[one] for one in lacking if one in GRAVE]:
            self._around.alerts.fire(
                COMPONENT,
                "sandbox",
                Severity.WARNING,
                f"plugins are not protected as they should be: {'; '.join(grave)}",
                value=means.why,
            )
        else:
            self._around.alerts.resolve(COMPONENT, "sandbox", "plugins are protected as they should be")


def services(around: Surrounding, messages: Messages) -> HostServices:
    """What the gateway does for its plugins."""
    derived = DerivedTags(
        around.tags,
        around.timeline,
        lambda: {line.name for line in around.settings().lines},
        trio.current_time,
    )
    writes = Writes(around.audit)
    return HostServices(
        tags=TagService(around.devices, derived, writes),
        serial=SerialService(around.devices, writes),
        events=EventService(around.door, check_publishable),
        messages=messages,
        storage=StoredValues(around.database),
    )
