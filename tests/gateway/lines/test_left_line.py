"""A connection that ended while nobody used it is found out before an order is sent, not by it."""

from __future__ import annotations

import math

import pytest
import trio
from trio.testing import MockClock

from drivers.simulated.device import SimulatedDevice
from drivers.simulated.faults import DeviceFaults
from gateway.core.ports import Outcome
from gateway.core.reading import Quality
from gateway.lines.health import Cause
from tests.gateway.lines.bench import Bench, device, open_bench, tag

SELDOM = tag("t", 0, poll=3600.0, writable=True)
TRANSPORTS = ["rtu", "ascii", "tcp"]


async def leave(bench: Bench) -> None:
    """What devices do that close idle connections: the port is of no use any more, another one can be opened."""
    await trio.sleep(60)
    bench.memory.unplug()
    bench.memory.replug()
    await trio.sleep(60)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_write_goes_out_on_the_next_connection(autojump_clock: MockClock, transport: str) -> None:
    simulated = SimulatedDevice(1, holding={0: 7})
    async with open_bench([device(1, SELDOM)], [simulated], transport=transport) as bench:
        await leave(bench)
        assert (await bench.field.write("bus/d1/t", 5, None)).outcome is Outcome.CONFIRMED
        assert (simulated.get("holding", 0), bench.line.opened) == (5, 2)
        await trio.sleep(1)
        assert bench.read("d1/t").quality is Quality.GOOD


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_read_on_demand_too(autojump_clock: MockClock, transport: str) -> None:
    async with open_bench([], [SimulatedDevice(9, holding={3: 7})], transport=transport) as bench:
        await leave(bench)
        assert (await bench.field.modbus_read("bus", 9, "holding", 3, 1)).values == [7]


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_what_cannot_be_opened_again_was_not_sent(autojump_clock: MockClock, transport: str) -> None:
    simulated = SimulatedDevice(1, holding={0: 7})
    async with open_bench([device(1, SELDOM)], [simulated], transport=transport) as bench:
        await trio.sleep(60)
        bench.memory.unplug()
        await trio.sleep(60)
        result = await bench.field.write("bus/d1/t", 5, None)
        assert (result.outcome, result.reason) == (Outcome.NOT_SENT, "link_down")


async def test_a_peer_that_closes_at_once_is_not_called_up_without_pause(autojump_clock: MockClock) -> None:
    simulated = SimulatedDevice(1, holding={0: 7})
    async with open_bench([device(1, SELDOM)], [simulated], transport="tcp") as bench, trio.open_nursery() as nursery:
        await leave(bench)

        async def close_each() -> None:
            while True:
                bench.memory.unplug()
                bench.memory.replug()
                await trio.sleep(0.02)

        async def write() -> None:
            while True:
                await bench.field.write("bus/d1/t", 5, None)
                await trio.sleep(0.05)

        nursery.start_soon(close_each)
        nursery.start_soon(write)
        await trio.sleep(60)
        assert bench.line.opened < 20
        nursery.cancel_scope.cancel()


async def test_what_came_unasked_is_still_told_and_waited_out(autojump_clock: MockClock) -> None:
    """Looking takes it from the port: the line must fall silent before the order all the same."""
    simulated = SimulatedDevice(1, holding={0: 7})
    async with open_bench([device(1, SELDOM)], [simulated], transport="tcp") as bench:
        await trio.sleep(5)
        simulated.turnaround_s = 3.0
        assert (await bench.field.modbus_read("bus", 1, "holding", 0, 1)).values is None
        await trio.sleep(10)
        simulated.turnaround_s = 0.002
        for value in range(3):
            assert (await bench.field.write("bus/d1/t", value, None)).outcome is Outcome.CONFIRMED
        assert bench.line.polling.units[1].health.counters.errors[Cause.LATE]


@pytest.mark.parametrize("transport", ["tcp", "rtu-over-tcp"])
async def test_polls_go_on_where_idle_connections_are_closed(autojump_clock: MockClock, transport: str) -> None:
    """Nothing is wrong with such a device: no value is bad for it, and nobody is told that its line was down."""
    often, seldom = tag("often", 0, poll=30.0), tag("seldom", 1, poll=120.0)
    simulated = SimulatedDevice(1, holding={0: 7, 1: 8})
    async with open_bench([device(1, often, seldom)], [simulated], transport=transport) as bench:
        await trio.sleep(5)
        told = len(bench.events)
        for number in range(20):
            bench.memory.unplug()
            bench.memory.replug()
            simulated.set("holding", 0, number)
            for _ in range(60):
                await trio.sleep(0.5)
                assert {bench.read("d1/often").quality, bench.read("d1/seldom").quality} == {Quality.GOOD}
            assert bench.read("d1/often").value == number
        assert bench.line.opened == 21
        assert bench.events[told:] == []
        assert sum(bench.field.missed_deadlines().values()) == 0


@pytest.mark.parametrize(("transport", "left"), [("tcp", 0.5), ("rtu-over-tcp", 0.5), ("tcp", 0.01)])
async def test_polls_go_on_where_connections_end_sooner_than_it_is_looked(
    autojump_clock: MockClock, transport: str, left: float
) -> None:
    """Between two polls a second apart, or when the next request is on its way already: it is repeated once."""
    simulated = SimulatedDevice(1, holding=dict.fromkeys(range(40), 0), turnaround_s=0.05)
    async with open_bench([device(1, tag("t", 0, poll=1.0))], [simulated], transport=transport) as bench:
        await trio.sleep(5)
        told = len(bench.events)
        for number in range(20):
            simulated.set("holding", 0, number)
            await trio.sleep_until(math.floor(trio.current_time()) + 1 + left)
            bench.memory.unplug()
            bench.memory.replug()
            for _ in range(9):
                await trio.sleep(0.1)
                assert bench.read("d1/t").quality is Quality.GOOD
        assert bench.read("d1/t").value == 19
        assert bench.line.opened == 21
        assert bench.events[told:] == []
        assert sum(bench.field.missed_deadlines().values()) == 0


async def test_a_read_that_ends_each_connection_is_a_fault(autojump_clock: MockClock) -> None:
    """It is repeated once on another one, and that is given up with it."""
    simulated = SimulatedDevice(1, holding={0: 7, 500: 8}, turnaround_s=0.05)
    tags = tag("harmless", 0, poll=0.5), tag("deadly", 500, poll=0.5)
    async with open_bench([device(1, *tags)], [simulated], transport="tcp", reconnect_max=5.0) as bench:
        await trio.sleep(20)
        serve = simulated.answer

        def answer(pdu: bytes, now: float) -> bytes | None:
            if pdu[1:3] == (500).to_bytes(2, "big"):
                bench.memory.unplug()
                bench.memory.replug()
            return serve(pdu, now)

        simulated.answer = answer  # type: ignore[method-assign]  # it has learned to break down
        before = bench.line.opened
        await trio.sleep(60)
        assert bench.line.opened - before < 60
        assert "line:down" in [kind for kind, _ in bench.events]


async def test_a_line_that_cannot_be_opened_again_is_down(autojump_clock: MockClock) -> None:
    simulated = SimulatedDevice(1, holding={0: 7})
    async with open_bench([device(1, tag("t", 0, poll=30.0))], [simulated], transport="tcp") as bench:
        await trio.sleep(45)
        bench.memory.unplug()
        await trio.sleep(60)
        assert bench.read("d1/t").quality is Quality.BAD
        assert [kind for kind, _ in bench.events].count("line:down") == 1
        bench.memory.replug()
        await trio.sleep(60)
        assert bench.read("d1/t").quality is Quality.GOOD


async def test_one_that_closes_before_it_answers_is_called_up_with_pauses(autojump_clock: MockClock) -> None:
    simulated = SimulatedDevice(1, holding={0: 7})
    async with open_bench([device(1, tag("t", 0, poll=5.0))], [simulated], transport="tcp") as bench:
        await trio.sleep(20)
        before = bench.line.opened
        bench.memory.stations.faults[1] = DeviceFaults(silent=True)
        for _ in range(600):
            bench.memory.unplug()
            bench.memory.replug()
            await trio.sleep(0.1)
        assert bench.line.opened - before < 40
