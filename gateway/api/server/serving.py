"""The server: listens where the configuration says, as addresses come and go, and ends without dropping answers."""

from __future__ import annotations

import socket

import structlog
import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import AppWrapper, ConnectionState

from gateway.api.asgi import Application
from gateway.api.server.connection import Connection, ServerConfig
from gateway.api.server.sockets import BindError, NotYetError, endpoint, listen, local_addresses, wanted_addresses
from gateway.api.server.tls import ServerTls
from gateway.settings.model import ServerSettings

log = structlog.stdlib.get_logger(__name__)

# Seconds between two looks at the addresses of this machine.
LOOK_INTERVAL = 5.0
GRACE = 5.0


async def serve(
    app: Application,
    settings: ServerSettings,
    tls: ServerTls,
    *,
    stop: trio.Event,
    grace: float = GRACE,
    task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until ``stop`` is set; then answers under way are finished and all is closed.

    Args:
        app: the ASGI application.
        settings: where to listen.
        tls: the certificate, which is kept fitting the addresses.
        stop: set it to end; cancelling ends at once, and drops what is under way.
        grace: seconds that answers under way may still take after ``stop``.
        task_status: told the URLs that are served, e.g. ``["https://127.0.0.1:3500"]``, as soon as they are; empty
            while the configured address is not on this machine.

    Raises:
        BindError: the configured address must not or cannot be opened.
    """
    server = _Server(app, settings, tls)
    async with trio.open_nursery() as connections:
        async with trio.open_nursery() as listening:
            await server.look(listening, connections, first=True)
            task_status.started(server.urls)
            listening.start_soon(tls.upkeep)
            while not stop.is_set():
                await server.look(listening, connections)
                with trio.move_on_after(LOOK_INTERVAL):
                    await stop.wait()
            listening.cancel_scope.cancel()
        await server.context.terminated.set()
        connections.cancel_scope.deadline = trio.current_time() + grace


class _Server:
    def __init__(self, app: Application, settings: ServerSettings, tls: ServerTls) -> None:
        self.config = ServerConfig()
        self.context = WorkerContext(None)
        self._app: AppWrapper = ASGIWrapper(app)  # type: ignore[arg-type] # hypercorn types scopes one by one
        self._settings = settings
        self._tls = tls
        self._open: dict[str, tuple[socket.socket, trio.CancelScope]] = {}
        self._waiting: set[str] = set()

    @property
    def urls(self) -> list[str]:
        """What is served now."""
        return [f"https://{endpoint(*listener.getsockname()[:2])}" for listener, _ in self._open.values()]

    async def look(self, listening: trio.Nursery, connections: trio.Nursery, *, first: bool = False) -> None:
        """Open what is missing, close what has gone, and have the certificate name what is open."""
        wanted = wanted_addresses(self._settings.bind, local_addresses())
        for address in [address for address in self._open if address not in wanted]:
            log.info("address gone", address=address)
            self._open.pop(address)[1].cancel()
        opened: dict[str, tuple[socket.socket, trio.CancelScope]] = {}
        for address in wanted:
            if address in self._open:
                continue
            try:
                listener = listen(address, self._settings.port)
            except (NotYetError, BindError) as error:
                if first and isinstance(error, BindError):
                    raise
                if address not in self._waiting:
                    self._waiting.add(address)
                    log.warning("cannot listen yet", reason=str(error), retry_s=LOOK_INTERVAL)
                continue
            self._waiting.discard(address)
            self._open[address] = opened[address] = (listener, trio.CancelScope())
        await self._tls.cover(self._open)
        for address, (listener, scope) in opened.items():
            listening.start_soon(self._accept, listener, scope, connections)
            log.info("listening", address=endpoint(address, listener.getsockname()[1]))

    async def _accept(self, listener: socket.socket, scope: trio.CancelScope, connections: trio.Nursery) -> None:
        plain = trio.SocketListener(trio.socket.from_stdlib_socket(listener))
        encrypted = trio.SSLListener(plain, self._tls.context, https_compatible=True)
        with scope:
            await trio.serve_listeners(self._converse, [encrypted], handler_nursery=connections)

    async def _converse(self, stream: trio.SSLStream[trio.SocketStream]) -> None:
        await Connection(self._app, self.config, self.context, ConnectionState({}), stream).run()
