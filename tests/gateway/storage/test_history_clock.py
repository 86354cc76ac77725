"""What was recorded under a clock that was wrong, unknown or set back."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from gateway.core.reading import Reason

from .conftest import TEN, Opener, World
from .recording import DAY, HOUR, Recording, points, values


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
