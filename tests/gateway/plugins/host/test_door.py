"""The way to a plugin's unit, with a real process at its other end in the place of systemd."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from gateway.plugins.host.door import means_behind
from gateway.plugins.host.doorkeeper import held
from gateway.plugins.host.looking import LookingRunner
from gateway.plugins.host.passage import PassageError, Question, encode, question_of
from gateway.plugins.host.process import ProcessRunner, Running
from gateway.plugins.host.sandbox import Means, Protection, Runtime, Sandbox, missing
from gateway.plugins.host.usage import descendants

PATIENCE_S = 60.0


@contextmanager
def listening(state: Path) -> Iterator[tuple[Path, socket.socket]]:
    """The socket, as systemd has it."""
    door = state.parent / "door"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(door))
        listener.listen()
        yield door, listener


@asynccontextmanager
async def opened(state: Path) -> AsyncIterator[Path]:
    """A door: each connection is handed to a process of its own, as ``Accept=yes`` does."""
    started: list[subprocess.Popen[bytes]] = []
    environment = {**os.environ, "FERRULE_STATE": str(state)}

    async def accept(listener: trio.socket.SocketType) -> None:
        while True:
            connection, _ = await listener.accept()
            with connection:
                started.append(
                    subprocess.Popen(  # noqa: ASYNC220 - returns at once
                        [sys.executable, "-m", "gateway.plugins.host.doorkeeper"],
                        stdin=connection.fileno(),
                        stdout=subprocess.DEVNULL,
                        env=environment,
                    )
                )

    try:
        with listening(state) as (door, listener):
            async with trio.open_nursery() as nursery:
                with trio.socket.from_stdlib_socket(listener.dup()) as ours:
                    nursery.start_soon(accept, ours)
                    yield door
                    nursery.cancel_scope.cancel()
    finally:
        for process in started:
            process.kill()
            process.wait()


@pytest.fixture
def state(place: Path) -> Path:
    """A state directory with the package of a plugin and a place for its files."""
    state = place / "state"
    for name in ("package", "data"):
        (state / name).mkdir(parents=True)
    return state


def sandbox_in(state: Path, script: str) -> Sandbox:
    file = state / "package" / "run"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return Sandbox(
        instance="scale-1",
        runtime=Runtime.EXECUTABLE,
        command=("run",),
        package=state / "package",
        data=state / "data",
    )


def _runs(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


async def everything(running: Running) -> str:
    text = b""
    while more := await running.stdout.receive_some():
        text += more
    return text.decode()


async def test_an_instance_is_started_through_the_door(means: Means, state: Path) -> None:
    async with opened(state) as door:
        with trio.fail_after(PATIENCE_S):
            found = await means_behind(door)
            assert found is not None
            assert (found.bubblewrap, found.nested, found.door) == (means.bubblewrap, means.nested, door)
            running = await ProcessRunner(found).start(
                sandbox_in(state, 'read word; echo "$word from $(hostname)"; ls /; exit 7')
            )
            await running.stdin.send_all(b"hello\n")
            said = await everything(running)
            assert said.startswith("hello from plugin\n")
            # What it sees is what bubblewrap shows.
            assert "state" not in said
            assert await running.wait() == 7
            await running.destroy()


async def test_what_is_started_so_is_measured_and_ended_whole(means: Means, state: Path) -> None:
    async with opened(state) as door:
        with trio.fail_after(PATIENCE_S):
            found = await means_behind(door)
            assert found is not None
            script = "trap '' TERM; setsid sleep 1000 & echo begun; while :; do sleep 1000; done"
            running = await ProcessRunner(found).start(sandbox_in(state, script))
            assert await running.stdout.receive_some() == b"begun\n"
            usage = running.usage()
            assert usage is not None
            assert usage.tasks >= 4
            assert usage.memory > 0
            mine = descendants(getattr(running, "pid"))  # noqa: B009 - of a real one only
            running.terminate()
            await running.destroy()
            assert await running.wait() == -signal.SIGKILL
            assert not [pid for pid, _ in mine if _runs(pid)]


async def test_where_nobody_answers_it_is_said(state: Path) -> None:
    with listening(state) as (door, listener):
        assert await means_behind(state / "no-door") is None
        async with trio.open_nursery() as nursery:

            async def hang_up() -> None:
                connection, _ = await trio.to_thread.run_sync(listener.accept)
                connection.close()

            nursery.start_soon(hang_up)
            found = await means_behind(door)
        assert found is not None
        assert found.bubblewrap is None
        assert str(door) in (found.why or "")


async def test_the_door_is_used_where_there_is_one(means: Means, state: Path) -> None:
    told: list[Means] = []
    async with opened(state) as door:
        with trio.fail_after(PATIENCE_S):
            await LookingRunner(told.append, door).look()
        assert told[0].door == door
    await LookingRunner(told.append, state / "no-door").look()
    assert told[1].door is None


SANDBOX = Sandbox(
    instance="a", runtime=Runtime.PYTHON, command=("main.py",), package=Path("/state/p"), data=Path("/state/d")
)


@pytest.mark.parametrize(
    ("sandbox", "words"),
    [
        (replace(SANDBOX, package=Path("/etc")), "/etc does not lie in"),
        (replace(SANDBOX, data=Path("/state/../etc")), "does not lie in"),
        (replace(SANDBOX, data=Path("/state")), "does not lie in"),
        (replace(SANDBOX, user=1), "no user"),
        (replace(SANDBOX, command=()), "a file to run"),
    ],
)
def test_what_may_not_be_asked_for(sandbox: Sandbox, words: str) -> None:
    with pytest.raises(PassageError, match=words):
        question_of(encode(Question(sandbox)), Path("/state"))


@pytest.mark.parametrize("text", [b"", b"[]", b'{"run": "sh"}', b'{"start": {"instance": 1}}', b"\xff"])
def test_what_is_no_question(text: bytes) -> None:
    with pytest.raises(PassageError, match="no question"):
        question_of(text, Path("/state"))


def test_a_question_arrives_as_it_was_asked() -> None:
    sandbox = replace(SANDBOX, kit=Path("/kit"), network=True, environment={"A": "ä\n"})
    assert question_of(encode(Question(sandbox, nested=True)), Path("/state")) == Question(sandbox, nested=True)


def test_only_what_the_kernel_holds_is_promised(tmp_path: Path) -> None:
    unit = tmp_path / "tree" / "system.slice" / "a.service"
    unit.mkdir(parents=True)
    membership = tmp_path / "cgroup"
    membership.write_text("1:name=systemd:/x\n0::/system.slice/a.service\n")
    # A kernel without the controller for memory has no such file.
    assert held(membership, tmp_path / "tree") == set()
    (unit / "memory.max").write_text("max\n")
    (unit / "cpu.max").write_text("80000 100000\n")
    assert held(membership, tmp_path / "tree") == {Protection.CPU}
    (unit / "memory.max").write_text("301989888\n")
    bounded = held(membership, tmp_path / "tree")
    assert bounded == {Protection.CPU, Protection.MEMORY_IN_ALL}
    assert not bounded & set(missing(SANDBOX, Means(bounded=bounded)))
