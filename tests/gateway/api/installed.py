"""What is installed, whole but for the processes: plugins are coroutines."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import cast

import trio

from gateway.api.rest.instances import instance_routes
from gateway.api.rest.plugin_rule import rule_routes
from gateway.api.rest.route import Route
from gateway.core.sealing import Seal
from gateway.plugins.host.ground import Ground
from gateway.plugins.host.host import Host
from gateway.plugins.host.states import Timing
from gateway.plugins.host.surroundings import Surroundings
from gateway.plugins.instances.blueprints import Blueprints
from gateway.plugins.instances.instances import Instances
from gateway.plugins.instances.stock import Stock
from gateway.plugins.instances.unpacked import Unpacked
from gateway.plugins.registry.registry import Registry
from gateway.settings.plugin_model import PluginSettings
from gateway.storage.plugin_instances import StoredInstances
from gateway.storage.plugin_store import StoredPlugins
from tests.gateway.api.registry import Plugins
from tests.gateway.plugins.host.fakes import FakeGateway, FakeProcess, FakeRunner, Program

KEY = b"a key of nobody but these tests!"


async def behaves(process: FakeProcess) -> None:
    """What every plugin does, unless a test says otherwise."""
    await process.behave()


class Runner(FakeRunner):
    """Starts nothing before there is somewhere to."""

    def __init__(self, program: Program) -> None:
        super().__init__(cast("trio.Nursery", None), program)

    def begin(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery


class Installed:
    """Instances, and what tests turn at them.

    Args:
        directory: for their files.
        registry: of their plugins.
        store: keeps them.
        settings: how many there may be.
        wall: Unix seconds.
        program: what plugins do.
        key: seals their secrets.
    """

    def __init__(  # noqa: PLR0917 - parts it is made of
        self,
        directory: Path,
        registry: Registry,
        store: StoredPlugins,
        settings: Callable[[], PluginSettings],
        wall: Callable[[], float],
        program: Program = behaves,
        key: bytes = KEY,
    ) -> None:
        self._registry = registry
        self.gateway, self.runner = FakeGateway(), Runner(program)
        around = Surroundings(self.runner, self.gateway.services, self.gateway.tell, wall, Timing(), lambda: 0.5)
        self.host = Host(around, Ground(directory / "instances", own_users=False))
        self.unpacked = directory / "unpacked"
        unpacked = Unpacked(self.unpacked)
        blueprints = Blueprints(registry, unpacked, Seal(key), settings, lambda _: {})
        self.stock = Stock(
            store=StoredInstances(store.database),
            registry=registry,
            blueprints=blueprints,
            unpacked=unpacked,
            host=self.host,
            tell=self.gateway.tell,
        )
        self.instances = Instances(
            registry=registry,
            stock=self.stock,
            blueprints=blueprints,
            settings=settings,
            tell=self.gateway.tell,
            wall=wall,
            name=(f"instance-{number}" for number in count(1)).__next__,
        )

    @classmethod
    def of(cls, plugins: Plugins) -> Installed:
        """What is installed of some plugins; nothing so far."""
        directory = plugins.directory.parent
        registry = plugins.parts.registry
        return cls(directory, registry, plugins.store, lambda: plugins.settings, lambda: plugins.now)

    @property
    def routes(self) -> tuple[Route, ...]:
        """What can be asked of it."""
        return (*rule_routes(self._registry, self.instances), *instance_routes(self.instances))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run what is installed, for as long as the block does."""
        async with trio.open_nursery() as processes:
            self.runner.begin(processes)
            async with trio.open_nursery() as nursery:
                await nursery.start(self.host.run)
                await nursery.start(self.instances.run)
                try:
                    yield
                finally:
                    nursery.cancel_scope.cancel()
            processes.cancel_scope.cancel()
