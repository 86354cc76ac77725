"""Real processes in real sandboxes: a plugin is a piece of Python, and what it found out it says in its log."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio

from gateway.core.supervise import Lives
from gateway.plugins.host.ground import Ground
from gateway.plugins.host.instance import Instance
from gateway.plugins.host.process import ProcessRunner, Running
from gateway.plugins.host.sandbox import MEBI, Bounds, Means, Sandbox
from gateway.plugins.host.states import Health, State, Timing
from gateway.plugins.host.surroundings import Surroundings
from gateway.plugins.host.usage import descendants

from .fakes import WALL, FakeGateway, spec

# Generous: two cores may be shared with much else. Nothing waits for it that does not fail.
PATIENCE_S = 60.0
TIMING = Timing(
    initialize=PATIENCE_S,
    health_every=0.3,
    health_within=PATIENCE_S,
    configure=PATIENCE_S,
    shutdown=PATIENCE_S,
    terminate=PATIENCE_S,
    measure_every=0.2,
    lives=Lives(pause=PATIENCE_S),
)
# What every plugin of these tests begins with: it answers, and does `work` once it is active.
PRELUDE = """
import json, os, socket, subprocess, sys, threading, time

lock = threading.Lock()


def send(**message):
    with lock:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\\n")
        sys.stdout.flush()


def say(*words):
    send(method="log", params={"message": " ".join(map(str, words))})


def tried(what):
    try:
        return what()
    except BaseException as error:
        return type(error).__name__


def main(work=lambda: None, ends=True):
    begun = False
    for line in sys.stdin:
        asked = json.loads(line)
        if "method" not in asked or "id" not in asked:
            continue
        send(id=asked["id"], result={"status": "healthy"})
        if asked["method"] == "health" and not begun:
            begun = True
            threading.Thread(target=work, daemon=True).start()
        if asked["method"] == "shutdown" and ends:
            os._exit(0)
"""


class RememberingRunner(ProcessRunner):
    """Remembers whom it started."""

    def __init__(self, means: Means) -> None:
        super().__init__(means)
        self.running: list[Running] = []

    async def start(self, sandbox: Sandbox) -> Running:
        running = await super().start(sandbox)
        self.running.append(running)
        return running


@dataclass
class Site:
    gateway: FakeGateway
    instance: Instance
    runner: RememberingRunner
    user: int | None
    data: Path
    seen: set[int] = field(default_factory=set)

    def look(self) -> None:
        """Remember every process there is of it."""
        for running in self.runner.running:
            self.seen |= {pid for pid, _ in descendants(getattr(running, "pid"))}  # noqa: B009 - of a real one only

    def left(self) -> set[int]:
        """Processes of it that still run."""
        if self.user is None:
            return {pid for pid in self.seen if _alive(pid)}
        return {int(place.name) for place in Path("/proc").iterdir() if place.name.isdecimal() and self._mine(place)}

    def _mine(self, place: Path) -> bool:
        with suppress(OSError):
            return place.stat().st_uid == self.user and _alive(int(place.name))
        return False

    async def says(self, start: str) -> str:
        """The first line of its log that starts so."""
        with trio.fail_after(PATIENCE_S):
            while True:
                self.look()
                for note in self.instance.notes.last():
                    if note.text.startswith(start):
                        return note.text
                await trio.sleep(0.02)

    async def empties(self) -> None:
        """Wait until nothing of it runs."""
        with trio.fail_after(PATIENCE_S):
            while self.left():  # noqa: ASYNC110 - the kernel sets no event
                await trio.sleep(0.02)

    async def weighs(self, tasks: int) -> None:
        """Wait until so many tasks of it were seen."""
        with trio.fail_after(PATIENCE_S):
            while (usage := self.instance.report().usage) is None or usage.tasks < tasks:  # noqa: ASYNC110 - no event
                await trio.sleep(0.02)

    async def health(self, wanted: Health) -> None:
        """Wait until it says so of itself."""
        with trio.fail_after(PATIENCE_S):
            while self.instance.report().health is not wanted:  # noqa: ASYNC110 - the kernel sets no event
                await trio.sleep(0.02)

    async def falls(self) -> str:
        """Why it fell."""
        with trio.fail_after(PATIENCE_S):
            while self.instance.state is not State.ERROR:
                self.look()
                await trio.sleep(0.02)
        fall = self.instance.report().fall
        return "" if fall is None else fall.reason


@contextmanager
def open_place() -> Iterator[Path]:
    """A directory that users of plugins can pass."""
    place = Path(tempfile.mkdtemp(prefix="ferrule-test-"))
    place.chmod(0o755)
    try:
        yield place
    finally:
        shutil.rmtree(place)


@asynccontextmanager
async def site(means: Means, place: Path, code: str | Path, **changes: Any) -> AsyncIterator[Site]:
    """An active instance of a piece of code, or of a package; nothing of it is left afterwards."""
    timing = changes.pop("timing", TIMING)
    package = place / "package"
    if isinstance(code, Path):
        shutil.copytree(code, package)
    else:
        package.mkdir()
        (package / "main.py").write_text(PRELUDE + code)
    package.chmod(0o755)
    gateway, runner = FakeGateway(), RememberingRunner(means)
    gateway.values |= changes.pop("values", {})
    ground = Ground(place / "data", own_users=means.root)
    at = ground.prepare("scale-1")
    around = Surroundings(runner, gateway.services, gateway.tell, lambda: WALL, timing, lambda: 0.5)
    members = {"package": package, "bounds": Bounds(memory=64 * MEBI, tasks=16), **changes}
    instance = Instance(spec(**members), at, around)
    found = Site(gateway, instance, runner, at.user, at.data)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(instance.run)
            with trio.fail_after(PATIENCE_S):
                await instance.activate(None)
            yield found
            found.look()
            with trio.fail_after(PATIENCE_S):
                await instance.deactivate(None)
            nursery.cancel_scope.cancel()
    finally:
        # As long as its user is ours: who claims it next may run as it.
        left = found.left()
        ground.close()
        assert left == set()


def _alive(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def resident() -> int:
    """Bytes this process takes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
