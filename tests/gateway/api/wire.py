"""The real server over connections in memory, so that time-outs pass in virtual time."""

from __future__ import annotations

import socket
import ssl
from types import SimpleNamespace
from typing import cast

import trio
import trio.testing
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, Event, Request

from gateway.api.asgi import Application, Receive, Scope, Send
from gateway.api.server.serving import Server
from gateway.api.server.supplied import Supplied
from gateway.api.server.tls import ServerTls
from gateway.settings.model import LimitSettings, ServerSettings
from gateway.streams.plain import Plain
from tests.gateway.api.rig import Rig

Stream = trio.abc.Stream
Client = trio.SSLStream[Stream]


class End:
    """The server's end: a stream with the addresses of a socket."""

    def __init__(self, inner: trio.abc.HalfCloseableStream, peer: str) -> None:
        self._inner = inner
        self.socket = SimpleNamespace(
            family=socket.AF_INET, getpeername=lambda: (peer, 5000), getsockname=lambda: ("127.0.0.1", 3500)
        )

    async def receive_some(self, most: int | None = None) -> bytes | bytearray:
        return await self._inner.receive_some(most)

    def send_now(self, data: bytes) -> int:
        return 0

    async def send_all(self, data: bytes) -> None:
        await self._inner.send_all(data)

    async def send_eof(self) -> None:
        await self._inner.send_eof()

    async def aclose(self) -> None:
        await self._inner.aclose()


class Wire:
    """A server and its callers.

    Args:
        rig: the API behind it.
        nursery: in which connections are served.
        limits: of the server.
        app: another application.
    """

    def __init__(
        self,
        rig: Rig,
        nursery: trio.Nursery,
        limits: LimitSettings,
        app: Application | None = None,
        settings: ServerSettings | None = None,
    ) -> None:
        settings = settings or ServerSettings()
        self.rig = rig
        self.tls = ServerTls(rig.state, rig.board.timeline, "board", Supplied.of(settings))
        self.server = Server(app or rig.app, settings, self.tls, limits)
        self._nursery = nursery
        nursery.start_soon(self.server.turns.run)

    async def plug(self, peer: str = "10.0.0.9", *, lockstep: bool = False) -> Stream:
        """A connection on which nothing has been said yet. In lockstep, what is not read cannot be sent."""
        await self.tls.cover(["127.0.0.1"])
        ours: trio.abc.HalfCloseableStream
        theirs: trio.abc.HalfCloseableStream
        ours, theirs = trio.testing.lockstep_stream_pair() if lockstep else trio.testing.memory_stream_pair()
        end = cast("Plain", End(theirs, peer))
        self._nursery.start_soon(self.server.receive, end)
        return ours

    async def call(
        self, peer: str = "10.0.0.9", *, lockstep: bool = False, context: ssl.SSLContext | None = None
    ) -> Client:
        """A connection after its handshake."""
        plain = await self.plug(peer, lockstep=lockstep)
        stream = trio.SSLStream(
            plain, context or self.rig.trusting(), server_hostname="127.0.0.1", https_compatible=True
        )
        await stream.do_handshake()
        return stream

    async def websocket(self, path: str = "/", peer: str = "10.0.0.9", *, lockstep: bool = False) -> Socket:
        """A WebSocket that has been accepted."""
        found = Socket(await self.call(peer, lockstep=lockstep))
        await found.open(path)
        return found


class Socket:
    """The caller's end of a WebSocket, which answers nothing by itself."""

    def __init__(self, stream: Client) -> None:
        self.stream = stream
        self.wire = WSConnection(ConnectionType.CLIENT)
        self._events: list[Event] = []

    async def open(self, path: str) -> None:
        await self.send(Request(host="board", target=path))
        accepted = await self.receive()
        assert isinstance(accepted, AcceptConnection), accepted
        assert accepted.extensions == []

    async def send(self, event: Event) -> None:
        await self.stream.send_all(self.wire.send(event))

    async def receive(self) -> Event | None:
        """The next event, None when the server has closed the connection."""
        while not self._events:
            data = await self.stream.receive_some()
            if not data:
                return None
            self.wire.receive_data(bytes(data))
            self._events.extend(self.wire.events())
        return self._events.pop(0)


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Sends back what comes over a WebSocket."""
    assert scope["type"] == "websocket"
    await receive()
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": event["text"], "bytes": event["bytes"]})


async def rest(stream: trio.abc.ReceiveStream) -> bytes:
    """All that the server still says until it closes."""
    received = b""
    while chunk := await stream.receive_some():
        received += chunk
    return received
