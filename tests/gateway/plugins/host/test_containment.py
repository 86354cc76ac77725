"""Plugins that mean harm beside a line that polls: no deadline is missed, nothing grows, no value is doubted."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trio

from gateway.core.reading import Quality
from gateway.core.supervise import Lives
from gateway.plugins.host.ground import INSTANCES
from gateway.plugins.host.sandbox import MEBI, Means
from gateway.plugins.host.states import State, Timing

from .hostile import PROGRAMS, TIGHT
from .real import PATIENCE_S, PRELUDE, resident
from .test_in_gateway import INPUTS, Site, site

pytestmark = pytest.mark.e2e

TAGS = (*INPUTS.values(), "bus/d1/set", "bus/d1/fixed")
POLL_S = 1.0
# What may be of a passing load of the machine, and what no plugin may ever cause: a step of the loop that holds up the
# lines for so long. Seconds of the processor, which no other program takes away.
LONGEST_STEP_S = 0.25
MOST_GROWTH = 30 * MEBI
TIMING = Timing(
    initialize=PATIENCE_S,
    health_every=1.0,
    health_within=2.0,
    shutdown=0.3,
    terminate=0.3,
    measure_every=0.3,
    cpu_window=3.0,
    lives=Lives(restarts=3, pause=PATIENCE_S),
)


@pytest.fixture(autouse=True)
def frozen() -> Iterator[None]:
    """As the gateway does when it has started: what tests before left here is looked through now, and not meanwhile."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@dataclass(eq=False)
class Steps(trio.abc.Instrument):
    """How much of the processor the loop takes from one look at its descriptors to the next.

    Attributes:
        longest: seconds of the processor.
        kept_off: seconds in which something else had it, in such a step: the machine has too much to do.
    """

    longest: float = 0.0
    kept_off: float = 0.0
    begun: tuple[float, float] = field(default_factory=lambda: (time.thread_time(), time.monotonic()))

    def after_io_wait(self, timeout: float) -> None:
        self.begun = time.thread_time(), time.monotonic()

    def before_io_wait(self, timeout: float) -> None:
        used, passed = time.thread_time() - self.begun[0], time.monotonic() - self.begun[1]
        self.longest, self.kept_off = max(self.longest, used), max(self.kept_off, passed - used)


@contextmanager
def watched() -> Iterator[Steps]:
    steps = Steps()
    trio.lowlevel.add_instrument(steps)
    try:
        yield steps
    finally:
        trio.lowlevel.remove_instrument(steps)


async def polled(on: Site, rounds: int) -> None:
    """Wait until every tag was read so often, and was good all along."""
    for _ in range(rounds):
        before = {name: acquired(on, name) for name in TAGS}
        with trio.fail_after(PATIENCE_S):
            while any(acquired(on, name) == before[name] for name in TAGS):
                await trio.sleep(0.02)
                for name in TAGS:
                    assert quality(on, name) is Quality.GOOD, name


def acquired(on: Site, name: str) -> float | None:
    reading = on.bench.store.read(name)
    return None if reading is None or reading.sample is None else reading.sample.acquired


def quality(on: Site, name: str) -> Quality | None:
    reading = on.bench.store.read(name)
    return None if reading is None else reading.quality


def processes(user: int) -> set[int]:
    """Processes of a user."""
    found = set()
    for place in Path("/proc").iterdir():
        if place.name.isdecimal():
            try:
                state = (place / "stat").read_text().rpartition(")")[2].split()[0]
                if place.stat().st_uid == user and state != "Z":
                    found.add(int(place.name))
            except OSError:
                continue
    return found


@pytest.mark.parametrize("name", PROGRAMS)
async def test_what_it_does_touches_no_line(name: str, means: Means, place: Path) -> None:
    program = PROGRAMS[name]
    package = place / "hostile"
    package.mkdir()
    (package / "main.py").write_text(PRELUDE + program.code)
    async with site(place, poll=POLL_S, timing=TIMING) as on:
        for tag in TAGS:
            await on.reads(lambda reading: reading.quality is Quality.GOOD, tag)
        missed, size = sum(on.bench.field.missed_deadlines().values()), resident()
        with watched() as steps:
            instance = await on.start(package, permissions=program.permissions, bounds=TIGHT)
            await on.says(instance, "begun")
            await polled(on, 2)
            report = instance.report()
        if steps.kept_off < POLL_S / 4:
            assert sum(on.bench.field.missed_deadlines().values()) == missed
        assert steps.longest < LONGEST_STEP_S
        assert resident() - size < MOST_GROWTH
        assert len(instance.notes.last()) <= 200
        if report.state is not State.ACTIVE:
            assert report.fall is not None
            assert report.fall.reason in program.falls
        user = (on.place / "state" / INSTANCES / "heat-1").stat().st_uid
        # It goes when it is told to, with all it left behind.
        with trio.fail_after(PATIENCE_S):
            await on.hosting.host.remove("heat-1", None)
        assert list((on.place / "state" / INSTANCES).iterdir()) == []
        if means.root:
            # As long as its user is ours: who claims it next may run as it.
            assert processes(user) == set()
