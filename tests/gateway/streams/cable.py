"""Both ends of a TLS connection in memory: ours over a cable that a test cuts, splits and blocks as it likes."""

from __future__ import annotations

import contextlib
import math
import ssl
from collections import deque
from typing import cast

import trio
import trio.testing
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from gateway.streams.encrypted import Encrypted
from gateway.streams.plain import Plain


class Cable:
    """The server's transport.

    Attributes:
        coming: chunks the server will receive; an empty one is the end. Where there is none it waits.
        takes: how many bytes each send takes at once; where there is none left, everything.
        sent: what the server has sent.
        stuck: a send that waits never ends.
    """

    def __init__(self) -> None:
        self.coming: deque[bytes] = deque()
        self.takes: deque[int] = deque()
        self.sent = bytearray()
        self.stuck = False
        self.closed = False
        self._news = trio.Event()

    def bring(self, *chunks: bytes) -> None:
        self.coming.extend(chunks)
        self._news.set()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.lowlevel.checkpoint()
        while not self.coming:
            self._news = trio.Event()
            await self._news.wait()
        return self.coming.popleft()

    def send_now(self, data: bytes) -> int:
        taken = min(self.takes.popleft(), len(data)) if self.takes else len(data)
        self.sent += data[:taken]
        return taken

    async def send_all(self, data: bytes) -> None:
        sent = 0
        while sent < len(data):
            await trio.sleep(math.inf if self.stuck else 1)
            sent += self.send_now(data[sent:])

    async def aclose(self) -> None:
        self.closed = True
        await trio.lowlevel.checkpoint()


class Caller:
    """The other end: OpenSSL as a client, moved by hand."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.session = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")

    def shake(self) -> tuple[bytes, bool]:
        """Go on with the handshake; returns what is to be sent, and whether that was the end of it."""
        try:
            self.session.do_handshake()
        except ssl.SSLWantReadError:
            return self.outgoing.read(), False
        return self.outgoing.read(), True

    def seal(self, data: bytes) -> bytes:
        self.session.write(data)
        return self.outgoing.read()

    def end(self) -> bytes:
        """``close_notify``."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self.session.unwrap()
        return self.outgoing.read()

    def open(self, sealed: bytes) -> tuple[bytes, bool]:
        """What the server said, and whether it said that this was all."""
        self.incoming.write(sealed)
        found = b""
        try:
            while part := self.session.read(2**14):
                found += part
        except ssl.SSLWantReadError:
            return found, False
        except ssl.SSLZeroReturnError:
            pass
        return found, True


async def connect(
    server: ssl.SSLContext, client: ssl.SSLContext, write_time: float = 8.0, *, at_once: bytes = b""
) -> tuple[Encrypted, Cable, Caller]:
    """A connection after its handshake; ``at_once`` is sent together with the end of it."""
    cable, caller = Cable(), Caller(client)
    stream = Encrypted(cast("Plain", cable), server, write_time)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.do_handshake)
        over = False
        while not over:
            flight, over = caller.shake()
            cable.bring(flight + (caller.seal(at_once) if over and at_once else b""))
            await trio.testing.wait_all_tasks_blocked()
            caller.incoming.write(bytes(cable.sent))
            cable.sent.clear()
    return stream, cable, caller


class Forger:
    """Seals records that no TLS library would send (RFC 8446, 5.2 and 7.3).

    Args:
        secret: ``CLIENT_TRAFFIC_SECRET_0`` of a connection with TLS_AES_256_GCM_SHA384.
        number: of records that were sent under it before.
    """

    def __init__(self, secret: bytes, number: int = 0) -> None:
        self._key = AESGCM(_expand(secret, b"key", 32))
        self._iv = int.from_bytes(_expand(secret, b"iv", 12))
        self._number = number

    def seal(self, content: bytes, kind: int) -> bytes:
        """One record; ``kind``: 21 alert, 22 handshake, 23 data."""
        inner = content + bytes([kind])
        head = b"\x17\x03\x03" + (len(inner) + 16).to_bytes(2)
        nonce = (self._iv ^ self._number).to_bytes(12)
        self._number += 1
        return head + self._key.encrypt(nonce, inner, head)


def _expand(secret: bytes, label: bytes, length: int) -> bytes:
    name = b"tls13 " + label
    info = length.to_bytes(2) + bytes([len(name)]) + name + b"\0"
    return HKDFExpand(SHA384(), length, info).derive(secret)
