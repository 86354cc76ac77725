"""While the gateway was off nothing was read: no value of before fills that time, however the process ended."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from gateway.core.tags import Tag
from gateway.storage import StoreSettings
from gateway.storage.storage import HISTORY_FILE

from .conftest import TEN, Opener, World
from .recording import DAY, HOUR, Recording, points

TAGS = (Tag("l/d/t", "float32", stale_after=1e9), Tag("l/d/same", "float32", stale_after=1e9))
# Flushes come when a test says so.
SETTINGS = StoreSettings(ballast=0, flush_interval=2 * HOUR)


async def count(recording: Recording, first: int, last: int) -> None:
    """A counter goes up by one a second, from the first number to the last; another tag stays as it is."""
    for number in range(first, last + 1):
        recording.say(float(number))
        recording.say(7.0, "l/d/same")
        await trio.sleep(1.0)


async def kill(opened: Opener, world: World, last: int, left: Path, found: Path | None = None) -> None:
    """Count to a number, and three more that never come to the disk. What the kill leaves is copied."""
    live = left.with_name(f"{left.name}.live")
    if found is not None:
        shutil.copytree(found, live)
    async with opened(SETTINGS, where=live) as storage, trio.open_nursery() as nursery:
        recording = Recording(world, storage, *TAGS)
        await nursery.start(recording.run)
        # The first upkeep writes what is there.
        await trio.sleep(5.0)
        await count(recording, last - 9, last)
        await storage.history.flush()
        await count(recording, last + 1, last + 3)
        shutil.copytree(live, left)
        nursery.cancel_scope.cancel()


async def lows_and_highs(recording: Recording, name: str = "l/d/t") -> list[tuple[float | None, float | None, str]]:
    return [(sample.minimum, sample.maximum, sample.quality) for sample in await recording.ask(60.0, name=name)]


async def test_a_clean_stop_ends_what_is_in_force(opened: Opener, world: World, autojump_clock: MockClock) -> None:
    async with opened() as storage, trio.open_nursery() as nursery:
        recording = Recording(world, storage, *TAGS)
        await nursery.start(recording.run)
        await count(recording, 1, 210)
        nursery.cancel_scope.cancel()
    await trio.sleep(150.0)
    async with opened() as storage, trio.open_nursery() as nursery:
        recording = Recording(world, storage, *TAGS)
        await storage.restore(recording.tags)
        await nursery.start(recording.run)
        await count(recording, 361, 370)
        for name, last, first in (("l/d/t", 210.0, 361.0), ("l/d/same", 7.0, 7.0)):
            rows = points(await recording.ask(name=name))
            stop = rows.index((210.0, None, "bad"))
            # Nothing was read when the recording began again.
            assert [row[1:] for row in rows[stop - 1 : stop + 3]] == [
                (last, "good"),
                (None, "bad"),
                (None, "bad"),
                (first, "good"),
            ]
            assert rows[stop + 1][0] == pytest.approx(360.0, abs=0.01)
        expected = [
            (1.0, 60.0, "uncertain"),
            (61.0, 120.0, "good"),
            (121.0, 180.0, "good"),
            (181.0, 210.0, "uncertain"),
            (361.0, 370.0, "uncertain"),
        ]
        assert await lows_and_highs(recording) == expected
        await trio.sleep(2 * HOUR)
        assert (await lows_and_highs(recording))[: len(expected)] == expected
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("off", [150.0, -3.0, -HOUR])
async def test_what_was_in_force_at_a_kill_ends_with_the_last_row_on_disk(
    opened: Opener, world: World, tmp_path: Path, autojump_clock: MockClock, off: float
) -> None:
    # The clock may be behind after a power cut: 13 s passed since the last row, or none.
    left = tmp_path / "left"
    await kill(opened, world, 10, left)
    world.ahead += min(off, 0.0)
    await trio.sleep(max(off, 0.0))
    async with opened(where=left) as storage:
        recording = Recording(world, storage, *TAGS)
        world.ahead = 400.0
        told = points(await recording.ask())
        assert told[-2:] == [(14.0, 10.0, "good"), (14.001, None, "bad")]
        # Its own row is older: it was in force when the last one of all was written.
        assert points(await recording.ask(name="l/d/same"))[-2:] == [(5.0, 7.0, "good"), (14.001, None, "bad")]
        assert await lows_and_highs(recording) == [(1.0, 10.0, "uncertain")]
    # What is ended once is not ended again.
    async with opened(where=left) as storage:
        assert points(await recording.ask()) == told


async def test_tiers_that_were_summed_up_before_the_kill_are_mended(
    opened: Opener, world: World, tmp_path: Path, autojump_clock: MockClock
) -> None:
    live, left = tmp_path / "live", tmp_path / "left"
    async with opened(where=live) as storage, trio.open_nursery() as nursery:
        recording = Recording(world, storage, *TAGS)
        await nursery.start(recording.run)
        await trio.sleep(HOUR - 100.0)
        await count(recording, 1, 10)
        # The upkeep of the hour comes, and nothing is read any more.
        await trio.sleep(170.0)
        shutil.copytree(live, left)
        nursery.cancel_scope.cancel()
    with closing(sqlite3.connect(left / HISTORY_FILE)) as connection:
        assert connection.execute("SELECT count(*) FROM tier").fetchone() > (0,)
    await trio.sleep(300.0)
    async with opened(where=left) as storage, trio.open_nursery() as nursery:
        recording = Recording(world, storage, *TAGS)
        recording.say(381.0)
        await nursery.start(recording.run)
        await count(recording, 382, 391)
        expected = [(1.0, 10.0, "uncertain"), (381.0, 391.0, "uncertain")]
        for later in (0.0, 2 * HOUR):
            await trio.sleep(later)
            assert [bucket for bucket in await lows_and_highs(recording) if bucket[0] is not None] == expected
        hours = [(sample.minimum, sample.maximum) for sample in await recording.ask(HOUR)]
        assert hours[:2] == [(1.0, 10.0), (381.0, 391.0)]
        nursery.cancel_scope.cancel()


async def test_an_end_moves_with_the_rows_of_an_unknown_clock(
    opened: Opener, world: World, tmp_path: Path, autojump_clock: MockClock
) -> None:
    world.synchronised = False
    world.ahead = -TEN + 1000.0  # the board starts in 1970
    once, twice = tmp_path / "once", tmp_path / "twice"
    await kill(opened, world, 10, once)
    await trio.sleep(100.0)
    await kill(opened, world, 20, twice, once)
    await trio.sleep(100.0)
    async with opened(where=twice) as storage, trio.open_nursery() as nursery:
        recording = Recording(world, storage, *TAGS)
        await nursery.start(recording.run)
        world.ahead, world.synchronised = 0.0, True
        correction = recording.timeline.look()
        assert correction is not None
        storage.corrected(correction.offset)
        await trio.sleep(10.0)
        found = points(await recording.ask())
        assert found[10:13] == [(14.0, 10.0, "good"), (14.001, None, "bad"), (118.0, None, "bad")]
        assert found[22:25] == [(132.0, 20.0, "good"), (132.001, None, "bad"), (236.0, None, "bad")]
        nursery.cancel_scope.cancel()


async def test_rows_of_a_clock_that_once_was_ahead_hide_no_end(
    opened: Opener, world: World, tmp_path: Path, autojump_clock: MockClock
) -> None:
    ahead, left = tmp_path / "ahead", tmp_path / "left"
    world.ahead = 2 * DAY
    await kill(opened, world, 10, ahead)
    world.ahead = 0.0
    await kill(opened, world, 20, left, ahead)
    async with opened(where=left) as storage:
        rows = points(await Recording(world, storage, *TAGS).ask())
        assert rows[-2:] == [(32.0, 20.0, "good"), (32.001, None, "bad")]


async def test_a_disk_that_takes_nothing_at_the_start_gets_the_ends_before_new_rows(
    opened: Opener, world: World, tmp_path: Path, autojump_clock: MockClock
) -> None:
    left = tmp_path / "left"
    await kill(opened, world, 10, left)
    await trio.sleep(150.0)
    holder = sqlite3.connect(left / HISTORY_FILE, isolation_level=None)
    with closing(holder):
        holder.execute("BEGIN IMMEDIATE")
        async with opened(where=left) as storage, trio.open_nursery() as nursery:
            recording = Recording(world, storage, *TAGS)
            recording.say(200.0)
            await nursery.start(recording.run)
            holder.execute("ROLLBACK")
            await trio.sleep(60.0)
            assert storage.state().rows_waiting == 0
            assert [row[1] for row in points(await recording.ask())[-3:]] == [10.0, None, 200.0]
            nursery.cancel_scope.cancel()
