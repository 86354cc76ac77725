"""History grows old: rows become buckets, buckets coarser ones, and the oldest goes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from gateway.core.reading import Reason
from gateway.storage import StoreSettings, Tier

from .conftest import Opener, World
from .recording import DAY, HOUR, Recording


async def test_means_are_the_same_from_rows_and_from_tiers(
    opened: Opener, world: World, autojump_clock: MockClock
) -> None:
    async with opened() as storage, trio.open_nursery() as nursery:
        recording = Recording(world, storage)
        await nursery.start(recording.run)
        for number in range(400):
            await trio.sleep(21.0)
            recording.say(float(number * number % 101) if number % 50 else Reason.NO_ANSWER)
        fresh = {resolution: await recording.ask(resolution) for resolution in (60.0, 300.0, HOUR)}
        await trio.sleep(2 * HOUR)
        for resolution, before in fresh.items():
            after = await recording.ask(resolution)
            assert len(before) > 2
            # The last bucket was still open.
            for one, other in zip(before[:-1], after, strict=False):
                assert one.value == pytest.approx(other.value)
                assert replace(one, value=other.value) == other
        nursery.cancel_scope.cancel()


async def test_rows_age_into_tiers_and_tiers_age_away(opened: Opener, world: World, autojump_clock: MockClock) -> None:
    settings = StoreSettings(
        ballast=0,
        raw_retention=6 * HOUR,
        tiers=(Tier(resolution=60.0, retention=2 * DAY), Tier(resolution=3600.0, retention=6 * DAY)),
        heartbeat=600.0,
    )
    async with opened(settings) as storage, trio.open_nursery() as nursery:
        recording = Recording(world, storage)
        await nursery.start(recording.run)
        for number in range(10 * 48):
            await trio.sleep(1800.0)
            recording.say(float(number))
        now = world.wall()
        found = await recording.ask()
        single = [sample for sample in found if sample.time > now - 5 * HOUR]
        assert [sample.count for sample in single] == [1] * len(single)
        assert all(sample.minimum is None for sample in single)
        assert [sample.time for sample in found] == sorted({sample.time for sample in found})
        age = now - found[0].time
        assert 5 * DAY < age < 8 * DAY
        coarse = [sample for sample in found if sample.time < now - 3 * DAY]
        assert {sample.time % HOUR for sample in coarse} == {0.0}
        rows = await storage.history._database.read(
            lambda connection: connection.execute("SELECT count(*) FROM raw").fetchone()[0]
        )
        assert rows < 6 * 8 + 20
        nursery.cancel_scope.cancel()


async def test_the_size_limit_takes_the_oldest(opened: Opener, world: World, autojump_clock: MockClock) -> None:
    settings = StoreSettings(ballast=0, database_limit=400_000, write_budget=10**12)
    async with opened(settings) as storage, trio.open_nursery() as nursery:
        recording = Recording(world, storage)
        await nursery.start(recording.run)
        for number in range(40 * 400):
            await trio.sleep(HOUR / 400)
            recording.say(number / 8)
        await trio.sleep(1.0)
        history = storage.status()["history"]
        assert isinstance(history, dict)
        size = history["bytes"]
        assert isinstance(size, int)
        assert size < 400_000
        assert "the history reached its size limit: the oldest is deleted before its time" in world.told("firing")
        found = await recording.ask()
        assert found[-1].value == 15_999 / 8
        assert found[0].time < found[-1].time - 4 * HOUR
        nursery.cancel_scope.cancel()
