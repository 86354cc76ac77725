"""What tags said can be asked for later, from memory and from disk."""

from __future__ import annotations

import itertools

import pytest
import trio
from trio.testing import MockClock

from gateway.core.reading import Reason, Value
from gateway.core.tags import Tag
from gateway.storage import StoreSettings

from .conftest import TEN, Opener, World
from .recording import HOUR, Recording, points, values


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


async def test_what_is_in_memory_only_is_told_until_it_is_on_disk(
    opened: Opener, world: World, autojump_clock: MockClock
) -> None:
    async with opened() as storage, trio.open_nursery() as nursery:
        assert (storage.state().rows_waiting, storage.state().oldest_waiting) == (0, None)
        recording = Recording(world, storage)
        await nursery.start(recording.run)
        # The first upkeep writes what is there.
        await trio.sleep(5.0)
        for number in range(3):
            await trio.sleep(1.0)
            recording.say(float(number))
        await trio.sleep(0.5)
        state = storage.state()
        assert (state.history, state.rows_waiting) == ("everything", 3)
        assert state.oldest_waiting == pytest.approx(TEN + 6.0)
        await storage.history.flush()
        assert (storage.state().rows_waiting, storage.state().oldest_waiting) == (0, None)
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("resolution", [1e-300, 1e12, 1e306, 1.7e308])
async def test_the_strangest_resolutions_have_an_answer(
    opened: Opener, world: World, autojump_clock: MockClock, resolution: float
) -> None:
    async with opened() as storage, trio.open_nursery() as nursery:
        recording = Recording(world, storage)
        await nursery.start(recording.run)
        recording.say(7.0)
        await trio.sleep(10.0)
        found = await recording.ask(resolution)
        assert values(found)[-1] == 7.0
        nursery.cancel_scope.cancel()
