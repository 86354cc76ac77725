"""A line is lent although a safe value is owed on it, which is written as soon as its device answers all the same."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from drivers.simulated.device import SimulatedDevice
from drivers.simulated.faults import DeviceFaults
from gateway.core.errors import GatewayError
from gateway.core.ports import Outcome
from gateway.lines.leases import RETRY_MAX_S
from tests.gateway.lines.bench import Bench, device, open_bench, tag

SPEED = tag("speed", 10, writable=True, safe=0)
SPEED_NAME = "bus/d1/speed"
READ = bytes.fromhex("0300000001")


def drives() -> list[SimulatedDevice]:
    return [SimulatedDevice(unit, holding={0: 1, 10: 7}) for unit in (1, 2)]


async def dies_with_a_lease(bench: Bench, seconds: float) -> None:
    await trio.sleep(2)
    assert (await bench.field.write(SPEED_NAME, 900, seconds)).outcome is Outcome.CONFIRMED
    bench.memory.stations.faults[1] = DeviceFaults(silent=True)


@pytest.mark.parametrize(
    ("seconds", "waited"),
    [pytest.param(5.0, 30.0, id="owed before"), pytest.param(60.0, 10.0, id="runs out while it is lent")],
)
async def test_a_dead_device_does_not_keep_the_line_and_gets_its_safe_value_when_it_returns(
    autojump_clock: MockClock, seconds: float, waited: float
) -> None:
    simulated = drives()
    async with open_bench([device(1, SPEED), device(2, tag("t", 0))], simulated) as bench:
        await dies_with_a_lease(bench, seconds)
        await trio.sleep(waited)
        lease, _ = bench.field.borrow("bus", 600, None)
        asked_at = trio.current_time()
        while trio.current_time() < asked_at + 80:
            assert (await bench.field.exchange("bus", lease, 2, READ, 1.0)).pdu is not None, "the tool gets its answers"
            await trio.sleep(0.5)
        assert bench.field.leases()[0].owed
        bench.memory.stations.faults.clear()
        await trio.sleep(RETRY_MAX_S + 2)
        assert simulated[0].get("holding", 10) == 0
        assert bench.field.leases() == []
        polled = bench.memory.stations.counts["request"]
        assert (await bench.field.exchange("bus", lease, 2, READ, 1.0)).pdu is not None, "and the line is still lent"
        await trio.sleep(5)
        assert bench.memory.stations.counts["request"] == polled + 1, "nothing else goes over it"


async def test_a_tool_that_finds_the_device_brings_it_its_safe_value(autojump_clock: MockClock) -> None:
    simulated = drives()
    async with open_bench([device(1, SPEED)], simulated) as bench:
        await dies_with_a_lease(bench, 5)
        await trio.sleep(120)
        lease, _ = bench.field.borrow("bus", 600, None)
        bench.memory.stations.faults.clear()
        assert (await bench.field.exchange("bus", lease, 1, READ, 1.0)).pdu is not None
        await trio.sleep(0.3)
        assert simulated[0].get("holding", 10) == 0


async def test_others_are_refused_while_a_safe_value_is_owed_on_a_line_that_is_lent(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, SPEED)], drives()) as bench:
        await dies_with_a_lease(bench, 5)
        await trio.sleep(20)
        bench.field.borrow("bus", 60, None)
        assert (await bench.field.write(SPEED_NAME, 5, None)).reason == "borrowed"


async def test_a_device_that_answers_keeps_the_line_for_its_holder(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, SPEED)], drives()) as bench:
        await dies_with_a_lease(bench, 60)
        await trio.sleep(5)
        bench.memory.stations.faults.clear()
        await trio.sleep(20)
        with pytest.raises(GatewayError, match="its device answers"):
            bench.field.borrow("bus", 60, None)
