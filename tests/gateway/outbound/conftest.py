from __future__ import annotations

import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
import trio

from gateway.api.server.certificates import make_authority, make_leaf

NAME = "receiver.test"
Stream = trio.SSLStream[trio.SocketStream]
Behaviour = Callable[[Stream], Awaitable[None]]


@dataclass(frozen=True)
class Certificates:
    """Of an authority, and of a server it vouches for."""

    place: Path
    ca: Path
    leaf: Path

    def context(self, leaf: Path | None = None) -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(leaf or self.leaf)
        return made


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    place = tmp_path_factory.mktemp("outbound")
    authority = make_authority("plant", time.time())
    leaf = make_leaf(authority.certificate, authority.key, [NAME, "127.0.0.1"], time.time())
    other = make_leaf(authority.certificate, authority.key, ["other.test"], time.time())
    stranger = make_authority("stranger", time.time())
    forged = make_leaf(stranger.certificate, stranger.key, [NAME], time.time())
    (place / "ca.pem").write_bytes(authority.certificate)
    (place / "leaf.pem").write_bytes(leaf.certificate + leaf.key)
    (place / "other.pem").write_bytes(other.certificate + other.key)
    (place / "forged.pem").write_bytes(forged.certificate + forged.key)
    return Certificates(place, place / "ca.pem", place / "leaf.pem")


@dataclass
class Server:
    """A server that does what a test says with each connection, and counts."""

    port: int
    connections: int = 0
    names: list[str | None] = field(default_factory=list)


Serve = Callable[..., AbstractAsyncContextManager[Server]]


@pytest.fixture
def serve(certificates: Certificates) -> Serve:
    @asynccontextmanager
    async def served(
        behaviour: Behaviour, *, context: ssl.SSLContext | None = None, plain: bool = False
    ) -> AsyncIterator[Server]:
        context = context or certificates.context()
        server = Server(0)
        context.sni_callback = lambda _socket, name, _context: server.names.append(name)

        async def connected(tcp: trio.SocketStream) -> None:
            server.connections += 1
            stream = tcp if plain else trio.SSLStream(tcp, context, server_side=True, https_compatible=True)
            try:
                await behaviour(stream)  # type: ignore[arg-type] # a plain stream has what is used
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                pass
            finally:
                await trio.aclose_forcefully(stream)

        async with trio.open_nursery() as nursery:
            [listener] = await nursery.start(partial(trio.serve_tcp, connected, 0, host="127.0.0.1"))
            server.port = listener.socket.getsockname()[1]
            yield server
            nursery.cancel_scope.cancel()

    return served
