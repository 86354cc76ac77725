"""Reads on demand take their share of a line and no more; what they may not take, they wait for."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock

from drivers.simulated.device import SimulatedDevice
from gateway.core.ports import Outcome
from gateway.core.reading import Quality
from gateway.core.steering import LEAST_ON_DEMAND, LineGlance
from gateway.lines.orders import MOST_ORDERS, ORDER_PATIENCE_S
from gateway.lines.steering import LineSteering
from tests.gateway.lines.bench import Bench, device, open_bench, tag


def registers(unit: int) -> SimulatedDevice:
    return SimulatedDevice(unit, holding={n: n for n in range(200)})


def busy(unit: int) -> object:
    """Eight blocks of eight registers every 0.4 s: together with a second such device most of a line at 19200 baud."""
    return device(unit, *(tag(f"t{n}", 20 * n, poll=0.4, type="uint64", length=4) for n in range(4)))


@asynccontextmanager
async def flooded(bench: Bench, callers: int, count: int = 60) -> AsyncIterator[Counter[str | None]]:
    """Callers who ask for registers again as soon as they have them; counts what they are told."""
    told: Counter[str | None] = Counter()

    async def ask() -> None:
        while True:
            answer = await bench.field.modbus_read("bus", 1, "holding", 0, count)
            told[answer.reason] += 1
            if answer.reason is not None:
                await trio.sleep(0.1)

    async with trio.open_nursery() as nursery:
        for _ in range(callers):
            nursery.start_soon(ask)
        yield told
        nursery.cancel_scope.cancel()


def line(bench: Bench) -> LineGlance:
    return LineSteering(bench.lines).glance().lines[0]


def missed(bench: Bench) -> int:
    return sum(bench.field.missed_deadlines().values())


@asynccontextmanager
async def plant(**more: object) -> AsyncIterator[Bench]:
    async with open_bench([busy(1), busy(2)], [registers(1), registers(2)], **more) as bench:  # type: ignore[arg-type,list-item]  # test data
        await trio.sleep(5)
        yield bench


async def test_a_flood_costs_polls_their_deadlines_and_a_bounded_one_does_not(autojump_clock: MockClock) -> None:
    async with plant() as bench:
        assert missed(bench) == 0
        async with flooded(bench, 8):
            await trio.sleep(20)
            before = missed(bench)
            assert before > 20, "without a bound they go first"
            assert LineSteering(bench.lines).bound_on_demand("bus", 0.1) == 0.1
            await trio.sleep(3)
            settled = missed(bench)
            await trio.sleep(30)
            assert missed(bench) == settled
            assert line(bench).on_demand_bound == 0.1
            assert {bench.read(f"d1/t{n}").quality for n in range(4)} == {Quality.GOOD}


async def test_what_is_left_by_the_polls_is_not_wasted(autojump_clock: MockClock) -> None:
    async with plant() as bench:
        LineSteering(bench.lines).bound_on_demand("bus", LEAST_ON_DEMAND)
        async with flooded(bench, 8, 10) as told:
            await trio.sleep(70)
            seen = line(bench)
            assert seen.on_demand is not None
            assert seen.utilisation is not None
            assert seen.on_demand > 2 * LEAST_ON_DEMAND, "more than their share: nobody else needed it"
            assert seen.utilisation > 0.8
            assert told[None] > 200
            assert missed(bench) == 0


async def test_on_a_line_without_time_they_have_their_share_and_no_more(autojump_clock: MockClock) -> None:
    tags = [tag(f"t{n}", 20 * n, poll=0.1, type="uint64", length=4) for n in range(8)]
    async with open_bench([device(1, *tags)], [registers(1)]) as bench:
        await trio.sleep(5)
        assert (line(bench).utilisation or 0) > 0.9
        LineSteering(bench.lines).bound_on_demand("bus", 0.2)
        async with flooded(bench, 4, 20) as told:
            await trio.sleep(60)
            assert line(bench).on_demand == pytest.approx(0.2, abs=0.03)
            assert told[None] > 50


async def test_who_has_waited_too_long_is_told_so(autojump_clock: MockClock) -> None:
    tags = [tag(f"t{n}", 20 * n, poll=0.1, type="uint64", length=4) for n in range(8)]
    async with open_bench([device(1, *tags)], [registers(1)]) as bench:
        await trio.sleep(5)
        LineSteering(bench.lines).bound_on_demand("bus", LEAST_ON_DEMAND)
        async with flooded(bench, MOST_ORDERS + 20) as told:
            longest = 0.0

            async def ask() -> None:
                nonlocal longest
                for _ in range(10):
                    began = trio.current_time()
                    await bench.field.modbus_read("bus", 1, "holding", 0, 60)
                    longest = max(longest, trio.current_time() - began)
                    await trio.sleep(0.5)

            with trio.move_on_after(40):
                await ask()
            await trio.sleep(12)
            assert set(told) == {None, "expired", "queue_full"}
            assert longest <= ORDER_PATIENCE_S + 0.5


async def test_a_lone_reader_gets_through_on_the_fullest_line(autojump_clock: MockClock) -> None:
    tags = [tag(f"t{n}", 20 * n, poll=0.1, type="uint64", length=4) for n in range(8)]
    async with open_bench([device(1, *tags)], [registers(1)]) as bench:
        await trio.sleep(5)
        LineSteering(bench.lines).bound_on_demand("bus", 0.0)
        for _ in range(8):
            answer = await bench.field.modbus_read("bus", 1, "holding", 0, 100)
            assert answer.reason is None
            await trio.sleep(1)


async def test_writes_and_safe_values_are_never_bounded(autojump_clock: MockClock) -> None:
    setpoint = tag("set", 190, poll=5.0, writable=True, safe=3)
    tags = [tag(f"t{n}", 20 * n, poll=0.1, type="uint64", length=4) for n in range(8)]
    async with open_bench([device(1, setpoint, *tags)], [registers(1)]) as bench:
        await trio.sleep(5)
        LineSteering(bench.lines).bound_on_demand("bus", LEAST_ON_DEMAND)
        async with flooded(bench, MOST_ORDERS + 20):
            await trio.sleep(5)
            for value in range(10):
                began = trio.current_time()
                assert (await bench.field.write("bus/d1/set", value, None)).outcome is Outcome.CONFIRMED
                assert (await bench.field.modbus_write("bus", 1, "holding", 195, [value])).outcome is Outcome.CONFIRMED
                assert trio.current_time() - began < 0.5
                await trio.sleep(0.1)
            await bench.field.write("bus/d1/set", 99, 2.0)
            await trio.sleep(3)
            assert bench.field.leases() == [], "its safe value was written in time"


async def test_fresh_values_of_tags_are_bounded_like_other_reads(autojump_clock: MockClock) -> None:
    slow = [tag(f"s{n}", 20 * n + 10, poll=60.0, type="uint64", length=4) for n in range(8)]
    tags = [tag(f"t{n}", 20 * n, poll=0.2, type="uint64", length=4) for n in range(8)]
    async with open_bench([device(1, *tags), device(2, *slow)], [registers(1), registers(2)]) as bench:
        await trio.sleep(62)
        LineSteering(bench.lines).bound_on_demand("bus", 0.1)

        async def ask(number: int) -> None:
            while True:
                await bench.field.read([f"bus/d2/s{number}"], 0.05)
                await trio.sleep(0.01)

        async with trio.open_nursery() as nursery:
            for number in range(8):
                nursery.start_soon(ask, number)
            await trio.sleep(30)
            assert (line(bench).utilisation or 0) > 0.8
            assert missed(bench) == 0
            LineSteering(bench.lines).bound_on_demand("bus", None)
            await trio.sleep(10)
            assert missed(bench) > 10, "without a bound they go first"
            nursery.cancel_scope.cancel()


async def test_a_fresh_value_comes_at_once_where_the_line_has_time(autojump_clock: MockClock) -> None:
    tags = (tag("a", 1, poll=60.0), tag("b", 90, poll=None))
    async with open_bench([device(1, *tags)], [registers(1)]) as bench:
        await trio.sleep(30)
        LineSteering(bench.lines).bound_on_demand("bus", LEAST_ON_DEMAND)
        for name in "abab":
            began = trio.current_time()
            [reading] = await bench.field.read([f"bus/d1/{name}"], 0.0)
            assert trio.current_time() - began < 0.1
            assert reading.sample is not None
            assert reading.sample.acquired > began
            await trio.sleep(1)


async def test_what_waits_goes_on_when_the_bound_is_lifted(autojump_clock: MockClock) -> None:
    tags = [tag(f"t{n}", 20 * n, poll=0.1, type="uint64", length=4) for n in range(8)]
    async with open_bench([device(1, *tags)], [registers(1)]) as bench:
        await trio.sleep(5)
        steering = LineSteering(bench.lines)
        steering.bound_on_demand("bus", LEAST_ON_DEMAND)
        async with flooded(bench, 20) as told:
            await trio.sleep(2)
            before = told[None]
            assert steering.bound_on_demand("bus", None) is None
            assert line(bench).on_demand_bound is None
            await trio.sleep(3)
            assert told[None] > before + 20


@pytest.mark.parametrize(
    ("asked", "holds"),
    [(0.0, LEAST_ON_DEMAND), (-1.0, LEAST_ON_DEMAND), (math.nan, LEAST_ON_DEMAND), (7.0, 1.0), (0.3, 0.3)],
)
async def test_no_bound_closes_the_line_to_readers(autojump_clock: MockClock, asked: float, holds: float) -> None:
    async with open_bench([device(1, tag("a", 1))], [registers(1)]) as bench:
        assert LineSteering(bench.lines).bound_on_demand("bus", asked) == holds


async def test_who_waits_is_told_when_the_link_falls_or_a_tool_takes_the_line(autojump_clock: MockClock) -> None:
    tags = [tag(f"t{n}", 20 * n, poll=0.1, type="uint64", length=4) for n in range(8)]
    async with open_bench([device(1, *tags, tag("slow", 190, poll=60.0))], [registers(1)]) as bench:
        await trio.sleep(62)
        LineSteering(bench.lines).bound_on_demand("bus", LEAST_ON_DEMAND)
        async with flooded(bench, 20) as told:
            await trio.sleep(1)
            began = trio.current_time()
            bench.field.borrow("bus", 3.0, None)
            await bench.field.read(["bus/d1/slow"], 0.0)
            assert trio.current_time() == began, "nobody waits for what rests"
            await trio.sleep(0.05)
            assert told["borrowed"] >= 15
            await trio.sleep(5)
            bench.memory.unplug()
            await trio.sleep(0.5)
            assert told["link_down"] >= 15


async def test_a_bound_outlives_a_reload(autojump_clock: MockClock) -> None:
    async with plant() as bench:
        LineSteering(bench.lines).bound_on_demand("bus", 0.1)
        await bench.lines.reload(["bus"], [bench.settings])
        assert line(bench).on_demand_bound == 0.1
