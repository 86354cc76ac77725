"""Safe values that could not be written follow as soon as their device answers again, not at the next try."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from drivers.simulated.device import SimulatedDevice
from drivers.simulated.faults import DeviceFaults
from gateway.core.ports import Outcome
from gateway.lines.absence import OWED_EVERY_S
from gateway.lines.leases import RETRY_MAX_S, RETRY_S, Leases
from tests.gateway.lines.bench import Bench, Facts, device, open_bench, tag

SPEED = tag("speed", 0, writable=True, safe=0)
SOON_S = 0.3


async def seconds_until_safe(bench: Bench, simulated: SimulatedDevice) -> float:
    """From the moment the gateway says that the device is there."""
    seen = sum(kind == "device:up" for kind, _ in bench.events)
    for _ in range(6000):
        if sum(kind == "device:up" for kind, _ in bench.events) > seen:
            break
        await trio.sleep(0.01)
    up = trio.current_time()
    for _ in range(3000):
        if simulated.get("holding", 0) == 0:
            break
        await trio.sleep(0.01)
    return trio.current_time() - up


@pytest.mark.parametrize("away", [7.0, 14.0, 33.0, 61.0])
async def test_a_device_that_was_silent(autojump_clock: MockClock, away: float) -> None:
    simulated = SimulatedDevice(1, holding={0: 7})
    async with open_bench([device(1, SPEED)], [simulated]) as bench:
        await trio.sleep(2)
        assert (await bench.field.write("bus/d1/speed", 900, 2)).outcome is Outcome.CONFIRMED
        bench.memory.stations.faults[1] = DeviceFaults(silent=True)
        await trio.sleep(away)
        bench.memory.stations.faults.clear()
        assert await seconds_until_safe(bench, simulated) < SOON_S


@pytest.mark.parametrize("away", [8.0, 16.0, 32.0])
async def test_a_line_that_was_unplugged(autojump_clock: MockClock, away: float) -> None:
    simulated = SimulatedDevice(1, holding={0: 7})
    async with open_bench([device(1, SPEED)], [simulated]) as bench:
        await trio.sleep(2)
        assert (await bench.field.write("bus/d1/speed", 900, 2)).outcome is Outcome.CONFIRMED
        bench.memory.unplug()
        await trio.sleep(away)
        bench.memory.replug()
        assert await seconds_until_safe(bench, simulated) < SOON_S


async def test_a_renewal_that_failed_meanwhile_does_not_hide_that_the_safe_value_waits(
    autojump_clock: MockClock,
) -> None:
    simulated = SimulatedDevice(1, holding={0: 7})
    async with open_bench([device(1, SPEED)], [simulated]) as bench:
        await trio.sleep(2)
        assert (await bench.field.write("bus/d1/speed", 900, 2)).outcome is Outcome.CONFIRMED
        bench.memory.unplug()
        await trio.sleep(32)
        assert (await bench.field.write("bus/d1/speed", 901, 30)).outcome is Outcome.NOT_SENT
        bench.memory.replug()
        assert await seconds_until_safe(bench, simulated) < SOON_S


async def test_another_device_that_returns_changes_nothing(autojump_clock: MockClock) -> None:
    simulated = [SimulatedDevice(unit, holding={0: 7}) for unit in (1, 2)]
    async with open_bench([device(1, SPEED), device(2, tag("t", 0))], simulated) as bench:
        await trio.sleep(2)
        assert (await bench.field.write("bus/d1/speed", 900, 2)).outcome is Outcome.CONFIRMED
        bench.memory.stations.faults.update({1: DeviceFaults(silent=True), 2: DeviceFaults(silent=True)})
        await trio.sleep(40)
        requests = bench.line.polling.units[1].health.counters.requests
        del bench.memory.stations.faults[2]
        await trio.sleep(20)
        assert bench.line.polling.units[1].health.counters.requests - requests < 8, (
            "tries stay as far apart as they were"
        )
        assert simulated[0].get("holding", 0) == 900


def test_pauses_start_anew_after_a_return() -> None:
    leases = Leases(Facts(), 0.0)
    leases.take("t", 1.0, 0.0, place="register 3", value=900, by=None)
    now = 1.0
    for _ in range(8):
        leases.settle("t")
        assert leases.waiting() == [], "it is being written: there is nothing to hasten"
        leases.retry("t", now)
        now += RETRY_MAX_S
    assert leases.waiting() == ["t"]
    leases.hasten("t", now)
    assert (leases.due(now), leases.waiting()) == ("t", [])
    leases.settle("t")
    leases.retry("t", now)
    assert leases.next_end() == now + RETRY_S


def test_a_lease_that_has_not_run_out_does_not_wait() -> None:
    leases = Leases(Facts(), 0.0)
    leases.take("t", 60.0, 0.0, place="register 3", value=900, by=None)
    assert leases.waiting() == []


async def test_a_safe_value_does_not_wait_for_what_other_silence_has_cost(autojump_clock: MockClock) -> None:
    """The probes of a line that may lose little time to silence are minutes apart; a machine must stop before that."""
    silent = (*range(2, 8),)
    configured = [device(1, tag("t", 0, poll=1.0)), *(device(unit, SPEED) for unit in (*silent, 9))]
    drive = SimulatedDevice(9, holding={0: 7})
    simulated = [SimulatedDevice(1, holding={0: 1}), *(SimulatedDevice(unit, holding={0: 0}) for unit in silent), drive]
    async with open_bench(configured, simulated, silent_share=0.01, timeout=0.5) as bench:
        await trio.sleep(10)
        assert (await bench.field.write("bus/d9/speed", 900, 3)).outcome is Outcome.CONFIRMED
        for unit in (*silent, 9):
            bench.memory.stations.faults[unit] = DeviceFaults(silent=True)
        await trio.sleep(8)
        del bench.memory.stations.faults[9]
        await trio.sleep(RETRY_MAX_S + OWED_EVERY_S)
        assert drive.get("holding", 0) == 0
        assert bench.field.leases() == []
        assert sum(bench.field.missed_deadlines().get(name, 0) for name in ("bus/d1/t",)) == 0
