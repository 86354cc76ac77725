"""Processes live as long as they may, and not only as long as the thread that was lent to start them."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from gateway.plugins.host.spawning import Child, Spawner

pytestmark = pytest.mark.e2e

# Ends with its parent, as bubblewrap does; says so when it is set.
PROGRAM = """
import ctypes, time
ctypes.CDLL(None).prctl(1, 9)
print("ready", flush=True)
time.sleep(1000)
"""


@asynccontextmanager
async def child(spawner: Spawner, place: Path, code: str = PROGRAM) -> AsyncIterator[Child]:
    started = await spawner.spawn(
        ["/usr/bin/env", "python3", "-c", code],
        cwd=place,
        env={"PATH": os.environ["PATH"]},
        user=None,
        pass_fds=(),
    )
    try:
        yield started
    finally:
        started.kill()
        with trio.CancelScope(shield=True):
            await started.wait()
            for stream in (started.stdin, started.stdout, started.stderr):
                await stream.aclose()


async def test_all_are_started_by_one_thread_that_stays(tmp_path: Path) -> None:
    # Those of other tests in this process, which end once nothing points at them any more.
    others = set(threading.enumerate())
    spawner = Spawner()
    async with child(spawner, tmp_path) as one, child(spawner, tmp_path) as two:
        for started in (one, two):
            assert await started.stdout.receive_some() == b"ready\n"
        (thread,) = [thread for thread in set(threading.enumerate()) - others if thread.name == "spawner"]
        assert thread.daemon
        # Threads that trio lends end after ten seconds in which nobody wants them: so would all that was started there.
        await trio.sleep(11.5)
        assert (one.poll(), two.poll()) == (None, None)
        assert thread.is_alive()
        os.kill(one.pid, signal.SIGTERM)
        async with trio.open_nursery() as nursery:
            for _ in range(2):
                nursery.start_soon(one.wait)
        assert one.poll() == -signal.SIGTERM
    del one, two, started, spawner
    thread.join(10)
    assert not thread.is_alive()


async def test_what_cannot_be_started_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await Spawner().spawn([str(tmp_path / "none")], cwd=tmp_path, env={}, user=None, pass_fds=())
