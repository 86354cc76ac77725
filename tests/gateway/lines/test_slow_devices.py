"""Devices that are slow, become slow, or are slow in parts: heard as long as the configuration allows it."""

from __future__ import annotations

import struct

import pytest
import trio
from trio.testing import MockClock

from drivers.simulated.device import SimulatedDevice
from gateway.core.ports import Outcome
from gateway.core.reading import Quality
from tests.gateway.lines.bench import device, open_bench, tag

SLOW_S = 0.4


class SlowInParts(SimulatedDevice):
    """Writes, and reads of registers from 100 on, take long."""

    def answer(self, pdu: bytes, now: float) -> bytes | None:
        slow = pdu[0] > 4 or struct.unpack(">H", pdu[1:3])[0] >= 100
        self.turnaround_s = SLOW_S if slow else 0.005
        return super().answer(pdu, now)


def slow_in_parts() -> SlowInParts:
    return SlowInParts(1, holding={n: n for n in range(250)})


async def test_a_device_that_becomes_slow_is_found_again(autojump_clock: MockClock) -> None:
    simulated = SimulatedDevice(1, holding={0: 1})
    async with open_bench([device(1, tag("t", 0))], [simulated]) as bench:
        await trio.sleep(30)
        simulated.turnaround_s = SLOW_S
        await trio.sleep(60)
        assert bench.read("d1/t").quality is Quality.GOOD


async def test_a_device_as_slow_as_its_time_out_allows_is_polled(autojump_clock: MockClock) -> None:
    simulated = SimulatedDevice(1, holding={0: 1}, turnaround_s=3.0)
    async with open_bench([device(1, tag("t", 0, poll=10.0), timeout=5.0)], [simulated]) as bench:
        await trio.sleep(200)
        assert bench.read("d1/t").quality is Quality.GOOD


@pytest.mark.parametrize("transport", ["rtu", "tcp"])
async def test_slow_registers_are_read_beside_fast_ones(autojump_clock: MockClock, transport: str) -> None:
    tags = [tag("t", 0, poll=0.5), tag("s", 120, poll=5.0)]
    async with open_bench([device(1, *tags, max_hole=0)], [slow_in_parts()], transport=transport) as bench:
        await trio.sleep(60)
        for name, value in (("d1/t", 0), ("d1/s", 120)):
            assert (bench.read(name).value, bench.read(name).quality) == (value, Quality.GOOD)
        lost = bench.line.polling.budget.lost
        await trio.sleep(60)
        assert bench.line.polling.budget.lost == lost, "once learned, no answer is missed"


async def test_a_slow_write_among_fast_reads_is_confirmed(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, tag("t", 0, poll=0.2, writable=True))], [slow_in_parts()]) as bench:
        await trio.sleep(10)
        assert (await bench.field.write("bus/d1/t", 5, None)).outcome is Outcome.CONFIRMED
        before = bench.line.polling.busy.total
        await trio.sleep(5)
        assert bench.line.polling.busy.total - before < 0.75, "reads are not waited for as long as the write was"


@pytest.mark.parametrize("transport", ["rtu", "tcp"])
async def test_a_write_of_several_slow_exchanges_is_no_hung_line(autojump_clock: MockClock, transport: str) -> None:
    simulated = SimulatedDevice(1, holding={0: 1})
    slow = tag("t", 0, poll=3600.0, writable=True, readback=True)
    async with open_bench([device(1, slow)], [simulated], transport=transport, timeout=60.0) as bench:
        await trio.sleep(20)
        simulated.turnaround_s = 50.0
        result = await bench.field.write("bus/d1/t", 5, None)
        assert (result.outcome, bench.lines.falls("bus")) == (Outcome.CONFIRMED, 0)
        assert bench.lines.alive(trio.current_time())


async def test_a_request_that_is_waited_for_as_long_as_may_be_is_no_hung_line(autojump_clock: MockClock) -> None:
    slow = device(1, tag("t", 0, poll=3600.0), timeout=60.0)
    async with open_bench([slow], [], reconnect_min=0.05, reconnect_max=0.05) as bench, trio.open_nursery() as nursery:
        await trio.sleep(20)
        nursery.start_soon(bench.field.modbus_read, "bus", 1, "holding", 0, 1)
        for _ in range(60):
            await trio.sleep(5)
            assert bench.lines.alive(trio.current_time())
        assert bench.lines.falls("bus") == 0
        nursery.cancel_scope.cancel()
