"""Which leases are in force is told as it is: what was written, what it goes back to, and what is still owed."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from drivers.simulated.device import SimulatedDevice
from drivers.simulated.faults import DeviceFaults
from gateway.core.ports import LeaseInForce, Outcome
from tests.gateway.lines.bench import Bench, Facts, device, open_bench, tag

SPEED = tag("speed", 0, writable=True, safe=0)
OTHER = tag("other", 9, writable=True, safe=3)
SPEED_NAME = "bus/d1/speed"


def drive() -> SimulatedDevice:
    return SimulatedDevice(1, holding={0: 7, 9: 1})


def only(bench: Bench) -> LeaseInForce:
    [lease] = bench.field.leases()
    return lease


async def test_a_lease_is_shown_from_its_write_to_its_end(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, SPEED, OTHER)], [drive()]) as bench:
        await trio.sleep(2)
        assert bench.field.leases() == []
        for name, value, seconds in ((SPEED_NAME, 900, 20), ("bus/d1/other", 5, 10), (SPEED_NAME, 901, 30)):
            assert (await bench.field.write(name, value, seconds)).outcome is Outcome.CONFIRMED
        other, speed = bench.field.leases()
        assert (speed.tag, speed.value, speed.safe_value, speed.owed) == (SPEED_NAME, 901, 0, False)
        assert 29 < speed.seconds_left <= 30
        assert (other.tag, other.value, other.safe_value) == ("bus/d1/other", 5, 3)
        await trio.sleep(11)
        assert only(bench).tag == SPEED_NAME
        assert 18 < only(bench).seconds_left < 19
        await trio.sleep(20)
        assert bench.field.leases() == []


async def test_a_safe_value_that_could_not_be_written_is_owed(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, SPEED)], [drive()]) as bench:
        await trio.sleep(2)
        assert (await bench.field.write(SPEED_NAME, 900, 2)).outcome is Outcome.CONFIRMED
        bench.memory.stations.faults[1] = DeviceFaults(silent=True)
        for _ in range(50):
            await trio.sleep(0.5)
            assert only(bench).owed is (only(bench).seconds_left == 0), "while it is tried again, too"
        assert only(bench) == LeaseInForce(SPEED_NAME, 900, 0, 0.0, owed=True)
        bench.memory.stations.faults.clear()
        await trio.sleep(15)
        assert bench.field.leases() == []


async def test_a_renewal_that_was_not_sent_changes_nothing_of_what_is_shown(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, SPEED)], [drive()]) as bench:
        await trio.sleep(2)
        assert (await bench.field.write(SPEED_NAME, 900, 60)).outcome is Outcome.CONFIRMED
        bench.memory.unplug()
        await trio.sleep(1)
        assert (await bench.field.write(SPEED_NAME, 901, 600)).outcome is Outcome.NOT_SENT
        assert only(bench).value == 900
        assert 50 < only(bench).seconds_left < 60


@pytest.mark.parametrize(("address", "safe_value"), [(0, 0), (5, None)])
async def test_what_was_written_before_a_restart_is_unknown(
    autojump_clock: MockClock, address: int, safe_value: int | None
) -> None:
    facts = Facts()
    async with open_bench([device(1, SPEED)], [drive()], facts=facts) as bench:
        await trio.sleep(2)
        assert (await bench.field.write(SPEED_NAME, 900, 60)).outcome is Outcome.CONFIRMED
    dead = {1: DeviceFaults(silent=True)}
    async with open_bench([device(1, replace(SPEED, address=address))], [drive()], faults=dead, facts=facts) as bench:
        await trio.sleep(5)
        assert only(bench) == LeaseInForce(SPEED_NAME, None, safe_value, 0.0, owed=True)
