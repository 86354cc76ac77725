"""What tags said can be asked for later, at every resolution, through sorting, tiers, corrections and deletion."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from gateway.core.ports import HistorySample
from gateway.core.reading import Reason, Value
from gateway.core.tags import Tag, TagStore
from gateway.core.timeline import Timeline
from gateway.storage import Storage, StoreSettings, Tier

from .conftest import TEN, Opener, World

HOUR, DAY = 3600.0, 86400.0


class Recording:
    """Feeds a store with what a tag says, on the test's clock."""

    def __init__(self, world: World, storage: Storage, *tags: Tag) -> None:
        self.world = world
        self.storage = storage
        self.timeline: Timeline = world.timeline()
        self.tags: TagStore = world.tags(self.timeline, *(tags or (Tag("l/d/t", "float32", stale_after=1e9),)))

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.storage.record, self.tags, self.timeline)
            await trio.testing.wait_all_tasks_blocked()
            task_status.started()

    def say(self, value: Value | Reason, name: str = "l/d/t") -> None:
        cell = self.tags.cell(name)
        assert cell is not None
        self.tags.apply([cell], [value], self.world.monotonic())

    async def ask(
        self, resolution: float | None = None, limit: int = 100_000, name: str = "l/d/t"
    ) -> list[HistorySample]:
        now = self.world.wall()
        return await self.storage.history.samples(name, now - 400 * DAY, now + 1.0, resolution, limit)


def values(samples: list[HistorySample]) -> list[Value | None]:
    return [sample.value for sample in samples]


async def test_samples_are_found_in_memory_on_disk_and_sorted(
    opened: Opener, world: World, autojump_clock: MockClock
) -> None:
    async with opened() as storage, trio.open_nursery() as nursery:
        recording = Recording(world, storage)
        await nursery.start(recording.run)
        said: list[Value | None] = [None]
        for number in range(8):
            # Never at the moment of a heartbeat: which of the two comes first is left to chance.
            await trio.sleep(895.0)
            recording.say(float(number))
            said.append(float(number))
            await trio.sleep(0.5)
            assert values(await recording.ask())[-1] == float(number)
        await trio.sleep(60.0)
        found = await recording.ask()
        assert [value for value in values(found) if value in said] == values(found)
        assert list(dict.fromkeys(values(found))) == said
        assert [sample.time for sample in found] == sorted({sample.time for sample in found})
        assert found[1].time == pytest.approx(TEN + 895.0, abs=0.001)
        assert found[0].quality == "bad"
        assert {sample.clock for sample in found} == {"synchronised"}
        assert values(await recording.ask(limit=2)) == said[:2]
        nursery.cancel_scope.cancel()
    async with opened() as storage:
        recording = Recording(world, storage)
        assert list(dict.fromkeys(values(await recording.ask()))) == said


async def test_kinds_of_values_come_back_as_they_were(opened: Opener, world: World, autojump_clock: MockClock) -> None:
    async with opened() as storage, trio.open_nursery() as nursery:
        recording = Recording(world, storage)
        await nursery.start(recording.run)
        said: list[Value] = [True, False, 7, (1 << 64) - 1, 2.5, "open"]
        for value in said:
            await trio.sleep(1.0)
            recording.say(value)
        await trio.sleep(2 * HOUR)
        found = list(dict.fromkeys(map(repr, values(await recording.ask()))))
        assert found == ["None", *map(repr, said)]
        nursery.cancel_scope.cancel()


async def test_a_constant_tag_has_heartbeats_and_a_dead_one_has_bad_ones(
    opened: Opener, world: World, autojump_clock: MockClock
) -> None:
    async with opened() as storage, trio.open_nursery() as nursery:
        recording = Recording(world, storage, Tag("l/d/t", "float32", stale_after=1e9), Tag("l/d/dead", "float32"))
        await nursery.start(recording.run)
        recording.say(5.0)
        recording.say(Reason.NO_ANSWER, "l/d/dead")
        for _ in range(120):
            await trio.sleep(60.0)
            recording.say(5.0)
        constant = [sample for sample in await recording.ask() if sample.quality == "good"]
        assert 7 <= len(constant) <= 9
        gaps = [later.time - sooner.time for sooner, later in itertools.pairwise(constant)]
        assert max(gaps) <= 1000.0
        dead = await recording.ask(name="l/d/dead")
        assert len(dead) >= 7
        assert {(sample.quality, sample.value) for sample in dead} == {("bad", None)}
        # A mean over an hour of five is five, and counts only what was recorded.
        hours = await recording.ask(HOUR)
        assert {sample.value for sample in hours} == {5.0}
        nursery.cancel_scope.cancel()


def points(samples: list[HistorySample]) -> list[tuple[float, Value | None, str]]:
    return [(round(sample.time - TEN, 3), sample.value, sample.quality) for sample in samples]


async def test_a_value_is_good_until_the_moment_it_became_stale(
    opened: Opener, world: World, autojump_clock: MockClock
) -> None:
    async with opened(StoreSettings(ballast=0, heartbeat=60.0)) as storage, trio.open_nursery() as nursery:
        recording = Recording(world, storage, Tag("l/d/t", "float32", stale_after=3.0))
        await nursery.start(recording.run)
        await trio.sleep(10.0)
        recording.say(5.0)
        await trio.sleep(4.5)
        recording.tags.sweep()
        await trio.sleep(1.5)
        recording.say(5.0)
        await trio.sleep(20.0)
        recording.say(5.0)
        await trio.sleep(0.5)
        said = [
            (0.0, None, "bad"),
            (10.0, 5.0, "good"),
            (13.0, 5.0, "uncertain"),
            (16.0, 5.0, "good"),
            (19.0, 5.0, "uncertain"),
            (36.0, 5.0, "good"),
        ]
        assert points(await recording.ask()) == said
        await storage.history.flush()
        assert points(await recording.ask()) == said
        # Nothing is read any more: the heartbeats say so, and where they stand nothing good is lost.
        await trio.sleep(200.0)
        found = points(await recording.ask())
        assert found[: len(said)] == said
        assert found[len(said)] == (39.0, 5.0, "uncertain")
        assert {quality for _, _, quality in found[len(said) :]} == {"uncertain"}
        assert len(found) >= len(said) + 2
        await trio.sleep(2 * HOUR)
        assert points(await recording.ask())[: len(found)] == found
        nursery.cancel_scope.cancel()


async def test_a_failure_in_the_millisecond_of_an_answer_stands_after_it(
    opened: Opener, world: World, autojump_clock: MockClock
) -> None:
    async with opened() as storage, trio.open_nursery() as nursery:
        recording = Recording(world, storage)
        await nursery.start(recording.run)
        await trio.sleep(1.0)
        recording.say(5.0)
        recording.say(Reason.NO_ANSWER)
        await trio.sleep(2 * HOUR)
        assert points(await recording.ask())[1:3] == [(1.0, 5.0, "good"), (1.001, None, "bad")]
        nursery.cancel_scope.cancel()


async def test_a_value_that_is_not_read_again_has_no_heartbeat(
    opened: Opener, world: World, autojump_clock: MockClock
) -> None:
    async with opened() as storage, trio.open_nursery() as nursery:
        recording = Recording(world, storage, Tag("l/d/t", "float32", stale_after=1e9))
        await nursery.start(recording.run)
        await trio.sleep(1.0)
        recording.say(5.0)
        await trio.sleep(2 * HOUR)
        assert points(await recording.ask()) == [(0.0, None, "bad"), (1.0, 5.0, "good")]
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("sorted_between", [False, True])
async def test_a_clock_set_back_takes_no_good_row(
    opened: Opener, world: World, autojump_clock: MockClock, *, sorted_between: bool
) -> None:
    async with opened() as storage, trio.open_nursery() as nursery:
        recording = Recording(world, storage)
        await nursery.start(recording.run)
        await trio.sleep(1.0)
        recording.say(5.0)
        await trio.sleep(HOUR + 61.0 if sorted_between else 1.0)
        await storage.history.flush()
        passed = world.wall() - TEN
        world.ahead = 1.0 - passed
        assert recording.timeline.look() is None
        recording.say(Reason.NO_ANSWER)
        await trio.sleep(0.0)
        await trio.testing.wait_all_tasks_blocked()
        assert (1.0, 5.0, "good") in points(await recording.ask())
        world.ahead = 0.0
        await trio.sleep(2 * HOUR)
        assert (1.0, 5.0, "good") in points(await recording.ask())
        nursery.cancel_scope.cancel()


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


async def test_rows_taken_before_the_clock_was_known_move_to_their_time(
    opened: Opener, world: World, autojump_clock: MockClock
) -> None:
    world.synchronised = False
    world.ahead = -TEN + 1000.0  # the board starts in 1970
    async with opened() as storage, trio.open_nursery() as nursery:
        recording = Recording(world, storage)
        await nursery.start(recording.run)
        for number in range(5):
            await trio.sleep(900.0)
            recording.say(float(number))
        await trio.sleep(1.0)
        nursery.cancel_scope.cancel()
    # The process restarts within the same boot, and goes on without a clock.
    async with opened() as storage, trio.open_nursery() as nursery:
        recording = Recording(world, storage)
        await nursery.start(recording.run)
        for number in range(5, 10):
            await trio.sleep(900.0)
            recording.say(float(number))
        await trio.sleep(1.0)
        early = await recording.ask()
        assert {sample.clock for sample in early} == {"unsynchronised"}
        assert early[-1].time < 20_000.0
        world.ahead = 0.0
        world.synchronised = True
        correction = recording.timeline.look()
        assert correction is not None
        storage.corrected(correction.offset)
        await trio.sleep(10.0)
        found = await recording.ask()
        said = [sample for sample in found if sample.value is not None]
        assert list(dict.fromkeys(values(said))) == [float(number) for number in range(10)]
        assert {sample.clock for sample in found} == {"synchronised"}
        first = {value: min(s.time for s in said if s.value == value) for value in values(said)}
        assert first[3.0] == pytest.approx(TEN + 4 * 900.0, abs=1.0)
        assert first[8.0] == pytest.approx(TEN + 9 * 900.0, abs=5.0)
        await trio.sleep(2 * HOUR)
        hours = await recording.ask(HOUR)
        assert all(sample.time >= TEN for sample in hours)
        assert sum(sample.count for sample in hours) == len(await recording.ask()) - sum(
            sample.value is None for sample in await recording.ask()
        )
        nursery.cancel_scope.cancel()


async def test_another_boot_that_never_learned_the_time_stays_marked(
    opened: Opener, world: World, autojump_clock: MockClock
) -> None:
    world.synchronised = False
    async with opened(boot="boot-1") as storage, trio.open_nursery() as nursery:
        recording = Recording(world, storage)
        await nursery.start(recording.run)
        recording.say(1.0)
        await trio.sleep(40.0)
        nursery.cancel_scope.cancel()
    world.ahead = 50.0
    async with opened(boot="boot-2") as storage, trio.open_nursery() as nursery:
        recording = Recording(world, storage)
        await nursery.start(recording.run)
        world.synchronised = True
        correction = recording.timeline.look()
        assert correction is not None
        storage.corrected(correction.offset)
        await trio.sleep(2 * HOUR)
        one = [sample for sample in await recording.ask() if sample.value == 1.0]
        assert {sample.clock for sample in one} == {"unsynchronised"}
        assert one[0].time == pytest.approx(TEN, abs=1.0)
        nursery.cancel_scope.cancel()


async def test_a_clock_nobody_vouches_for_deletes_nothing(
    opened: Opener, world: World, autojump_clock: MockClock
) -> None:
    async with opened() as storage, trio.open_nursery() as nursery:
        recording = Recording(world, storage)
        await nursery.start(recording.run)
        recording.say(1.0)
        await trio.sleep(2 * HOUR)
        world.synchronised = False
        world.ahead = 40 * 365 * DAY
        recording.timeline.look()
        await trio.sleep(2 * HOUR)
        found = await storage.history.samples("l/d/t", TEN, TEN + HOUR, None, 100)
        assert 1.0 in values(found)
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


async def test_a_recorder_that_was_cut_reads_the_snapshot(
    opened: Opener, world: World, autojump_clock: MockClock
) -> None:
    async with opened() as storage, trio.open_nursery() as nursery:
        recording = Recording(world, storage)
        await nursery.start(recording.run)
        for number in range(3000):  # more than its queue, without a moment for it to run
            recording.say(float(number))
        await trio.sleep(1.0)
        recording.say(-1.0)
        await trio.sleep(1.0)
        assert recording.tags.changes.cuts == 1
        assert values(await recording.ask())[-2:] == [2999.0, -1.0]
        nursery.cancel_scope.cancel()


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
