"""An output that may stand still without whoever writes to it standing still as well."""

from __future__ import annotations

import atexit
import os
import select
import signal
import threading
from collections import deque
from collections.abc import Callable
from typing import TextIO

# Letters that wait for a reader that has stopped; what comes beyond them is lost.
ROOM = 262_144
# Seconds in which the rest is still taken at the end of the process.
PATIENCE_S = 0.5


class Outlet:
    """Writes to a descriptor from a thread of its own: a call returns at once, whoever reads.

    A pipe whose reader has stopped takes a short write and blocks in a long one, a terminal blocks after Ctrl-S, a
    file while its disk is busy, and the descriptor cannot be made non-blocking: other programs share it. Lines are
    polled by the thread that calls this.

    Args:
        stream: where to; it stays open as long as the process runs. What it has buffered is not waited for.
        lost: says that so many lines were lost; the second argument is the line before which that stands.

    Raises:
        OSError: the stream has no descriptor.
    """

    def __init__(self, stream: TextIO, lost: Callable[[int, str], str]) -> None:
        self._descriptor = stream.fileno()
        self._encoding, self._errors = stream.encoding, stream.errors or "strict"
        self._say_lost = lost
        # Reentrant, as a warning that comes up in here is logged as well.
        self._changed = threading.Condition(threading.RLock())
        # Each with the number of lines that were lost before it.
        self._waiting: deque[tuple[int, str]] = deque()
        self._size = 0
        self._lost = 0
        self._thread: threading.Thread | None = None

    def put(self, line: str) -> None:
        """Have a line written, or lose it where too many wait already."""
        with self._changed:
            if self._size and self._size + len(line) > ROOM:
                self._lost += 1
                return
            self._waiting.append((self._lost, line))
            self._size += max(len(line), 1)
            self._lost = 0
            if self._thread is None:
                self._thread = self._start()
            self._changed.notify_all()

    def drain(self, seconds: float = PATIENCE_S) -> bool:
        """Wait until everything is written, but not longer than this; returns whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._size, seconds)

    def _start(self) -> threading.Thread:
        # A process does not wait for a daemon at its end: one that is stuck would keep it.
        thread = threading.Thread(target=self._write_on, name="log", daemon=True)
        # Signals are for the thread that waits for them; whoever lets them through is given one, and they end us.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            thread.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        atexit.register(self.drain)
        return thread

    def _write_on(self) -> None:
        refused = 0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                lost, line = self._waiting[0]
            lost += refused
            lines = [self._say_lost(lost, line), line] if lost else [line]
            text = "".join(f"{each}\n" for each in lines)
            # A disk that is full, or a reader that has left.
            refused = 0 if self._write(text.encode(self._encoding, self._errors)) else lost + 1
            with self._changed:
                self._waiting.popleft()
                self._size -= max(len(line), 1)
                self._changed.notify_all()

    def _write(self, data: bytes) -> bool:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:
                # Somebody we share it with has made it non-blocking.
                room = select.poll()
                room.register(self._descriptor, select.POLLOUT)
                room.poll()
            except OSError:
                return False
        return True
