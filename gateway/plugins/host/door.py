"""The way to units of systemd that are made for plugins: one connection, one plugin (decision 23)."""

from __future__ import annotations

import array
import json
import os
import select
import signal
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import trio

from gateway.plugins.host.passage import LONGEST, Answer, PassageError, Question, answer_of, encode
from gateway.plugins.host.sandbox import Means, Sandbox

# Where ferrule-plugin.socket listens.
DOOR = Path("/run/ferrule-plugin/door")
# Seconds a unit may take to answer: on a slow board Python alone takes some.
_PATIENCE_S = 30.0
# Seconds for the last words of bubblewrap, once it has ended.
_LAST_WORDS_S = 2.0
_SHORT = 4096


async def means_behind(door: Path) -> Means | None:
    """What there is behind the door; None: there is no door, or none for this user."""
    if not os.access(door, os.W_OK):
        return None
    try:
        answer, _ = await _ask(door, Question(), ())
    except OSError as error:
        return Means(why=f"{door}: {error}")
    if answer.means is None:
        return Means(why=f"{door}: {answer.error}")
    return replace(answer.means, door=door)


async def _ask(door: Path, question: Question, descriptors: Sequence[int]) -> tuple[Answer, list[int]]:
    """Say one thing through the door, and hear what is answered.

    Raises:
        OSError: nobody answers, or not as it should.
    """
    received = array.array("i")
    with trio.socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection, trio.move_on_after(_PATIENCE_S):
        await connection.connect(os.fspath(door))
        passed = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        await connection.sendmsg([encode(question)], passed)
        answer, ancillary, _, _ = await connection.recvmsg(LONGEST, socket.CMSG_SPACE(received.itemsize))
        for level, kind, data in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                received.frombytes(data[: len(data) - len(data) % received.itemsize])
        if not answer:
            raise ConnectionError("the unit ended without a word; its journal says why")
        try:
            return answer_of(answer), list(received)
        except PassageError as error:
            for one in received:
                os.close(one)
            raise OSError(f"{door}: {error}") from None
    raise TimeoutError(f"{door}: no answer within {_PATIENCE_S:g} s")


async def start_unit(door: Path, sandbox: Sandbox, means: Means) -> UnitProcess:
    """Have systemd start an instance.

    Raises:
        OSError: it does not start.
    """
    ours: list[int] = []
    theirs: list[int] = []
    try:
        for reads in (True, False, False, False):
            read, write = os.pipe2(os.O_CLOEXEC)
            theirs.append(read if reads else write)
            ours.append(write if reads else read)
        answer, received = await _ask(door, Question(sandbox, means.nested, means.closes), theirs)
        if answer.pid is None or len(received) != 1:
            raise OSError(f"{door}: {answer.error}")
    except BaseException:
        for one in ours:
            os.close(one)
        raise
    finally:
        for one in theirs:
            os.close(one)
    stdin, stdout, stderr, told = ours
    return UnitProcess(answer.pid, received[0], stdin=stdin, stdout=stdout, stderr=stderr, told=told)


class UnitProcess:
    """Bubblewrap in a unit of its own: no child of ours, so that it is known by a descriptor.

    Args:
        pid: its number.
        itself: a descriptor of it (pidfd), readable once it has ended.
        stdin, stdout, stderr: our ends of its streams.
        told: where it tells its state, as ``--json-status-fd`` of bwrap(1) has it.
    """

    def __init__(self, pid: int, itself: int, *, stdin: int, stdout: int, stderr: int, told: int) -> None:
        self.pid = pid
        self.stdin = trio.lowlevel.FdStream(stdin)
        self.stdout = trio.lowlevel.FdStream(stdout)
        self.stderr = trio.lowlevel.FdStream(stderr)
        self._itself = itself
        self._told = trio.lowlevel.FdStream(told)
        self._text = b""
        self._code: int | None = None
        self._waiting = trio.Lock()

    async def first(self) -> bytes:
        """What it says of the first process in its sandbox; nothing, where it has none."""
        while b"\n" not in self._text and (more := await self._told.receive_some(_SHORT)):
            self._text += more
        return self._text.partition(b"\n")[0]

    def poll(self) -> int | None:
        """Its exit code, if that is known; 0 where it has just ended."""
        if self._code is not None:
            return self._code
        looking = select.poll()
        looking.register(self._itself, select.POLLIN)
        return 0 if looking.poll(0) else None

    async def wait(self) -> int:
        """Its exit code, once it has ended."""
        async with self._waiting:
            if self._code is None:
                await trio.lowlevel.wait_readable(self._itself)
                with trio.move_on_after(_LAST_WORDS_S, shield=True), suppress(trio.BrokenResourceError):
                    while more := await self._told.receive_some(_SHORT):
                        self._text += more
                self._code = _exit_code(self._text)
                os.close(self._itself)
                await trio.aclose_forcefully(self._told)
        return self._code

    def kill(self) -> None:
        """End it; what is in its sandbox ends with it."""
        if self._code is None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._itself, signal.SIGKILL)


def _exit_code(text: bytes) -> int:
    for line in reversed(text.splitlines()):
        with suppress(ValueError, KeyError, TypeError):
            code = int(json.loads(line)["exit-code"])
            # As shells have it, so has bubblewrap: a signal and 128.
            return 128 - code if code > 128 else code
    # It was killed before it could tell.
    return -signal.SIGKILL
