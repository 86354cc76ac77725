"""Somebody who means no good: how he reaches the gateway, and what he says again and again."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field

Once = Callable[["Target"], None]

HEALTH = b"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n"
UPGRADE = (
    b"GET /_test/echo HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
RPC = b"POST /api/v1/rpc HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@dataclass
class Target:
    """Whom it is done to.

    Attributes:
        port: of the gateway, on 127.0.0.1.
        trust: its certificate authority.
        token: of an operator, where one is in on it.
        end: when it is over, on the monotonic clock.
        kept: connections that are held on to.
        faults: what must not be answered, and was.
    """

    port: int
    trust: ssl.SSLContext
    token: str
    end: float
    kept: list[socket.socket] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def over(self) -> bool:
        return time.monotonic() >= self.end

    def plain(self, source: str = "127.0.0.1") -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=5, source_address=(source, 0))

    def tls(self, source: str = "127.0.0.1") -> ssl.SSLSocket:
        plain = self.plain(source)
        try:
            return self.trust.wrap_socket(plain, server_hostname="localhost")
        except BaseException:
            plain.close()
            raise

    def said(self, *pieces: bytes) -> None:
        """Say this on a connection of its own, and take what comes until the end or a second of silence."""
        with self.tls() as stream:
            stream.settimeout(1)
            for piece in pieces:
                stream.sendall(piece)
            while stream.recv(65536):
                pass

    def called(self, body: bytes, times: int = 100, token: str = "") -> None:
        """Call this over and over on one connection."""
        who = b"Authorization: Bearer %b\r\n" % token.encode() if token else b""
        request = RPC + who + b"Content-Length: %d\r\n\r\n" % len(body) + body
        with self.tls() as stream:
            for _ in range(times):
                stream.sendall(request)
                if not answer(stream) or self.over:
                    return


def answer(stream: ssl.SSLSocket) -> bytes:
    """One answer; empty where the connection ended instead."""
    received = b""
    while b"\r\n\r\n" not in received:
        piece = stream.recv(65536)
        if not piece:
            return b""
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    lengths = [int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    while lengths and len(body) < lengths[0]:
        piece = stream.recv(65536)
        if not piece:
            return b""
        body += piece
    return head + body
