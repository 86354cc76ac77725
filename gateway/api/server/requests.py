"""Runs the application for each request of a connection."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Self

import structlog
import trio
from hypercorn.config import Config
from hypercorn.trio.task_group import TaskGroup
from hypercorn.typing import AppWrapper, ASGIReceiveEvent, ASGISendEvent, Scope

log = structlog.stdlib.get_logger(__name__)


class Requests(TaskGroup):
    """Starts the application, and never waits for it when it has stopped listening.

    Args:
        extensions: of the ASGI scope, the same for all requests of a connection.

    Attributes:
        before_receiving: awaited each time the application wants what comes next.
    """

    before_receiving: Callable[[], Awaitable[None]]

    def __init__(self, extensions: Mapping[str, dict[str, object]]) -> None:
        super().__init__()
        self.extensions = extensions

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        return self

    def let_go(self) -> None:
        """Forget the connection: no application runs any more."""
        self.extensions = {}
        self.before_receiving = trio.lowlevel.checkpoint

    async def spawn_app(
        self,
        app: AppWrapper,
        config: Config,
        scope: Scope,
        send: Callable[[ASGISendEvent | None], Awaitable[None]],
    ) -> Callable[[ASGIReceiveEvent], Awaitable[None]]:
        """Start the application. Returns how it is told of what arrives."""
        to_app, from_caller = trio.open_memory_channel[ASGIReceiveEvent](config.max_app_queue_size)
        last: list[ASGIReceiveEvent] = []
        scope["extensions"].update(self.extensions)  # type: ignore[typeddict-item] # this scope is no lifespan

        async def put(event: ASGIReceiveEvent) -> None:
            if event["type"].endswith(".disconnect"):
                # Stock code queues this behind the body, where it can wait for ever: nobody empties that queue.
                last.append(event)
                to_app.close()
                return
            try:
                await to_app.send(event)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return

        async def receive() -> ASGIReceiveEvent:
            await self.before_receiving()
            try:
                return await from_caller.receive()
            except trio.EndOfChannel:
                return last[0]

        async def run() -> None:
            try:
                with from_caller:
                    await app(scope, receive, send, trio.to_thread.run_sync, trio.from_thread.run)
            except Exception:
                log.exception("request failed", path=scope.get("path"))
            await send(None)

        self.spawn(run)
        return put
