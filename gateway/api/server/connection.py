"""One connection of a caller: hypercorn's parts, with the holes closed that a stranger could reach.

Stock hypercorn 0.18 lets one connection without a token end the whole process, leaves tasks behind when an answer
is sent before the request is read, and waits for ever for a caller who does not read. Each of these is replayed in
tests/gateway/api/test_attacks.py.
"""

from __future__ import annotations

import http
from collections.abc import Awaitable, Callable
from typing import Any

import h11
import structlog
import trio
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.events import Response
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.trio.task_group import TaskGroup
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.typing import (
    AppWrapper,
    ASGIReceiveEvent,
    ASGISendEvent,
    ConnectionState,
    H11SendableEvent,
    Scope,
)
from hypercorn.utils import parse_socket_addr

from gateway.core.network import is_private_peer

log = structlog.stdlib.get_logger(__name__)

# Seconds a caller may take to accept what we send.
WRITE_DEADLINE = 30.0

_REASONS = {status.value: status.phrase.encode() for status in http.HTTPStatus}


class ServerConfig(Config):
    """Hypercorn's settings as this gateway wants them. The log is ours, and HTTP/1.1 is all there is."""

    alpn_protocols = ["http/1.1"]  # noqa: RUF012 - an override of the base's class attribute
    accesslog = None
    errorlog = None
    include_server_header = False
    ssl_handshake_timeout = 10.0
    # Also the time a caller has for the header of a request.
    keep_alive_timeout = 30.0
    h11_max_incomplete_size = 16 * 1024
    websocket_max_message_size = 64 * 1024


class Requests(TaskGroup):
    """Runs the application for each request, and never waits for it when it has stopped listening."""

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


class Http1(H11Protocol):
    """HTTP/1.1 of one connection, an answer in one piece."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._held = b""

    async def _check_protocol(self, event: h11.Request) -> None:
        """Nothing switches to HTTP/2: neither its preface nor ``Upgrade: h2c``."""

    async def stream_send(self, event: StreamEvent) -> None:
        """Send a piece of an answer; unlike stock code, with a reason phrase, which some clients insist on."""
        if isinstance(event, Response) and event.status_code >= 200:
            headers = [*event.headers, *self.config.response_headers("h11")]
            reason = _REASONS.get(event.status_code, b"")
            await self._send_h11_event(h11.Response(status_code=event.status_code, headers=headers, reason=reason))
        else:
            await super().stream_send(event)

    async def _send_h11_event(self, event: H11SendableEvent) -> None:
        """Hold the header back until the first piece of the body: one TLS record and one system call less."""
        try:
            data = self.connection.send(event) or b""
        except h11.LocalProtocolError:
            if self.connection.their_state is not h11.ERROR:
                raise
            return
        if isinstance(event, h11.Response):
            self._held = data
            return
        data, self._held = self._held + data, b""
        if data:
            await self.send(RawData(data=data))


class Connection(TCPServer):
    """One accepted connection, from the peer gate to its end."""

    async def run(self) -> None:
        """Serve it. Whatever happens in here, the server goes on; who accepted the connection closes it at last."""
        try:
            await self._serve()
        except* OSError:
            pass
        except* Exception as faults:  # noqa: BLE001 - one connection's fault must not reach the others
            log.warning("connection ended by a fault", faults=[repr(fault) for fault in faults.exceptions])

    async def _serve(self) -> None:
        plain = self.stream.transport_stream
        peer = parse_socket_addr(plain.socket.family, plain.socket.getpeername())
        here = parse_socket_addr(plain.socket.family, plain.socket.getsockname())
        if peer is None or not _welcome(peer[0]):
            log.warning("peer refused: not a private address", peer=peer and peer[0])
            await trio.aclose_forcefully(self.stream)
            return
        try:
            with trio.fail_after(self.config.ssl_handshake_timeout):
                await self.stream.do_handshake()
        except (trio.BrokenResourceError, trio.TooSlowError):
            await trio.aclose_forcefully(self.stream)
            return
        async with Requests() as requests:
            self._task_group = requests
            self.protocol = Http1(  # type: ignore[assignment] # the base's wrapper only chooses between 1.1 and 2
                self.app,
                self.config,
                self.context,
                requests,
                ConnectionState(self.state),
                True,
                peer,
                here,
                self.protocol_send,
            )
            await self.protocol.initiate()
            await self.idle_task.restart(requests, self._idle_timeout)
            await self._read_data()
        await self._close()

    async def protocol_send(self, event: Event) -> None:
        """Send bytes within the write deadline; a caller who does not take them is cut off."""
        if not isinstance(event, RawData):
            await super().protocol_send(event)
            return
        async with self.send_lock:
            try:
                with trio.fail_after(WRITE_DEADLINE):
                    await self.stream.send_all(event.data)
            except (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError):
                await trio.aclose_forcefully(self.stream)
                await self.protocol.handle(Closed())
            except trio.Cancelled:
                # Half a record may be out: nothing sensible can follow on this connection.
                await trio.aclose_forcefully(self.stream)
                raise


def _welcome(address: str) -> bool:
    try:
        return is_private_peer(address)
    except ValueError:
        # A zone (fe80::1%eth0) is part of link-local addresses only.
        return False
