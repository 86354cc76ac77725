"""A TCP connection with as little as possible between us and the kernel."""

from __future__ import annotations

import select
import socket
from typing import Protocol

import trio

# What is received at once, at most: two full TLS records.
CHUNK = 32 * 1024


class Turns(Protocol):
    """Says whose turn it is, where many have something for us."""

    async def take(self) -> None:
        """Wait for a turn."""


class Plain(trio.abc.HalfCloseableStream):
    """A stream of bytes over a socket that trio has opened.

    It differs from trio's own in two ways. It waits first and receives then, so that every ``receive_some`` lets
    others run, and none asks the kernel in vain. What the kernel takes at once is sent without a pass of the loop: who
    answers what was received has had one.

    Args:
        opened: the connection; it is taken over and must not be used any more.
        turns: each time something has come, it is received when it is this connection's turn; None: at once.
    """

    def __init__(self, opened: trio.SocketStream, turns: Turns | None = None) -> None:
        self._turns = turns
        old = opened.socket
        self.socket = socket.socket(old.family, old.type, old.proto, fileno=old.detach())
        self.socket.setblocking(False)

    @property
    def quiet(self) -> bool:
        """Whether nothing has come that was not received, no end and no loss either."""
        look = select.poll()
        look.register(self.socket, select.POLLIN)
        return not look.poll(0)

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Wait for something to come; empty at the end.

        Raises:
            BrokenResourceError: the connection is lost.
            ClosedResourceError: it was closed here.
        """
        while True:
            self._check_open()
            await trio.lowlevel.wait_readable(self.socket)
            if self._turns is not None:
                await self._turns.take()
            self._check_open()
            try:
                return self.socket.recv(max_bytes or CHUNK)
            except BlockingIOError:
                continue
            except OSError as error:
                self._check_open()
                raise trio.BrokenResourceError(f"connection lost: {error}") from error

    def send_now(self, data: bytes | memoryview) -> int:
        """Send what the kernel takes without waiting; returns how many bytes that are. Raises as ``receive_some``."""
        try:
            return self.socket.send(data)
        except BlockingIOError:
            return 0
        except OSError as error:
            self._check_open()
            raise trio.BrokenResourceError(f"connection lost: {error}") from error

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send all of it. Raises as ``receive_some``."""
        with memoryview(data) as view:
            sent = self.send_now(view)
            while sent < len(view):
                await self.wait_send_all_might_not_block()
                with view[sent:] as rest:
                    sent += self.send_now(rest)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the kernel takes more. Raises ``ClosedResourceError``."""
        self._check_open()
        await trio.lowlevel.wait_writable(self.socket)

    async def send_eof(self) -> None:
        """Say that nothing more comes. Raises as ``receive_some``."""
        await trio.lowlevel.checkpoint()
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            self._check_open()
            raise trio.BrokenResourceError(f"connection lost: {error}") from error

    async def aclose(self) -> None:
        """Close it; who waits for it is told."""
        if self.socket.fileno() >= 0:
            trio.lowlevel.notify_closing(self.socket)
            self.socket.close()
        await trio.lowlevel.checkpoint()

    def _check_open(self) -> None:
        if self.socket.fileno() < 0:
            raise trio.ClosedResourceError
