"""What is installed: taken, configured, started, stopped and removed by whom it behoves (IN-01 to IN-16, D-112, D-113).

What callers were told is on the disk.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import structlog
import trio

from gateway.core.errors import Code, GatewayError
from gateway.core.instances import KeptInstance, OwnerType
from gateway.core.plugins import KeptPlugin, PluginStatus
from gateway.core.principal import Principal
from gateway.plugins.host.notes import Note
from gateway.plugins.host.states import State
from gateway.plugins.instances.blueprints import Blueprints, Configured, check_permissions
from gateway.plugins.instances.order import Change, Order, Shown, Wanted, listed, may_rule, may_see, owner_of
from gateway.plugins.instances.planning import Plan, pick_version, plan
from gateway.plugins.instances.stock import Held, Stock
from gateway.plugins.instances.unpacked import Contents
from gateway.plugins.registry.registry import Registry
from gateway.settings.plugin_model import PluginSettings

log = structlog.stdlib.get_logger(__name__)

# Seconds a caller waits for a start or an end; what is not done by then goes on without it.
ANSWER_S = 10.0


def new_id() -> str:
    """An id nothing had before."""
    return f"instance-{secrets.token_hex(8)}"


def _anything(_: Shown) -> None:
    """Whatever state it is in."""


class Instances:
    """All instances, for those who call.

    Args:
        registry: has the plugins.
        stock: has the instances.
        blueprints: knows packages and configurations.
        settings: how many there may be.
        tell: emits an event of the catalogue.
        wall: Unix seconds.
        name: makes the id of a new one.
    """

    def __init__(
        self,
        *,
        registry: Registry,
        stock: Stock,
        blueprints: Blueprints,
        settings: Callable[[], PluginSettings],
        tell: Callable[[str, Mapping[str, object]], None],
        wall: Callable[[], float],
        name: Callable[[], str] = new_id,
    ) -> None:
        self._registry, self._stock, self._blueprints = registry, stock, blueprints
        self._settings, self._tell, self._wall, self._name = settings, tell, wall, name
        # Held by whoever makes there be more instances or fewer, or changes which plugins may have some.
        self._numbering = trio.Lock()
        self._nursery: trio.Nursery | None = None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Give the host what is installed and start what is wanted, until cancelled. The host must run before.

        Started once instances can be asked for.
        """
        await self._stock.load()
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                for held in self._stock.all():
                    nursery.start_soon(self._stock.begin, held)
                task_status.started()
                await trio.sleep_forever()
        finally:
            self._nursery = None

    # Asking

    async def list(self, by: Principal, wanted: Wanted) -> tuple[Sequence[Shown], int]:
        """Instances a caller may see, and how many of these fit.

        Raises:
            GatewayError: UNAVAILABLE, they are not read from the disk yet, as for everything here.
        """
        self._ready()
        await trio.lowlevel.checkpoint()
        return listed([one for one in self.all() if may_see(by, one.kept)], wanted)

    async def get(self, by: Principal, id_: str) -> Shown:
        """One instance.

        Raises:
            GatewayError: NOT_FOUND, also where it is another's, as for everything here that names one (D-057).
        """
        await trio.lowlevel.checkpoint()
        return self._find(by, id_).shown

    def all(self) -> Sequence[Shown]:
        """Every instance, whosever it is: for figures."""
        return [held.shown for held in self._stock.all()]

    async def logs(self, by: Principal, id_: str, most: int, after: int) -> Sequence[Note]:
        """The newest lines of the log of an instance, oldest first.

        Args:
            by: who asks.
            id_: of the instance.
            most: of them.
            after: only those with a higher number.
        """
        await trio.lowlevel.checkpoint()
        running = self._find(by, id_).running
        return [] if running is None else running.notes.last(most, after)

    # Installing

    async def install(self, by: Principal, order: Order) -> Shown:
        """Install a plugin; it is inactive. On the disk when this returns.

        Raises:
            GatewayError: NOT_FOUND, there is no such plugin; CONFLICT, it cannot be installed now, or there are as many
                instances as may be; INVALID, version, permissions or configuration; FORBIDDEN, for somebody else.
        """
        self._ready()
        owner = order.owner or owner_of(by)
        if owner != owner_of(by) and owner.type is not OwnerType.ORGANIZATION and not may_rule(by):
            words = "only an administrator installs for another user or client"
            raise GatewayError(Code.FORBIDDEN, words, field="owner")
        async with self._numbering:
            try:
                plugin = await self._usable(order.plugin)
            except GatewayError as error:
                raise GatewayError(error.code, error.reason, field="plugin", details=error.details) from None
            most = self._settings().max_instances
            if len(self._stock) >= most:
                words = f"there may be {most} instances ([plugin] max_instances): remove one, or raise it"
                raise GatewayError(Code.CONFLICT, words)
            contents = await self._blueprints.contents(plugin.id, self._pick(plugin, order.version))
            check_permissions(contents.manifest, order.permissions)
            id_ = self._name()
            configured = await self._blueprints.configured(id_, contents.manifest, order.config)
            now = self._wall()
            kept = KeptInstance(
                id=id_,
                plugin=plugin.id,
                version=contents.version,
                owner=owner,
                installed_by=by.subject,
                permissions=order.permissions,
                config=configured.shown,
                sealed=configured.sealed,
                region=order.region,
                created=now,
                updated=now,
            )
            # Whoever hangs up leaves nothing half done; everything within has an end of its own.
            with trio.CancelScope(shield=True):
                held = await self._add(kept, contents, configured)
        return held.shown

    async def uninstall(self, by: Principal, id_: str, seen: Callable[[Shown], None] = _anything) -> None:
        """Stop an instance and remove it with all it kept. On the disk when this returns.

        Args:
            by: who wants it.
            id_: of the instance.
            seen: raises where the caller knows another state of it.
        """
        async with self._numbering, self._changing(by, id_) as held:
            seen(held.shown)
            with trio.CancelScope(shield=True):
                await self._stock.remove(held, by.subject)
                self._tell_changed("plugin:uninstalled", held.kept, State.INACTIVE, by)

    # Changing

    async def change(self, by: Principal, id_: str, change: Change, seen: Callable[[Shown], None] = _anything) -> Shown:
        """Configure an instance anew, grant it something else, or run another version. On the disk when this returns.

        Args:
            by: who wants it.
            id_: of the instance.
            change: what is to become of it.
            seen: raises where the caller knows another state of it.

        Raises:
            GatewayError: INVALID, version, permissions or configuration, or the plugin refuses that; CONFLICT, its
                plugin is suspended and another version is wanted; UNAVAILABLE, it does not answer.
        """
        async with self._changing(by, id_) as held:
            seen(held.shown)
            changed = await plan(self._blueprints, held.kept, change, self._another, self._wall())
            if replace(changed.kept, updated=held.kept.updated) != held.kept:
                with trio.CancelScope(shield=True):
                    await self._carry_out(held, changed, by)
        return held.shown

    async def activate(self, by: Principal, id_: str) -> Shown:
        """Have an instance run, now and whenever the gateway does. It changes nothing where it runs.

        Raises:
            GatewayError: CONFLICT, it or its plugin is suspended.
        """
        async with self._changing(by, id_) as held:
            if held.kept.suspended:
                raise GatewayError(Code.CONFLICT, "this instance is suspended: an administrator has to resume it")
            await self._usable(held.kept.plugin)
            if not held.kept.wanted:
                await self._stock.keep(held, replace(held.kept, wanted=True))
            if held.running is None:
                await self._stock.give(held)
            elif held.running.state is not State.ACTIVE:
                await self._stock.check_package(held)
        with trio.move_on_after(ANSWER_S):
            await self._stock.start(held, by.subject)
        return held.shown

    async def deactivate(self, by: Principal, id_: str) -> Shown:
        """Have an instance end, and stay so. It changes nothing where it does not run."""
        async with self._changing(by, id_) as held:
            if held.kept.wanted:
                await self._stock.keep(held, replace(held.kept, wanted=False))
        if held.running is not None:
            with trio.move_on_after(ANSWER_S):
                await held.running.deactivate(by.subject)
        return held.shown

    async def suspend(self, by: Principal, id_: str) -> Shown:
        """Have an instance end, and not be activated until it is resumed."""
        async with self._changing(by, id_) as held:
            if not held.kept.suspended:
                await self._stock.keep(held, replace(held.kept, suspended=True))
        if held.running is not None:
            with trio.move_on_after(ANSWER_S):
                await held.running.suspend(by.subject)
        return held.shown

    async def resume(self, by: Principal, id_: str) -> Shown:
        """End that; it runs again where that was wanted."""
        async with self._changing(by, id_) as held:
            if held.kept.suspended:
                await self._stock.keep(held, replace(held.kept, suspended=False))
            if (await self._registry.get(held.kept.plugin)).status is not PluginStatus.SUSPENDED:
                self._resumed(held)
        return held.shown

    # What becomes of plugins

    async def suspend_plugin(self, by: Principal, plugin: str) -> KeptPlugin:
        """Have nobody install a plugin, and all its instances end (D-105)."""
        async with self._numbering:
            suspended = await self._registry.suspend(plugin)
            with trio.move_on_after(ANSWER_S):
                async with trio.open_nursery() as nursery:
                    for held in self._stock.of(plugin):
                        if held.running is not None:
                            nursery.start_soon(held.running.suspend, by.subject)
        return suspended

    async def resume_plugin(self, plugin: str) -> KeptPlugin:
        """End that; instances run again where that was wanted."""
        async with self._numbering:
            resumed = await self._registry.resume(plugin)
            for held in self._stock.of(plugin):
                if not held.kept.suspended:
                    self._resumed(held)
        return resumed

    async def remove_plugin(self, plugin: str) -> None:
        """Take a plugin out of the registry.

        Raises:
            GatewayError: CONFLICT, while there are instances of it (D-106).
        """
        self._ready()
        async with self._numbering:
            if there := len(self._stock.of(plugin)):
                words = "is an instance" if there == 1 else f"are {there} instances"
                raise GatewayError(Code.CONFLICT, f"there {words} of {plugin}: uninstall first")
            await self._registry.remove(plugin)

    # Within

    def _ready(self) -> trio.Nursery:
        if self._nursery is None:
            words = "instances are not read from the disk yet"
            raise GatewayError(Code.UNAVAILABLE, words, details={"retryAfter": 5})
        return self._nursery

    def _find(self, by: Principal, id_: str) -> Held:
        self._ready()
        held = self._stock.find(id_)
        if held is None or not may_see(by, held.kept):
            raise GatewayError(Code.NOT_FOUND, f"there is no instance {id_}")
        return held

    @asynccontextmanager
    async def _changing(self, by: Principal, id_: str) -> AsyncIterator[Held]:
        """An instance that nobody else changes meanwhile."""
        held = self._find(by, id_)
        async with held.changing:
            if self._find(by, id_) is not held:
                raise GatewayError(Code.NOT_FOUND, f"there is no instance {id_}")
            yield held

    async def _usable(self, id_: str) -> KeptPlugin:
        """A plugin of which there may be instances that run."""
        plugin = await self._registry.get(id_)
        if plugin.status is PluginStatus.SUSPENDED:
            raise GatewayError(Code.CONFLICT, f"{id_} is suspended: an administrator has to resume it")
        if plugin.packaged is None:
            raise GatewayError(Code.CONFLICT, f"there is no package of {id_} yet: upload one")
        return plugin

    async def _another(self, id_: str, version: str) -> str:
        """The version of a plugin that an instance of it is to run from now on."""
        return self._pick(await self._usable(id_), version)

    def _pick(self, plugin: KeptPlugin, wanted: str | None) -> str:
        """The version to be run; whose signer was trusted once, and is no more, is no longer let in."""
        picked = pick_version(plugin, wanted)
        self._registry.check_signer(plugin.id, picked)
        return picked.version

    async def _carry_out(self, held: Held, changed: Plan, by: Principal) -> None:
        before, after, clear = held.kept, changed.kept, changed.configured.clear
        if held.running is None:
            await self._stock.keep(held, after)
            await self._stock.give(held, clear)
            self._tell_changed("plugin:config_updated", after, held.shown.status, by)
            self._start(held, by.subject)
        elif (before.version, before.permissions) != (after.version, after.permissions):
            spec = await self._blueprints.spec(after, clear)
            try:
                await self._stock.end(held, by.subject)
                await self._stock.keep(held, after)
                await self._stock.move(held, spec, before, by.subject)
                self._tell_changed("plugin:config_updated", after, held.shown.status, by)
            finally:
                self._start(held, by.subject)
        elif changed.before == clear:
            await self._stock.keep(held, after)
        else:
            await self._configure(held, changed, by)

    async def _configure(self, held: Held, changed: Plan, by: Principal) -> None:
        running = held.running
        if running is None:
            return
        await running.configure(changed.configured.clear, by.subject, changed.configured.secrets)
        trouble: GatewayError | None = None
        try:
            await self._stock.keep(held, changed.kept)
        except GatewayError as error:
            trouble = error
        if trouble is not None:
            # What is not on the disk is not in force.
            with suppress(GatewayError):
                await running.configure(changed.before or {}, by.subject)
            raise trouble

    async def _add(self, kept: KeptInstance, contents: Contents, configured: Configured) -> Held:
        made: Held | GatewayError
        try:
            await self._blueprints.unpack(contents)
            made = await self._stock.add(kept, configured.clear, lambda: self._installed(kept))
        except GatewayError as error:
            made = error
        if isinstance(made, GatewayError):
            await self._stock.let_go(kept.plugin, kept.version)
            raise made
        with suppress(GatewayError):
            await self._registry.downloaded(kept.plugin)
        return made

    def _resumed(self, held: Held) -> None:
        if held.running is not None:
            held.running.resume()
            self._start(held, None)

    def _start(self, held: Held, by: str | None) -> None:
        """Have one run where that is wanted; nobody waits for it."""
        if held.kept.wanted and self._nursery is not None:
            self._nursery.start_soon(self._stock.start, held, by)

    def _installed(self, kept: KeptInstance) -> None:
        about = {"plugin_id": kept.plugin, "version": kept.version, "instance_id": kept.id}
        self._tell("plugin:installed", {**about, "status": State.INITIALIZING.value, "installed_by": kept.installed_by})

    def _tell_changed(self, type_: str, kept: KeptInstance, status: State, by: Principal) -> None:
        about = {"plugin_id": kept.plugin, "version": kept.version, "instance_id": kept.id}
        self._tell(type_, {**about, "status": status.value, "by": by.subject})
