"""Starts processes from one thread that lives as long as they may.

Processes that are to end with the gateway ask the kernel for a signal at the death of their parent, and for that the
parent is the thread that started them (prctl(2), PR_SET_PDEATHSIG). Threads that are lent for a moment end when they
have been idle for some seconds, and would take along what they started.
"""

from __future__ import annotations

import os
import subprocess
import threading
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import IO

import trio


class Child:
    """A process with three pipes.

    Args:
        popen: as it was started.
        by: what started it, which has to stay.
    """

    def __init__(self, popen: subprocess.Popen[bytes], by: Spawner) -> None:
        self._popen, self._by = popen, by
        self._told = os.pidfd_open(popen.pid)
        weakref.finalize(self, os.close, self._told)
        self._waiting = trio.Lock()
        self.stdin, self.stdout, self.stderr = (_stream(pipe) for pipe in (popen.stdin, popen.stdout, popen.stderr))
        # It shall not close them once more.
        popen.stdin = popen.stdout = popen.stderr = None

    @property
    def pid(self) -> int:
        """Its number."""
        return self._popen.pid

    def poll(self) -> int | None:
        """Its exit code; None: it has not ended."""
        return self._popen.poll()

    async def wait(self) -> int:
        """Its exit code, once it has ended."""
        async with self._waiting:
            while (code := self._popen.poll()) is None:
                await trio.lowlevel.wait_readable(self._told)
            return code

    def kill(self) -> None:
        """End it."""
        self._popen.kill()


class Spawner:
    """A thread that starts processes, from the first one on for as long as this lives."""

    def __init__(self) -> None:
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    async def spawn(
        self,
        words: Sequence[str],
        *,
        cwd: Path,
        env: dict[str, str],
        user: int | None,
        pass_fds: Sequence[int],
    ) -> Child:
        """Start a process that leads a session of its own.

        Args:
            words: its command line.
            cwd: where it begins.
            env: all its variables.
            user: number of its user and group; None: those of the gateway.
            pass_fds: descriptors it gets beside its three pipes.

        Raises:
            OSError: it does not start.
        """
        if self._thread is None:
            self._thread = threading.Thread(target=_start_them, args=(self._work,), name="spawner", daemon=True)
            self._thread.start()
            weakref.finalize(self, self._work.put, None)
        token, done = trio.lowlevel.current_trio_token(), trio.Event()
        found: list[subprocess.Popen[bytes] | OSError] = []

        def start() -> None:
            try:
                popen: subprocess.Popen[bytes] | OSError = subprocess.Popen(  # noqa: S603 - what a sandbox is made of
                    words,
                    bufsize=0,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    cwd=cwd,
                    env=env,
                    user=user,
                    group=user,
                    extra_groups=None if user is None else [],
                    umask=0o077,
                    start_new_session=True,
                    pass_fds=tuple(pass_fds),
                )
            except OSError as error:
                popen = error
            except Exception as error:  # noqa: BLE001 - subprocess tells of trouble in the child by other names, too
                popen = OSError(str(error))
            found.append(popen)
            with suppress(trio.RunFinishedError):
                token.run_sync_soon(done.set)

        self._work.put(start)
        # What was started is nobody's until it is taken.
        with trio.CancelScope(shield=True):
            await done.wait()
        (started,) = found
        if isinstance(started, OSError):
            raise started
        return Child(started, self)


def _start_them(work: SimpleQueue[Callable[[], None] | None]) -> None:
    while (start := work.get()) is not None:
        start()


def _stream(pipe: IO[bytes] | None) -> trio.lowlevel.FdStream:
    if pipe is None:
        raise AssertionError("it was started with three pipes")
    descriptor = os.dup(pipe.fileno())
    pipe.close()
    return trio.lowlevel.FdStream(descriptor)
