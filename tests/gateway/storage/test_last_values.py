"""What tags said last is there after a restart."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from gateway.core.tags import Tag
from gateway.storage import StoreSettings

from .conftest import TEN, Opener, World
from .recording import Recording


async def test_last_values_are_back_after_a_restart_but_never_as_current(
    opened: Opener, world: World, autojump_clock: MockClock
) -> None:
    async with opened() as storage, trio.open_nursery() as nursery:
        recording = Recording(world, storage, Tag("l/d/t", "float32"), Tag("l/d/was", "int16"))
        await nursery.start(recording.run)
        recording.say(21.5)
        recording.say(3, "l/d/was")
        await trio.sleep(1.0)
        nursery.cancel_scope.cancel()
    await trio.sleep(500.0)
    async with opened() as storage:
        recording = Recording(world, storage, Tag("l/d/t", "float32"), Tag("l/d/was", "float32"))
        await storage.restore(recording.tags)
        reading = recording.tags.read("l/d/t")
        assert reading is not None
        assert reading.sample is not None
        assert (reading.value, reading.quality, reading.last_value) == (None, "bad", 21.5)
        assert reading.sample.wall == pytest.approx(TEN, abs=0.01)
        assert world.monotonic() - reading.sample.acquired == pytest.approx(501.0, abs=0.01)
        other = recording.tags.read("l/d/was")
        assert other is not None
        assert other.last_value is None


def kill(directory: Path, to: Path) -> Path:
    """What a power cut leaves: the files as they are now."""
    to.mkdir()
    for file in directory.glob("ferrule.db*"):
        shutil.copyfile(file, to / file.name)
    return to


@pytest.mark.parametrize(
    ("tags", "budget", "lost"),
    [(10, 200_000_000, 60.0), (1000, 200_000_000, 300.0), (1000, 1_000_000_000, 180.0), (10, 500_000, 3000.0)],
)
async def test_a_power_cut_costs_as_few_of_them_as_the_write_budget_allows(
    opened: Opener, world: World, autojump_clock: MockClock, tmp_path: Path, *, tags: int, budget: int, lost: float
) -> None:
    names = [f"line-{number // 100}/device-{number // 20}/some-tag-name-{number}" for number in range(tags)]
    settings = StoreSettings(ballast=0, write_budget=budget)
    worst = 0.0
    async with opened(settings) as storage, trio.open_nursery() as nursery:
        timeline = world.timeline()
        store = world.tags(timeline, *(Tag(name, "float32") for name in names))
        cells = [cell for name in names if (cell := store.cell(name))]
        nursery.start_soon(lambda: storage.record(store, timeline, history=False))
        for number in range(360):
            await trio.sleep(10.0)
            store.apply(cells, [float(number)] * tags, world.monotonic())
            written = storage._last_values._stored.get(names[0], 0.0)
            assert isinstance(written, float)
            worst = max(worst, 10.0 * (number - written))
        where = kill(tmp_path, tmp_path / "cut")
        nursery.cancel_scope.cancel()
    # Values are said, and looked for, every ten seconds.
    assert lost - 10.0 <= worst <= lost + 10.0
    async with opened(settings, where=where) as storage:
        again = world.tags(world.timeline(), Tag(names[-1], "float32"))
        await storage.restore(again)
        reading = again.read(names[-1])
        assert reading is not None
        assert reading.last_value is not None
        assert number - float(reading.last_value) <= (lost + 10.0) / 10.0
