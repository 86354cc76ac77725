"""The frames of one client on their way out: one write for all that wait, and none that waits for the client."""

from __future__ import annotations

from collections.abc import Callable

import trio

from gateway.api.asgi import Scope, Send
from gateway.api.server.websocket import BATCH

# Bytes that may wait beside the frames' number: a few long events must not take what many clients share.
MOST_BYTES = 1 << 20
# What goes out in one write, at most, unless a single frame is longer.
_PIECE = 64 * 1024


class Outgoing:
    """A bounded queue of frames, and the one task that sends them where they cannot be sent at once.

    Args:
        scope: of the connection; the server says in it how frames go out without waiting.
        send: of the application.
        nursery: where that task runs. It must not be cancelled, or half a frame is out.

    Attributes:
        gone: whether nothing that is sent arrives any more.
    """

    def __init__(self, scope: Scope, send: Send, nursery: trio.Nursery) -> None:
        direct = scope["extensions"][BATCH]
        self._offer: Callable[[bytes], bool] = direct["offer"]
        self._held_up: Callable[[], bool] = direct["held_up"]
        self.gone: Callable[[], bool] = direct["gone"]
        self._send = send
        self._nursery = nursery
        self._waiting: list[bytes] = []
        self._size = 0
        self._sending = False
        self._sent = trio.Event()

    def put(self, frame: bytes, most: int) -> bool:
        """Queue a frame; False: ``most`` frames wait already, or too many bytes."""
        if len(self._waiting) >= most or (self._waiting and self._size + len(frame) > MOST_BYTES):
            return False
        self.add(frame)
        return True

    def add(self, frame: bytes) -> None:
        """Queue a frame, whatever waits: for those who wait for ``room`` after some."""
        self._waiting.append(frame)
        self._size += len(frame)

    def flush(self) -> None:
        """Send what waits. It never waits itself."""
        if self._sending or not self._waiting:
            return
        if self._size <= _PIECE and self._offer(
            self._waiting[0] if len(self._waiting) == 1 else b"".join(self._waiting)
        ):
            self.drop()
            if not self._held_up():
                return
        self._sending, self._sent = True, trio.Event()
        self._nursery.start_soon(self._send_waiting)

    def drop(self) -> None:
        """Forget what waits."""
        self._waiting.clear()
        self._size = 0

    async def room(self) -> None:
        """Wait until nothing waits."""
        while self._sending:
            await self._sent.wait()

    async def _send_waiting(self) -> None:
        while True:
            # Nothing at all sends on what the kernel has not taken.
            await self._send({"type": BATCH, "frames": self._next_piece()})
            if not self._waiting:
                break
        self._sending = False
        self._sent.set()

    def _next_piece(self) -> bytes:
        count = size = 0
        for frame in self._waiting:
            if count and size + len(frame) > _PIECE:
                break
            count, size = count + 1, size + len(frame)
        piece = b"".join(self._waiting[:count])
        del self._waiting[:count]
        self._size -= size
        return piece
