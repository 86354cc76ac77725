"""Stands between the gateway and a Modbus TCP device, and knows when each block was last answered."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable

# Transaction, protocol and length (Modbus Messaging on TCP/IP, 3.1.3); what follows is unit, function and data.
_HEADER = 6
Block = bytes


class Tap:
    """One connection at a time is passed on, both ways.

    Attributes:
        port: where the gateway finds the device.
    """

    def __init__(self, device: int) -> None:
        self._device = device
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._asked: list[Block] = []
        self._last: dict[Block, float] = {}
        self._answers: dict[Block, int] = {}
        self._worst: dict[Block, float] = {}
        threading.Thread(target=self._serve, daemon=True).start()

    def forget(self) -> None:
        """Begin to measure anew."""
        with self._lock:
            self._worst.clear()

    def worst(self) -> float:
        """Seconds to which the oldest reading came before the next replaced it, of the blocks that are asked most.

        A block that is answered no more is the worst of all.
        """
        now = time.monotonic()
        with self._lock:
            most = max(self._answers.values(), default=0)
            return max(
                (
                    max(self._worst.get(block, 0.0), now - self._last[block])
                    for block, answers in self._answers.items()
                    if 2 * answers > most
                ),
                default=0.0,
            )

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._device))
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._pass, args=(near, far, self._note_request), daemon=True).start()
            threading.Thread(target=self._pass, args=(far, near, self._note_answer), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, note: Callable[[bytes], None]) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(4096):
                note(data)
                target.sendall(data)
        with contextlib.suppress(OSError):
            # The other thread closes its source when this ends it.
            target.shutdown(socket.SHUT_RDWR)
        source.close()

    def _note_request(self, data: bytes) -> None:
        # The gateway asks one thing at a time.
        with self._lock:
            self._asked = [data[_HEADER:]]

    def _note_answer(self, _: bytes) -> None:
        now = time.monotonic()
        with self._lock:
            for block in self._asked:
                age = now - self._last.get(block, now)
                self._worst[block] = max(self._worst.get(block, 0.0), age)
                self._last[block] = now
                self._answers[block] = self._answers.get(block, 0) + 1
            self._asked = []

    def close(self) -> None:
        self._listener.close()
