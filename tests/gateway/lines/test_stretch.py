"""Tags of low priority are polled less often when a governor says so; nothing else changes by that."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from drivers.simulated.device import SimulatedDevice
from drivers.simulated.faults import DeviceFaults, Window
from gateway.core.reading import Quality, Reason
from gateway.core.steering import MOST_STRETCH
from gateway.lines.plan import plan
from gateway.lines.steering import LineSteering
from gateway.lines.wire import Wire
from gateway.settings.line_model import LineSettings, TagSettings
from tests.gateway.lines.bench import Bench, device, open_bench, tag


def low(name: str, address: int, **more: object) -> TagSettings:
    return tag(name, address, priority="low", **more)


def registers(unit: int, **more: object) -> SimulatedDevice:
    return SimulatedDevice(unit, holding={n: n for n in range(200)}, **more)  # type: ignore[arg-type]  # test data


# Far apart, so that each is a block of its own.
FAR = (tag("normal", 0), low("low", 100), tag("high", 150, priority="high", poll=0.5))


async def acquired(bench: Bench, seconds: float) -> Mapping[str, list[float]]:
    """When each tag of the first device is read, from now on."""
    times: dict[str, list[float]] = {tag.name: [] for tag in bench.settings.devices[0].tags}
    end = trio.current_time() + seconds
    while trio.current_time() < end:
        await trio.sleep(0.05)
        for name, seen in times.items():
            sample = bench.read(f"d1/{name}").sample
            if sample is not None and (not seen or seen[-1] != sample.acquired):
                seen.append(sample.acquired)
    return times


def gaps(times: list[float]) -> list[float]:
    return [round(later - sooner, 1) for sooner, later in zip(times, times[1:], strict=False)]  # noqa: RUF007 - in step


async def test_only_low_tags_are_polled_less_often_and_no_deadline_is_missed(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, *FAR)], [registers(1)]) as bench:
        await trio.sleep(10.3)
        steering = LineSteering(bench.lines)
        assert steering.stretch("bus", 4.0) == 4.0
        assert steering.glance().lines[0].stretch == 4.0
        times = await acquired(bench, 20)
        assert set(gaps(times["normal"])) == {1.0}
        assert set(gaps(times["high"])) == {0.5}
        assert max(gaps(times["low"])) == 4.0
        assert len(times["low"]) in {5, 6, 7}
        assert bench.field.missed_deadlines() == {"bus/d1/normal": 0, "bus/d1/low": 0, "bus/d1/high": 0}
        assert {row.name[7:]: (row.poll, row.poll_now) for row in bench.field.tags()} == {
            "normal": (1.0, 1.0),
            "low": (1.0, 4.0),
            "high": (0.5, 0.5),
        }


async def test_an_overloaded_line_is_relieved(autojump_clock: MockClock) -> None:
    tags = [tag("n0", 0, poll=0.1), tag("n1", 40, poll=0.1), *(low(f"l{n}", 60 + 20 * n, poll=0.1) for n in range(6))]
    async with open_bench([device(1, *tags)], [registers(1)]) as bench:
        await trio.sleep(10)
        before = sum(bench.field.missed_deadlines().values())
        assert before > 50
        LineSteering(bench.lines).stretch("bus", 4.0)
        await trio.sleep(2)
        settled = sum(bench.field.missed_deadlines().values())
        times = await acquired(bench, 10)
        assert sum(bench.field.missed_deadlines().values()) == settled
        assert max(gaps(times["n0"])) <= 0.2
        assert max(gaps(times["l0"])) <= 0.5


async def test_what_is_restored_is_polled_as_configured_at_once(autojump_clock: MockClock) -> None:
    tags = (tag("normal", 0), low("low", 100, poll=10.0))
    async with open_bench([device(1, *tags)], [registers(1)]) as bench:
        steering = LineSteering(bench.lines)
        assert steering.stretch("bus", 8.0) == 8.0
        await trio.sleep(95)
        assert steering.stretch("bus", 1.0) == 1.0
        times = await acquired(bench, 50)
        assert times["low"][1] <= 100.2, "not only when its stretched period is over"
        assert set(gaps(times["low"][1:])) == {10.0}
        assert set(gaps(times["normal"])) == {1.0}
        assert sum(bench.field.missed_deadlines().values()) == 0


@pytest.mark.parametrize(
    ("asked", "holds"), [(0.0, 1.0), (-3.0, 1.0), (math.nan, 1.0), (math.inf, MOST_STRETCH), (1000.0, MOST_STRETCH)]
)
async def test_no_factor_stops_polling(autojump_clock: MockClock, asked: float, holds: float) -> None:
    async with open_bench([device(1, *FAR)], [registers(1)]) as bench:
        assert LineSteering(bench.lines).stretch("bus", asked) == holds
        times = await acquired(bench, 30)
        assert max(gaps(times["low"])) <= MOST_STRETCH


async def test_a_stretched_value_that_is_older_than_configured_is_stale(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, *FAR)], [registers(1)]) as bench:
        LineSteering(bench.lines).stretch("bus", 8.0)
        await trio.sleep(17)
        assert bench.read("d1/low").quality is Quality.GOOD
        await trio.sleep(4)
        assert (bench.read("d1/low").quality, bench.read("d1/low").reason) == (Quality.UNCERTAIN, Reason.STALE)
        assert bench.read("d1/normal").quality is Quality.GOOD


async def test_low_tags_between_others_get_requests_of_their_own_when_that_is_cheaper(
    autojump_clock: MockClock,
) -> None:
    tags = [tag("a", 0), *(low(f"l{n}", 1 + n) for n in range(60)), tag("z", 61)]
    async with open_bench([device(1, *tags)], [registers(1)], timeout=0.5) as bench:
        await trio.sleep(10)
        one = bench.line.polling.units[1]
        assert [poll.block.count for poll in one.polls] == [62]
        steering = LineSteering(bench.lines)
        before = trio.current_time()
        steering.stretch("bus", 8.0)
        times = await acquired(bench, 30)
        assert times["l5"][-1] > before + 20
        assert max(gaps(times["l5"])) == 8.0
        assert set(gaps(times["a"])) == set(gaps(times["z"])) == {1.0}, "the rhythm of the others was not lost"
        assert sum(bench.field.missed_deadlines().values()) == 0
        steering.stretch("bus", 1.0)
        times = await acquired(bench, 10)
        assert [poll.block.count for poll in one.polls] == [62]
        assert set(gaps(times["l5"][1:])) == {1.0}
        assert max(gaps(times["a"])) <= 1.1, "a longer answer is complete a little later"


def test_the_plan_of_a_stretched_device_needs_less_of_the_line() -> None:
    line = LineSettings(name="bus", transport="rtu", port="sim")
    tags = [tag(f"t{n}", 2 * n, priority="normal" if n in {0, 1, 40} else "low", poll=0.5) for n in range(60)]
    wire = Wire.of(line)

    def load(stretch: float) -> float:
        return sum(
            wire.read(block.table, block.count) / block.period
            for block in plan(device(1, *tags), wire, {}, None, stretch)
            if block.period is not None
        )

    loads = [load(stretch) for stretch in (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)]
    assert loads == sorted(loads, reverse=True)
    assert loads[-1] < 0.8 * loads[0]


def test_no_tag_is_read_less_often_than_its_priority_allows() -> None:
    tags = [
        tag(f"t{n}", 2 * n, priority=("low", "normal", "high")[n % 3], poll=(0.5, 1.0, 10.0, None)[n % 4])
        for n in range(40)
    ]
    wire = Wire.of(LineSettings(name="bus", transport="rtu", port="sim"))
    for stretch in (1.0, 2.0, 8.0):
        blocks = plan(device(1, *tags), wire, {}, 0.25, stretch)
        assert sorted(place.tag.name for block in blocks for place in block.places) == sorted(one.name for one in tags)
        for block in blocks:
            for place in block.places:
                if block.period is not None and place.tag.poll is not None:
                    most = place.tag.poll * (stretch if place.tag.priority == "low" else 1.0)
                    assert block.period <= most


async def test_a_stretch_outlives_the_link_a_loan_a_restart_and_a_reload(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, *FAR)], [registers(1)]) as bench:
        await trio.sleep(5)
        steering = LineSteering(bench.lines)
        lease, _ = bench.field.borrow("bus", 20.0, None)
        assert steering.stretch("bus", 8.0) == 8.0
        await trio.sleep(5)
        bench.field.give_back("bus", lease)

        async def still_stretched() -> None:
            await trio.sleep(3)
            times = await acquired(bench, 25)
            assert 7.9 <= max(gaps(times["low"])) <= 8.1
            assert max(gaps(times["normal"])) <= 1.1
            assert steering.glance().lines[0].stretch == 8.0

        await still_stretched()
        bench.memory.unplug()
        await trio.sleep(5)
        bench.memory.replug()
        await trio.sleep(10)
        await still_stretched()
        assert steering.restart("bus")
        await still_stretched()
        changed = replace(bench.settings, description="another")
        await bench.lines.reload(["bus"], [changed])
        await still_stretched()
        await bench.lines.reload(["bus"], [])
        await bench.lines.reload([], [changed])
        await trio.sleep(1)
        assert steering.glance().lines[0].stretch == 1.0, "a line that was gone is another one"


async def test_a_stretch_that_is_set_while_the_line_is_down_holds_when_it_is_up(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, *FAR)], [registers(1)]) as bench:
        await trio.sleep(5)
        bench.memory.unplug()
        await trio.sleep(2)
        LineSteering(bench.lines).stretch("bus", 8.0)
        bench.memory.replug()
        await trio.sleep(12)
        times = await acquired(bench, 30)
        assert max(gaps(times["low"])) == 8.0


async def test_deadlines_are_those_of_the_stretched_period(autojump_clock: MockClock) -> None:
    faults = {1: DeviceFaults(silent_in=(Window(start=20.5, end=22.8),))}
    async with open_bench([device(1, *FAR), device(2, tag("t", 0))], [registers(1), registers(2)], faults=faults) as b:
        LineSteering(b.lines).stretch("bus", 8.0)
        await trio.sleep(60)
        missed = b.field.missed_deadlines()
        assert missed["bus/d1/low"] == 0


async def test_a_doubtful_device_keeps_its_deadlines_through_a_change(autojump_clock: MockClock) -> None:
    """The polls of a unit in doubt are held; when it answers, those that replaced them go on where they were."""
    tags = [tag("a", 0), *(low(f"l{n}", 1 + n) for n in range(60)), tag("z", 61)]
    async with open_bench([device(1, *tags)], [registers(1)], timeout=0.5) as bench:
        await trio.sleep(10.9)
        bench.memory.stations.faults[1] = DeviceFaults(silent=True)
        await trio.sleep(0.3)
        LineSteering(bench.lines).stretch("bus", 8.0)
        bench.memory.stations.faults.clear()
        await trio.sleep(10)
        times = await acquired(bench, 20)
        assert max(gaps(times["l5"])) == 8.0
        assert set(gaps(times["a"])) == {1.0}
        assert max(bench.field.missed_deadlines().values()) <= 1


async def test_setting_it_again_and_again_holds_nothing_up(autojump_clock: MockClock) -> None:
    tags = [tag("a", 0), *(low(f"l{n}", 1 + n) for n in range(60)), tag("z", 61)]
    async with open_bench([device(1, *tags)], [registers(1)]) as bench:
        await trio.sleep(5)
        steering = LineSteering(bench.lines)

        async def turn() -> None:
            for number in range(400):
                steering.stretch("bus", (1.0, 8.0, 2.0, 1.5)[number % 4])
                await trio.sleep(0.07)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(turn)
            times = await acquired(bench, 28)
        assert max(gaps(times["a"])) <= 1.1
        assert max(gaps(times["l5"])) <= 8.1
        assert sum(bench.field.missed_deadlines().values()) == 0
