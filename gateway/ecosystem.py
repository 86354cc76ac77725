"""All of plugins within a running gateway: host, instances, what they say to each other, and what is counted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from gateway.access.keys import RootKey
from gateway.accessing import Access
from gateway.accounting import Accounting
from gateway.agents.directory import Directory
from gateway.api.rest.plugin_exchange import talk_routes
from gateway.api.rest.replays import REPLAY_NAMES, REPLAY_SEAL, Replays
from gateway.api.rest.route import Route
from gateway.api.rest.table import plugin_routes
from gateway.core.ports import FactStore
from gateway.core.sealing import Seal
from gateway.core.supervise import supervise
from gateway.eventing import Eventing
from gateway.hosting import Hosting, Surrounding
from gateway.installing import Installing
from gateway.plugging import Plugged
from gateway.storage.replay_store import StoredReplays


class Ecosystem:
    """Plugins, put together.

    Args:
        around: what of the gateway plugins get to do with.
        plugged: the registry, and the file of plugins.
        told: events, and who hears of them.
        access: who may do what.
        directory: the agents.
        facts: keep how far plugins have come.
        root: all keys come from it.

    Attributes:
        hosting: runs instances.
        replays: answers that were given to requests which may come twice.
        accounting: counts what is used.
        routes: what can be asked of all of them.
    """

    def __init__(  # noqa: PLR0917 - the parts it is made of
        self,
        around: Surrounding,
        plugged: Plugged,
        told: Eventing,
        access: Access,
        directory: Directory,
        facts: FactStore,
        root: RootKey,
    ) -> None:
        settings, now = around.settings, around.timeline.now
        self.hosting = hosting = Hosting(around)
        access.plugins.know(plugged.parts.registry.get, hosting.granted)
        hosting.ended.append(access.plugins.look)
        self._missed = hosting.talk.catching_up(
            lambda: hosting.host, told.parts.history, lambda: told.journal.logged, facts
        )
        hosting.cut.append(self._missed.again)
        told.health.plugins = hosting.health
        self._installing = Installing(plugged, hosting, around.state, root, settings, told.journal, now)
        self.accounting = Accounting(
            plugged.database,
            self._installing.instances.all,
            [lambda: told.messages.sent, lambda: hosting.talk.exchange.sent],
            subjects=access.subjects,
            region=lambda: settings().gateway.region,
            agents=lambda: directory.counts().active,
            wall=now,
            monotonic=trio.current_time,
        )
        self.replays = Replays(
            StoredReplays(plugged.database),
            root.key(REPLAY_NAMES).secret,
            Seal(root.key(REPLAY_SEAL).secret),
            now,
        )
        self.routes: tuple[Route, ...] = (
            *plugin_routes(told.parts, plugged.parts),
            *talk_routes(told.parts.door, hosting.talk),
            *self._installing.routes,
            *self.accounting.routes,
        )

    def reloaded(self) -> None:
        """Another configuration is in force: instances get the limits it says."""
        self._installing.reloaded()

    @asynccontextmanager
    async def running(self, begin: trio.Event) -> AsyncIterator[None]:
        """Run what is wanted, as long as the block does; instances then have some seconds to end by themselves.

        Args:
            begin: no instance is started before: what it reads has to be there.
        """
        async with trio.open_nursery() as nursery:
            nursery.start_soon(supervise, "events that plugins missed", self._missed.run)
            nursery.start_soon(supervise, "what is used", self.accounting.ledger.run)
            async with self.hosting.running(), self._installing.running(begin):
                yield
            nursery.cancel_scope.cancel()
