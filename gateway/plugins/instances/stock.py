"""The instances there are: on the disk, in memory, and with the host that runs them; always in that order.

What is wanted to run is started again with the gateway. What the host cannot have, because its package is lost or its
secrets do not open, is held all the same, and says why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import structlog
import trio

from gateway.core.errors import Code, GatewayError
from gateway.core.instances import InstanceStore, KeptInstance
from gateway.core.kept import kept as on_disk
from gateway.core.plugins import PluginStatus
from gateway.core.ports import Json
from gateway.plugins.host.host import Host
from gateway.plugins.host.instance import Instance
from gateway.plugins.host.states import Spec, State
from gateway.plugins.instances.blueprints import Blueprints
from gateway.plugins.instances.order import Shown
from gateway.plugins.instances.unpacked import Unpacked
from gateway.plugins.registry.registry import Registry

log = structlog.stdlib.get_logger(__name__)

# Seconds in which the host has ended one for sure.
_END_S = 30.0
# Instances that are started at once when the gateway starts: boards are slow.
_AT_ONCE = 2
_RETRY_S = 5.0
# Seconds between two that are started anew.
_BETWEEN_S = 1.0


@dataclass(eq=False, slots=True)
class Held:
    """An instance, and what the host has of it.

    Attributes:
        kept: as it is on the disk.
        running: what the host has; None: it does not have it.
        trouble: why it has not; None: it has, or will in a moment.
        changing: held by whoever changes it.
    """

    kept: KeptInstance
    running: Instance | None = None
    trouble: str | None = None
    changing: trio.Lock = field(default_factory=trio.Lock)

    @property
    def shown(self) -> Shown:
        """It as callers see it."""
        if self.running is not None:
            report = self.running.report()
            status = report.state
            if status is State.INACTIVE and self.kept.wanted:
                # Its turn to be started comes in a moment.
                status = State.INITIALIZING
            return Shown(kept=self.kept, status=status, report=report, trouble=None)
        status = State.INITIALIZING if self.trouble is None else State.ERROR
        if self.kept.suspended:
            status = State.SUSPENDED
        return Shown(kept=self.kept, status=status, report=None, trouble=self.trouble)


class Stock:
    """All of them.

    Args:
        store: keeps what is known of them.
        registry: has the plugins.
        blueprints: makes what the host runs.
        unpacked: where packages are unpacked.
        host: runs them.
        tell: emits an event of the catalogue.
    """

    def __init__(
        self,
        *,
        store: InstanceStore,
        registry: Registry,
        blueprints: Blueprints,
        unpacked: Unpacked,
        host: Host,
        tell: Callable[[str, Mapping[str, object]], None],
    ) -> None:
        self._store, self._registry, self._blueprints, self._unpacked = store, registry, blueprints, unpacked
        self._host, self._tell = host, tell
        self._held: dict[str, Held] = {}
        self._loaded = False
        self._starting = trio.CapacityLimiter(_AT_ONCE)

    def __len__(self) -> int:
        return len(self._held)

    def all(self) -> Sequence[Held]:
        """Every one."""
        return list(self._held.values())

    def of(self, plugin: str) -> Sequence[Held]:
        """Those of a plugin."""
        return [held for held in self._held.values() if held.kept.plugin == plugin]

    def find(self, id_: str) -> Held | None:
        """One of them."""
        return self._held.get(id_)

    async def load(self) -> None:
        """Read what is installed, however long the disk does not give it, and finish what was begun before.

        Once is enough: whoever fell in between finds what there was.
        """
        if self._loaded:
            return
        given_up, all_ = await self._read()
        used = {(kept.plugin, kept.version) for kept in all_}
        await trio.to_thread.run_sync(self._unpacked.keep_only, used)
        self._held = {kept.id: Held(kept) for kept in all_}
        if left := await self._host.left_behind({*self._held, *given_up}):
            # Not removed: where the registry was lost, they are all there is of what plugins kept.
            log.warning("files of instances that are not installed: remove what nobody needs", places=left)
        for id_ in given_up:
            await self._forget(id_)
        self._loaded = True

    async def begin(self, held: Held) -> None:
        """Give one to the host that was installed in an earlier run, and start it where that is wanted."""
        async with self._starting:
            async with held.changing:
                if self.find(held.kept.id) is not held:
                    return
                if held.running is None:
                    await self.give(held)
            if held.kept.wanted:
                await self.start(held, None)

    async def add(self, kept: KeptInstance, clear: Mapping[str, Json], installed: Callable[[], None]) -> Held:
        """Take a new one.

        Args:
            kept: it.
            clear: its configuration with its secrets.
            installed: told when it is on the disk.

        Raises:
            GatewayError: UNAVAILABLE, the disk does not take it.
        """
        async with on_disk():
            await self._store.put(kept)
        held = self._held[kept.id] = Held(kept)
        installed()
        await self.give(held, clear)
        return held

    async def keep(self, held: Held, kept: KeptInstance) -> None:
        """Keep what became of one.

        Raises:
            GatewayError: UNAVAILABLE, the disk does not take it, and nothing changed.
        """
        async with on_disk():
            await self._store.put(kept)
        held.kept = kept

    async def give(self, held: Held, clear: Mapping[str, Json] | None = None) -> None:
        """Give one to the host; where that cannot be, it says why.

        Args:
            held: it.
            clear: its configuration with its secrets; None: as it is kept.
        """
        try:
            if clear is None:
                clear = await self._blueprints.opened(held.kept)
            held.running = await self._host.add(await self._blueprints.spec(held.kept, clear))
            held.trouble = None
            if await self._barred(held):
                await held.running.suspend(None)
        except GatewayError as error:
            held.trouble = None if held.running is not None else error.reason
            log.warning("an instance cannot run", instance=held.kept.id, reason=error.reason)

    async def end(self, held: Held, by: str) -> None:
        """Have one end.

        Raises:
            GatewayError: UNAVAILABLE, it does not.
        """
        if held.running is None:
            return
        with trio.move_on_after(_END_S):
            await held.running.deactivate(by)
        if held.running.state not in {State.INACTIVE, State.SUSPENDED}:
            raise GatewayError(Code.UNAVAILABLE, "the instance does not end")

    async def move(self, held: Held, spec: Spec, before: KeptInstance, by: str) -> None:
        """Have the host run something else in place of one."""
        try:
            running = await self._host.replace(spec, by)
        except GatewayError as error:
            held.running, held.trouble = None, error.reason
            return
        held.running = running
        if await self._barred(held):
            await running.suspend(by)
        if (before.plugin, before.version) != (held.kept.plugin, held.kept.version):
            await self.let_go(before.plugin, before.version)

    async def bound(self) -> None:
        """Give all what they may take by now: one after the other is started anew with it."""
        for held in self.all():
            async with held.changing:
                if held.running is not None and held.running.bound(*self._blueprints.bounds()):
                    log.info("an instance is started anew within other limits", instance=held.kept.id)
                    await trio.sleep(_BETWEEN_S)

    async def start(self, held: Held, by: str | None) -> None:
        """Have one run, and wait until it does or has failed to; one that cannot be is told of as one that fell."""
        if held.running is None:
            kept = held.kept
            self._tell(
                "plugin:error",
                {
                    "plugin_id": kept.plugin,
                    "instance_id": kept.id,
                    "status": State.ERROR.value,
                    "reason": "not_started",
                    "message": held.trouble or "the host of plugins does not run",
                },
            )
            return
        with suppress(GatewayError):
            await held.running.activate(by)

    async def check_package(self, held: Held) -> None:
        """See that what one runs is as it should be.

        Raises:
            GatewayError: it is not, and cannot be mended.
        """
        kept = held.kept
        await self._blueprints.unpack(await self._blueprints.contents(kept.plugin, kept.version))

    async def remove(self, held: Held, by: str) -> None:
        """End one, and remove it with all it kept.

        Raises:
            GatewayError: UNAVAILABLE, the disk does not take it, and nothing changed.
        """
        kept = held.kept
        async with on_disk():
            await self._store.give_up(kept.id)
        del self._held[kept.id]
        if held.running is not None:
            try:
                await self.end(held, by)
                await self._host.remove(kept.id, by)
            except GatewayError as error:
                log.warning("an instance left something behind", instance=kept.id, reason=error.reason)
        await self._forget(kept.id)
        await self.let_go(kept.plugin, kept.version)

    async def let_go(self, plugin: str, version: str) -> None:
        """Remove an unpacked package that no instance uses any more."""
        if all((held.kept.plugin, held.kept.version) != (plugin, version) for held in self._held.values()):
            await trio.to_thread.run_sync(self._unpacked.remove, plugin, version)

    async def _read(self) -> tuple[Sequence[str], Sequence[KeptInstance]]:
        while True:
            try:
                async with on_disk():
                    return await self._store.given_up(), await self._store.all()
            except GatewayError as error:
                log.warning("instances cannot be read from the disk", reason=error.reason)
                await trio.sleep(_RETRY_S)

    async def _forget(self, id_: str) -> None:
        """Remove what one that was given up left; what the disk does not let go of now, it does at the next start."""
        try:
            await self._host.erase(id_)
            async with on_disk():
                await self._store.remove(id_)
        except GatewayError as error:
            log.warning("an instance left something behind", instance=id_, reason=error.reason)

    async def _barred(self, held: Held) -> bool:
        if held.kept.suspended:
            return True
        return (await self._registry.get(held.kept.plugin)).status is PluginStatus.SUSPENDED
