"""All that lies between plugins, put together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping

import trio

from gateway.core.plugin_subscriptions import PluginSubscriptionStore
from gateway.core.ports import FactStore
from gateway.plugins.exchange.catching_up import CatchingUp, History
from gateway.plugins.exchange.exchange import Exchange, Find
from gateway.plugins.exchange.standing import Standing
from gateway.plugins.exchange.subscribing import PluginSubscriptions
from gateway.plugins.host.instance import Instance


class Talk:
    """What plugins say to each other.

    Args:
        store: keeps subscriptions.
        instances: those of a plugin (``Host.of``).
        exists: raises NOT_FOUND where there is no such plugin (``Registry.get``).
        tell: emits an event of the catalogue.
        wall: Unix seconds.
        owner: subject of whoever installed an instance; None where that is not known.

    Attributes:
        exists: as it was given.
        exchange: brings their messages.
        subscriptions: to events, made from outside.
        standing: what each may do.
    """

    def __init__(
        self,
        store: PluginSubscriptionStore,
        instances: Find,
        exists: Callable[[str], Awaitable[object]],
        tell: Callable[[str, Mapping[str, object]], None],
        wall: Callable[[], float],
        *,
        owner: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        self.exists = exists
        self.exchange = Exchange(instances, exists, tell, wall, owner)
        self.subscriptions = PluginSubscriptions(store, instances, wall)
        self._wall = wall
        self.standing = Standing(instances)

    def catching_up(
        self,
        instances: Callable[[], Iterable[Instance]],
        history: History,
        newest: Callable[[], int],
        facts: FactStore,
    ) -> CatchingUp:
        """What brings instances the events they missed.

        Args:
            instances: all there are.
            history: the log of events.
            newest: number of the newest event in it.
            facts: keep how far everybody is.
        """
        return CatchingUp(instances, self.subscriptions, history, newest, facts=facts, wall=self._wall)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Learn what is kept, then carry messages until cancelled. Start it before instances are."""
        await self.subscriptions.load()
        await self.exchange.run(task_status=task_status)
