"""The server: listens where the configuration says, as addresses come and go, and ends without dropping answers."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

import structlog
import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import AppWrapper
from hypercorn.utils import parse_socket_addr

from gateway.api.asgi import Application
from gateway.api.front import Front
from gateway.api.gate import Gate
from gateway.api.server.admission import Admission
from gateway.api.server.arrivals import Arrivals
from gateway.api.server.config import ServerConfig
from gateway.api.server.connection import Connection, Guest
from gateway.api.server.descriptors import affordable
from gateway.api.server.handshake import HandshakeError, shake_hands
from gateway.api.server.seldom import Seldom
from gateway.api.server.sockets import BindError, NotYetError, endpoint, listen, local_addresses, wanted_addresses
from gateway.api.server.tls import ServerTls
from gateway.api.server.turns import Turns
from gateway.core.network import is_private_peer
from gateway.settings.model import LimitSettings, ServerSettings
from gateway.streams.plain import Plain

log = structlog.stdlib.get_logger(__name__)

# Seconds between two looks at the addresses of this machine.
LOOK_INTERVAL = 5.0
# The whole gateway ends within 5 s of being told so, this is the server's part.
GRACE = 3.0


async def serve(
    app: Application,
    settings: ServerSettings,
    tls: ServerTls,
    *,
    stop: trio.Event,
    limits: LimitSettings | None = None,
    current: Callable[[], tuple[ServerSettings, LimitSettings]] | None = None,
    front: Front | None = None,
    grace: float = GRACE,
    look_interval: float = LOOK_INTERVAL,
    bound: trio.Event | None = None,
    begin: trio.Event | None = None,
    task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until ``stop`` is set; then answers under way are finished and all is closed.

    Args:
        app: the ASGI application.
        settings: where to listen.
        tls: the certificate, which is kept fitting the addresses.
        stop: set it to end; cancelling ends at once, and drops what is under way.
        limits: on connections, sizes and times; None: the defaults.
        current: host names, origins and limits in force, asked with each look at the addresses; None: they stay.
        front: counts connections and what is answered without the application.
        grace: seconds that answers under way may still take after ``stop``.
        bound: set as soon as the addresses that are there are ours, before anything else is done.
        begin: callers are let in once it is set; until then they wait. None: at once.
        look_interval: seconds between two looks at the addresses of this machine.
        task_status: told the URLs that are served, e.g. ``["https://127.0.0.1:3500"]``, as soon as they are; empty
            while the configured address is not on this machine.

    Raises:
        BindError: the configured address must not or cannot be opened.
    """
    server = Server(app, settings, tls, limits or LimitSettings(), front, bound=bound, begin=begin)
    async with server.turns.given(), trio.open_nursery() as connections:
        with closing(server):
            async with trio.open_nursery() as listening:
                await server.look(listening, connections, first=True)
                task_status.started(server.urls)
                listening.start_soon(tls.upkeep)
                while not stop.is_set():
                    if current is not None:
                        server.follow(*current())
                    await server.look(listening, connections)
                    with trio.move_on_after(look_interval):
                        await stop.wait()
                listening.cancel_scope.cancel()
        await server.stop()
        connections.cancel_scope.deadline = trio.current_time() + grace


class Server:
    """The listeners and what comes in through them; ``serve`` runs it."""

    def __init__(
        self,
        app: Application,
        settings: ServerSettings,
        tls: ServerTls,
        limits: LimitSettings,
        front: Front | None = None,
        *,
        bound: trio.Event | None = None,
        begin: trio.Event | None = None,
    ) -> None:
        self._bound, self._begin = bound, begin
        self.turns = Turns()
        self._front = front
        self._limits = limits
        self._config = self._configured()
        self._context = WorkerContext(None)
        foreign = None if front is None else front.foreign
        self._gate = Gate(app, self._names, settings.cors_origins, tls.now, foreign)
        self._app: AppWrapper = ASGIWrapper(self._gate)  # type: ignore[arg-type] # hypercorn types scopes one by one
        self._settings = settings
        self._tls = tls
        self._named: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())
        self.connections = Admission[Guest](self._config.limits.max_connections, self._config.connections_per_address)
        if front is not None:
            front.watch(lambda: len(self.connections))
        self._open: dict[str, tuple[socket.socket, trio.CancelScope]] = {}
        self._waiting: set[str] = set()
        self._stranger = Seldom("peer refused: not a private address", trio.current_time)
        self._blind = Seldom("cannot look at the addresses of this machine", trio.current_time)
        self._arrivals = Arrivals(limits, trio.current_time)
        self._hasty = Seldom("too many new connections: some are turned away", trio.current_time)
        self._full = Seldom("too many connections: new ones are turned away", trio.current_time)

    def follow(self, settings: ServerSettings, limits: LimitSettings) -> None:
        """Take over other host names, origins and limits. Connections that are open keep their times and sizes."""
        if limits != self._limits:
            self._limits = limits
            self._config = self._configured()
            self.connections.limit(self._config.limits.max_connections, self._config.connections_per_address)
            self._arrivals.follow(limits)
        if settings.host_names != self._settings.host_names or settings.cors_origins != self._settings.cors_origins:
            self._settings = replace(self._settings, host_names=settings.host_names, cors_origins=settings.cors_origins)
            self._named = (frozenset(), frozenset())
            self._gate.allow(settings.cors_origins)

    def _configured(self) -> ServerConfig:
        most = affordable(self._limits.max_connections)
        return ServerConfig(replace(self._limits, max_connections=most), self._front)

    @property
    def urls(self) -> list[str]:
        """What is served now."""
        return [f"https://{endpoint(*listener.getsockname()[:2])}" for listener, _ in self._open.values()]

    def _names(self) -> frozenset[str]:
        """What the gateway may be called."""
        of_certificate, named = self._named
        if of_certificate is not self._tls.names:
            named = self._tls.names | {name.lower() for name in self._settings.host_names}
            self._named = (self._tls.names, named)
        return named

    async def look(self, listening: trio.Nursery, connections: trio.Nursery, *, first: bool = False) -> None:
        """Open what is missing, close what has gone, and have the certificate name what is open."""
        try:
            wanted = wanted_addresses(self._settings.bind, local_addresses())
        except OSError as error:
            # No descriptor is left to ask with. That passes, and what is open stays open.
            if first:
                raise
            self._blind.warn(reason=error.strerror, retry_s=LOOK_INTERVAL)
            return
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
        if self._bound is not None:
            self._bound.set()
        await self._tls.cover(self._open)
        for address, (listener, scope) in opened.items():
            listening.start_soon(self._accept, listener, scope, connections)
            log.info("listening", address=endpoint(address, listener.getsockname()[1]))

    def close(self) -> None:
        """Close the listeners, also those that nobody was let in through yet."""
        for listener, _ in self._open.values():
            listener.close()

    async def stop(self) -> None:
        """End all connections, those that are being answered when they are answered."""
        await self._context.terminated.set()
        for guest in self.connections:
            guest.stop()

    async def _accept(self, listener: socket.socket, scope: trio.CancelScope, connections: trio.Nursery) -> None:
        plain = trio.SocketListener(trio.socket.from_stdlib_socket(listener))
        with scope:
            if self._begin is not None:
                await self._begin.wait()
            await trio.serve_listeners(self._receive, [plain], handler_nursery=connections)

    async def _receive(self, accepted: trio.SocketStream) -> None:
        await self.receive(Plain(accepted, self.turns))

    async def receive(self, plain: Plain) -> None:
        """Let one connection in, or not. Nothing that happens to it reaches the others."""
        try:
            peer = parse_socket_addr(plain.socket.family, plain.socket.getpeername())
            here = parse_socket_addr(plain.socket.family, plain.socket.getsockname())
        except OSError:
            # It has left already.
            peer = here = None
        if peer is None or here is None:
            await trio.aclose_forcefully(plain)
            return
        if not _welcome(peer[0]):
            self._stranger.warn(peer=peer[0])
            await trio.aclose_forcefully(plain)
            return
        if not self._arrivals.admit(peer[0]):
            cure = "keep connections open, raise [limits] requests_per_minute or burst, or find out who opens so many"
            self._hasty.warn(last_peer=peer[0], cure=cure)
            await trio.aclose_forcefully(plain)
            return
        guest = Guest(peer[0])
        if not self.connections.enter(guest):
            cure = "raise [limits] max_connections or connections_per_address, or find out who opens so many"
            self._full.warn(last_peer=peer[0], open=len(self.connections), cure=cure)
            await trio.aclose_forcefully(plain)
            return
        try:
            with guest.scope:
                await self._converse(plain, guest, peer, here)
        except* OSError:
            pass
        except* Exception as faults:  # noqa: BLE001 - one connection's fault must not reach the others
            log.warning("connection ended by a fault", peer=peer[0], faults=_leaves(faults))
        finally:
            self.connections.leave(guest)
            await trio.aclose_forcefully(plain)

    async def _converse(self, plain: Plain, guest: Guest, peer: tuple[str, int], here: tuple[str, int]) -> None:
        try:
            stream = await shake_hands(plain, self._tls.context, self._config.limits)
        except HandshakeError as error:
            log.debug("handshake failed", peer=peer[0], reason=str(error))
            return
        connection = guest.connection = Connection(
            self._app,
            self._config,
            self._context,
            stream,
            peer=peer,
            here=here,
            admission=self.connections,
            guest=guest,
            turns=self.turns,
        )
        try:
            await connection.run()
        finally:
            # What refers to itself stays in memory, with its part of OpenSSL, until the collector looks at everything,
            # which it seldom does.
            guest.connection = None
            connection.protocol.let_go()


def _leaves(group: BaseExceptionGroup) -> list[str]:
    """The faults themselves, however they are nested."""
    found: list[str] = []
    for fault in group.exceptions:
        found.extend(_leaves(fault) if isinstance(fault, BaseExceptionGroup) else [repr(fault)])
    return found


def _welcome(address: str) -> bool:
    try:
        return is_private_peer(address)
    except ValueError:
        # A zone (fe80::1%eth0) is part of link-local addresses only.
        return False
