"""What is counted is what goes to the disk, and history gives way step by step while facts do not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from gateway.core.tags import Tag
from gateway.storage import StoreSettings
from gateway.storage.budget import Budget, Level

from .conftest import Opener, World


def _written_by_this_process() -> int:
    for line in Path("/proc/self/io").read_text("ascii").splitlines():
        name, _, value = line.partition(": ")
        if name == "write_bytes":
            return int(value)
    raise LookupError("write_bytes")


def _counts_here(directory: Path) -> bool:
    """Whether the kernel counts writes of this process on this disk; not in memory file systems."""
    try:
        before = _written_by_this_process()
    except (OSError, LookupError):
        return False
    probe = directory / "probe"
    with probe.open("wb") as file:
        file.write(bytes(1 << 20))
        os.fsync(file.fileno())
    return _written_by_this_process() - before >= 1 << 20


async def test_the_count_is_that_of_the_kernel(opened: Opener, tmp_path: Path) -> None:
    if not _counts_here(tmp_path):
        pytest.skip("this disk is in memory, or the kernel does not account for writes")
    async with opened(inline=False) as storage:
        await storage.facts.settle()
        kernel, ours = _written_by_this_process(), storage.budget.used
        for number in range(400):
            for key in range(1 + number % 7):
                storage.facts.remember("k", str((number * 31 + key * 977) % 5000), "x" * (number % 300))
            await storage.facts.settle()
        await storage._control.checkpoint()
        kernel, ours = _written_by_this_process() - kernel, storage.budget.used - ours
    assert ours > 400 * 4096
    assert ours == pytest.approx(kernel, rel=0.10)


async def test_history_gives_way_in_order_and_facts_never(
    opened: Opener, world: World, autojump_clock: MockClock
) -> None:
    settings = StoreSettings(ballast=0, write_budget=6_000_000, memory_rows=20_000)
    timeline = world.timeline()
    tags = world.tags(timeline, *(Tag(f"l/d/{number}", "float32", stale_after=60.0) for number in range(20)))
    cells = [cell for name in tags.names() if (cell := tags.cell(name))]
    levels: list[str] = []
    async with opened(settings) as storage, trio.open_nursery() as nursery:
        nursery.start_soon(storage.run)
        nursery.start_soon(storage.record, tags, timeline)
        for number in range(86_000 // 5):
            await trio.sleep(5.0)
            tags.apply(cells, [float(number)] * len(cells), world.monotonic())
            if number % 100 == 0:
                storage.facts.remember("k", "n", number, urgent=True)
            if number % 100 == 1:
                assert ("k", "n") not in storage.facts._pending
            level = storage.budget.status()["history"]
            if not levels or levels[-1] != level:
                levels.append(str(level))
        status = storage.budget.status()
        parts = status["parts"]
        assert isinstance(parts, dict)
        assert sum(int(str(written)) for part, written in parts.items() if part != "facts") <= 6_000_000
        history = storage.status()["history"]
        assert isinstance(history, dict)
        assert history["thinned"] != 0
        in_memory = history["in_memory"]
        assert isinstance(in_memory, int)
        assert in_memory <= 20_000
        # Until the end of the day something of the day's course is kept: less detail, not less day.
        found = await storage.history.samples("l/d/3", world.wall() - 86_000, world.wall(), None, 100_000)
        hours = {int((world.wall() - sample.time) // 3600) for sample in found}
        assert len(hours) >= 23
        nursery.cancel_scope.cancel()
    assert levels[:3] == ["everything", "seldom", "thinned"]
    told = world.told("firing")
    assert told[0] == "the write budget is short: history is written less often"
    assert len(told) == len(set(told))


class Clock:
    """A clock of one number."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_levels_follow_the_pace_of_the_day(world: World) -> None:
    clock = Clock()
    budget = Budget(1000, clock, clock, world.announce)
    budget.spend("history", 100)
    levels = [budget.level]
    for amount in (1, 50, 50):
        budget.spend("history", amount)
        levels.append(budget.level)
    assert levels == [Level.EVERYTHING, Level.SELDOM, Level.THINNED, Level.MEMORY]
    clock.now += 43_200.0
    assert budget.level == Level.EVERYTHING
    assert world.told("resolved") == ["the write budget suffices again: history is written in full"]
    clock.now += 43_200.0
    assert budget.level == Level.EVERYTHING
    assert (budget.used, budget.status()["written_day_before"]) == (0, 201)


async def test_a_restart_does_not_mint_bytes(world: World) -> None:
    clock = Clock()
    budget = Budget(1000, clock, clock, world.announce)
    budget.resume(clock.now - 3600.0, 900)
    assert budget.used == 900
    assert budget.level == Level.MEMORY
    later = Budget(1000, clock, clock, world.announce)
    later.resume(clock.now - 100_000.0, 900)
    assert later.used == 0


async def test_the_day_goes_on_after_a_restart(opened: Opener) -> None:
    async with opened() as storage:
        for number in range(50):
            storage.facts.remember("k", str(number), "x" * 500)
            await storage.facts.settle()
        used = storage.budget.used
    async with opened() as storage:
        assert storage.budget.used >= used
