"""What is installed is put together: its rows, its packages, its secrets, and the host that runs it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from gateway.access.keys import RootKey
from gateway.api.rest.instances import instance_routes
from gateway.api.rest.plugin_rule import rule_routes
from gateway.api.rest.route import Route
from gateway.core.sealing import Seal
from gateway.core.supervise import supervise
from gateway.events.journal import Journal
from gateway.hosting import Hosting
from gateway.plugging import Plugged
from gateway.plugins.instances.blueprints import Blueprints
from gateway.plugins.instances.instances import Instances
from gateway.plugins.instances.stock import Stock
from gateway.plugins.instances.unpacked import Unpacked
from gateway.settings.model import Settings
from gateway.storage.plugin_instances import StoredInstances

# Of the state directory, where packages are unpacked.
UNPACKED = "unpacked"


class Installing:
    """What is installed, within a running gateway.

    Args:
        plugged: the registry, and the file of plugins.
        hosting: runs instances.
        state: the state directory.
        root: seals the secrets of configurations.
        settings: those in force.
        journal: tells what becomes of instances.
        wall: Unix seconds.

    Attributes:
        instances: all of them; it has to run within ``hosting``.
    """

    def __init__(  # noqa: PLR0917 - parts it is made of
        self,
        plugged: Plugged,
        hosting: Hosting,
        state: Path,
        root: RootKey,
        settings: Callable[[], Settings],
        journal: Journal,
        wall: Callable[[], float],
    ) -> None:
        self._registry = plugged.parts.registry
        unpacked = Unpacked(state / UNPACKED)
        blueprints = Blueprints(
            self._registry,
            unpacked,
            Seal(root.key("plugin-config").secret),
            lambda: settings().plugin,
            hosting.talk.subscriptions.subscriptions_of,
        )
        stock = Stock(
            store=StoredInstances(plugged.database),
            registry=self._registry,
            blueprints=blueprints,
            unpacked=unpacked,
            host=hosting.host,
            tell=journal.announce,
        )

        def owner(id_: str) -> str | None:
            held = stock.find(id_)
            return None if held is None else f"{held.kept.owner.type}:{held.kept.owner.id}"

        hosting.talk.exchange.owner = owner
        self._stock = stock
        self._reloaded = trio.Event()
        self.instances = Instances(
            registry=self._registry,
            stock=stock,
            blueprints=blueprints,
            settings=lambda: settings().plugin,
            tell=journal.announce,
            wall=wall,
        )

    def reloaded(self) -> None:
        """The settings may say other limits now: instances get them. Returns at once."""
        self._reloaded.set()

    @asynccontextmanager
    async def running(self, begin: trio.Event) -> AsyncIterator[None]:
        """Run what is wanted, as long as the block does. It has to stand within that of ``hosting``.

        Args:
            begin: not before: what plugins read has to be there.
        """

        async def live() -> None:
            await begin.wait()
            await self.instances.run()

        async def follow() -> None:
            while True:
                await self._reloaded.wait()
                self._reloaded = trio.Event()
                await self._stock.bound()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(supervise, "instances of plugins", live)
            nursery.start_soon(supervise, "limits of instances", follow)
            try:
                yield
            finally:
                nursery.cancel_scope.cancel()

    @property
    def routes(self) -> tuple[Route, ...]:
        """What can be asked of it, and what administrators do with plugins."""
        return (*rule_routes(self._registry, self.instances), *instance_routes(self.instances))
