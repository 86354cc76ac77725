"""Runs the plant for some virtual minutes and says what it saw."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import structlog
import trio
from trio.testing import MockClock

from gateway.core.tags import TagStore
from gateway.core.timeline import Timeline
from gateway.storage import Boot, Storage, StoreSettings, open_storage
from tests.sim import levers, weather
from tests.sim.callers import Caller
from tests.sim.ledger import Ledger
from tests.sim.livelock import LivelockGuard
from tests.sim.plant import Plant, draw
from tests.sim.reload import reload_lines
from tests.sim.site import Site, WallClock
from tests.sim.watch import Watch

CHANGES_QUEUE = 8192
WRITE_BUDGET = 40_000_000
MEMORY_ROWS = 12_000


@dataclass(frozen=True, slots=True)
class Report:
    """What a run saw.

    Attributes:
        digest: of every change and every outcome, in their order.
    """

    seed: int
    minutes: float
    real_s: float
    digest: str
    numbers: dict[str, float] = field(default_factory=dict)
    tally: dict[str, int] = field(default_factory=dict)


@contextmanager
def same_every_time(seed: int) -> Iterator[None]:
    """Let a seed decide what chance decides: trio's order of tasks, and the product's spread of pauses."""
    scheduler = trio._core._run
    before = scheduler._ALLOW_DETERMINISTIC_SCHEDULING
    scheduler._ALLOW_DETERMINISTIC_SCHEDULING = True  # type: ignore[misc]  # the switch pytest-trio turns as well
    scheduler._r.seed(seed)
    random.seed(seed)
    try:
        yield
    finally:
        scheduler._ALLOW_DETERMINISTIC_SCHEDULING = before  # type: ignore[misc]  # as it was
        scheduler._r.seed()
        random.seed()


@contextmanager
def heard_log() -> Iterator[list[str]]:
    """Swallow the product's log, but for what says that a part fell: that is a fault, whatever came of it."""
    falls: list[str] = []

    def hear(_logger: object, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        if method in {"error", "exception", "critical"}:
            falls.append(str(event))
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[hear], cache_logger_on_first_use=False)
    try:
        yield falls
    finally:
        structlog.configure(**before)


def simulate(seed: int, minutes: float, *, scale: float = 1.0, directory: Path | None = None) -> Report:
    """Run the plant.

    Raises:
        Violation: the product broke a promise; the text says which, when, and how to see it again.
    """
    began = time.perf_counter()
    with same_every_time(seed), heard_log() as falls, tempfile.TemporaryDirectory(dir=directory) as state:
        report = trio.run(
            _run, seed, minutes, draw(seed, scale), Path(state), falls, clock=MockClock(autojump_threshold=0)
        )
    return Report(seed, minutes, time.perf_counter() - began, *report)


async def _run(
    seed: int, minutes: float, plant: Plant, state: Path, falls: list[str]
) -> tuple[str, dict[str, float], dict[str, int]]:
    clock = WallClock()
    timeline = Timeline(trio.current_time, clock.now, clock.synchronised)
    # Small enough that it matters: some minutes of changes use up the head start of the day.
    settings = StoreSettings(ballast=0, write_budget=WRITE_BUDGET, memory_rows=MEMORY_ROWS)
    async with open_storage(
        state,
        settings=settings,
        monotonic=trio.current_time,
        wall=timeline.now,
        boot=Boot("simulated", trio.current_time),
        announce=lambda *_: None,
        inline=True,
    ) as storage:
        site = Site(seed, minutes, plant, clock, TagStore(trio.current_time, timeline), storage)
        ledger = Ledger(site, settings)
        callers = [Caller(site, line) for line in site.site_lines.values()]
        watch = Watch(site, callers, ledger.kept)
        guard = LivelockGuard(partial(site.broken, "the run"))
        trio.lowlevel.add_instrument(guard)
        with site.over:
            await _operate(site, watch, ledger, callers, timeline)
            await ledger.compare()
        if falls:
            site.broken("a part of the gateway", f"fell: {falls[0]}")
        if site.violation is None:
            watch.finish()
        if site.violation is not None:
            raise site.violation
    strict = [line for line in site.site_lines.values() if line.plan.sketch.strict]
    ages = [ratio for line in strict for ratio in line.worst.values()]
    numbers: dict[str, float] = {
        "tags": len(site.store),
        "devices": sum(len(line.members) for line in site.site_lines.values()),
        "changes": watch.changes,
        "readings verified": watch.readings,
        "exchanges": sum(line.exchanges for line in site.site_lines.values()),
        "history rows compared": ledger.rows,
        "bytes written": storage.budget.used,
        "more blocks": ledger.growth[0],
        "more objects": ledger.growth[1],
        "worst age / promised": max(ages, default=0.0),
        "slowest silence / allowed": max(line.slowest_silence for line in site.site_lines.values()),
    }
    return site.digest.hexdigest(), numbers, dict(site.tally)


async def _operate(site: Site, watch: Watch, ledger: Ledger, callers: list[Caller], timeline: Timeline) -> None:
    storage = site.storage
    async with trio.open_nursery() as nursery:
        with site.store.changes.subscribe(CHANGES_QUEUE) as subscription:
            nursery.start_soon(storage.run)
            nursery.start_soon(_watch_clock, timeline, storage)
            await nursery.start(site.lines.run, [line.settings for line in site.site_lines.values()])
            nursery.start_soon(storage.record, site.store, timeline)
            nursery.start_soon(weather.set_clock, site)
            for line in site.site_lines.values():
                for member in line.plan.members:
                    nursery.start_soon(weather.play, site, line, member)
                if line.plan.sketch.unplugs:
                    nursery.start_soon(weather.unplug, site, line)
            for caller in callers:
                nursery.start_soon(caller.run)
            for line in site.site_lines.values():
                if line.plan.sketch.steered:
                    nursery.start_soon(levers.pull, site, line)
                    nursery.start_soon(levers.read, site, line)
            nursery.start_soon(reload_lines, site)
            nursery.start_soon(ledger.measure)
            nursery.start_soon(watch.listen, subscription)
            nursery.start_soon(watch.look)
            await trio.sleep(60.0 * site.minutes)
            nursery.cancel_scope.cancel()


async def _watch_clock(timeline: Timeline, storage: Storage) -> None:
    while True:
        correction = timeline.look()
        if correction is not None:
            storage.corrected(correction.offset)
        await trio.sleep(1.0)
