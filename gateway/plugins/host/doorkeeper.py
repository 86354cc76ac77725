"""What systemd starts for each plugin: it takes a sandbox through the door, and becomes it.

Run by ``ferrule-plugin@.service`` with the connection as standard input (decision 23). Nothing of it stays beside the
plugin: bubblewrap takes its place.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import sys
from dataclasses import replace
from pathlib import Path

from gateway.plugins.host.barrier import barrier_pipe
from gateway.plugins.host.command import NoRuntimeError, command
from gateway.plugins.host.passage import DESCRIPTORS, LONGEST, Answer, PassageError, Question, encode, question_of
from gateway.plugins.host.sandbox import Means, Protection, Sandbox

# As in probe.py, which is slow to import: programs are looked for where the sandbox shows them.
_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
# Seconds the gateway may take to ask.
_PATIENCE_S = 10.0
# Above those that get another meaning.
_FREE = 10
# Descriptors of bubblewrap after the three streams: where it tells its state, and reads which calls are closed.
_TOLD, _BARRIER = 3, 4


def main() -> int:
    """Take one question, and answer it."""
    door = socket.socket(fileno=os.dup(0))
    door.settimeout(_PATIENCE_S)
    try:
        text, descriptors, _, _ = socket.recv_fds(door, LONGEST, DESCRIPTORS)
        question = question_of(text, Path(os.environ["FERRULE_STATE"]))
        if question.start is None:
            door.send(encode(Answer(means=look())))
            return 0
        become(door, question.start, descriptors, question)
    except (PassageError, NoRuntimeError, OSError) as error:
        print(f"a plugin was not started: {error}", file=sys.stderr)  # noqa: T201 - the journal
        door.send(encode(Answer(error=str(error))))
        return 1
    return 0


def look() -> Means:
    """Find out what there is, in the very place where it will be used."""
    import trio  # noqa: PLC0415 - not for those who start

    from gateway.plugins.host.probe import find_means  # noqa: PLC0415 - the same

    return replace(trio.run(find_means), bounded=held(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")))


def held(membership: Path, tree: Path) -> frozenset[Protection]:
    """What the kernel really bounds for all processes of this unit: some kernels of boards leave it out."""
    found = {Protection.MEMORY_IN_ALL: "memory.max", Protection.CPU: "cpu.max"}
    try:
        own = next(line for line in membership.read_text().splitlines() if line.startswith("0::"))
    except (OSError, StopIteration):
        return frozenset()
    place = tree / own.removeprefix("0::").lstrip("/")
    return frozenset(protection for protection, name in found.items() if _is_set(place / name))


def _is_set(file: Path) -> bool:
    try:
        return not file.read_text().startswith("max")
    except OSError:
        return False


def become(door: socket.socket, sandbox: Sandbox, descriptors: list[int], question: Question) -> None:
    """Become bubblewrap with the plugin in it; returns only by raising.

    Raises:
        PassageError, NoRuntimeError, OSError: it does not start.
    """
    if len(descriptors) != DESCRIPTORS:
        raise PassageError("a sandbox comes with four descriptors")
    with barrier_pipe(closes=question.closes) as barrier:
        closed = () if barrier is None else (barrier,)
        words = command(
            sandbox, replace(_programs(), nested=question.nested), status=_TOLD, barrier=_BARRIER if closed else None
        )
        os.umask(0o077)
        os.chdir(sandbox.package)
        # First out of the way, then each to its place: a place may be where another one still is.
        moved = [fcntl.fcntl(one, fcntl.F_DUPFD_CLOEXEC, _FREE) for one in (*descriptors, *closed)]
        own = os.pidfd_open(os.getpid())
        socket.send_fds(door, [encode(Answer(pid=os.getpid()))], [own])
        for place, one in enumerate(moved):
            os.dup2(one, place)
        os.execve(words[0], words, {})  # noqa: S606 - what it is here for


def _programs() -> Means:
    def which(name: str) -> str | None:
        return shutil.which(name, path=_SYSTEM_PATH)

    bubblewrap = which("bwrap")
    if bubblewrap is None:
        raise PassageError("bubblewrap is not installed")
    return Means(
        bubblewrap=bubblewrap,
        prlimit=which("prlimit"),
        nice=which("nice"),
        python=which("python3"),
        node=which("node"),
    )


if __name__ == "__main__":
    sys.exit(main())
