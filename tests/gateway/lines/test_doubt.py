"""A unit that has just missed an answer is most likely there: it is asked with patience, orders are worth a loss."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from drivers.simulated.device import SimulatedDevice
from drivers.simulated.faults import DeviceFaults, Spread, Window
from gateway.core.ports import Outcome
from gateway.core.reading import Quality
from gateway.lines.health import Cause, Presence
from tests.gateway.lines.bench import Bench, device, open_bench, tag

SPEED = tag("speed", 0, poll=0.5, writable=True, safe=0)
GONE = DeviceFaults(lost=1.0)


def drives() -> list[SimulatedDevice]:
    return [SimulatedDevice(unit, holding={0: 7}) for unit in (1, 2)]


async def fall_into_doubt(bench: Bench) -> None:
    """The budget is spent, and device 1 misses one answer; the next one it would give."""
    bench.line.polling.budget.spend(60.0, trio.current_time())
    bench.memory.stations.faults[1] = GONE
    for _ in range(200):
        if bench.line.polling.units[1].health.presence is Presence.DOUBTFUL:
            return
        await trio.sleep(0.01)
    raise AssertionError("no answer was missed")


async def test_a_write_to_a_unit_in_doubt_needs_no_budget(autojump_clock: MockClock) -> None:
    simulated = drives()
    async with open_bench([device(1, SPEED), device(2, tag("t", 0))], simulated) as bench:
        await trio.sleep(5)
        await fall_into_doubt(bench)
        bench.memory.stations.faults.clear()
        result = await bench.field.write("bus/d1/speed", 900, None)
        assert result.outcome is Outcome.CONFIRMED
        assert simulated[0].get("holding", 0) == 900


async def test_a_safe_value_reaches_a_unit_in_doubt(autojump_clock: MockClock) -> None:
    simulated = drives()
    async with open_bench([device(1, SPEED), device(2, tag("t", 0))], simulated) as bench:
        await trio.sleep(5)
        await bench.field.write("bus/d1/speed", 900, 1)
        await trio.sleep(0.2)
        await fall_into_doubt(bench)
        bench.memory.stations.faults.clear()
        await trio.sleep(1)
        assert simulated[0].get("holding", 0) == 0


async def test_orders_to_a_unit_that_is_gone_cost_two_more_losses_and_they_are_paid(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, SPEED), device(2, tag("t", 0))], drives()) as bench:
        await trio.sleep(5)
        await fall_into_doubt(bench)
        polling = bench.line.polling
        requests, lost = polling.units[1].health.counters.requests, polling.budget.lost
        for _ in range(5):
            assert (await bench.field.write("bus/d1/speed", 900, None)).outcome is Outcome.NOT_SENT
        assert polling.units[1].health.presence is Presence.SILENT
        assert polling.units[1].health.counters.requests == requests + 2
        assert 0.0 < polling.budget.lost - lost < 2.2


async def test_who_asks_a_unit_that_is_gone_is_told_what_was_sent_and_what_was_not(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, SPEED), device(2, tag("t", 0))], drives()) as bench:
        await trio.sleep(5)
        await fall_into_doubt(bench)
        counters = bench.line.polling.units[1].health.counters
        said: set[tuple[str, bool]] = set()
        for _ in range(5):
            before = counters.requests
            result = await bench.field.write("bus/d1/speed", 900, None)
            said.add((str(result.message), counters.requests > before))
        assert said == {
            ("d1 did not answer when it was looked for, so the request itself was not sent", True),
            ("d1 is silent and looked for from time to time only: the request was not sent", False),
        }


async def test_orders_to_a_silent_unit_cost_the_others_no_deadline(autojump_clock: MockClock) -> None:
    """Not even those that get the whole time-out now and then, since it may have become slow."""
    configured = [device(1, SPEED), device(2, tag("t", 0, poll=0.25))]
    async with open_bench(configured, drives(), timeout=1.0) as bench:
        await trio.sleep(10)
        bench.memory.stations.faults[1] = GONE
        await trio.sleep(10)
        missed = {row.name: row.missed_deadlines for row in bench.field.tags()}["bus/d2/t"]
        for _ in range(60):
            await trio.sleep(1.03)
            assert (await bench.field.write("bus/d1/speed", 900, None)).outcome is Outcome.NOT_SENT
        assert {row.name: row.missed_deadlines for row in bench.field.tags()}["bus/d2/t"] == missed


@pytest.mark.parametrize("transport", ["rtu", "tcp"])
async def test_a_quick_device_that_pauses_is_not_called_down(autojump_clock: MockClock, transport: str) -> None:
    """Its time-outs are a thirtieth of the configured one by then; a busy controller pauses for longer than two."""
    pauses = tuple(Window(at, at + 0.4) for at in range(20, 120, 10))
    async with open_bench(
        [device(1, SPEED)],
        drives(),
        faults={1: DeviceFaults(silent_in=pauses)},
        transport=transport,
        timeout=1.0,
    ) as bench:
        await trio.sleep(15)
        bench.events.clear()
        for _ in range(1200):
            await trio.sleep(0.1)
            assert bench.read("d1/speed").quality is not Quality.BAD
        assert bench.line.polling.units[1].health.counters.errors[Cause.TIMEOUT] >= len(pauses)
        assert not bench.events


async def test_a_device_that_becomes_slow_is_found_with_the_first_patient_request(autojump_clock: MockClock) -> None:
    """From then on it is given the time it needs, up to the configured time-out."""
    async with open_bench([device(1, SPEED)], drives(), transport="tcp", timeout=1.0) as bench:
        await trio.sleep(15)
        bench.events.clear()
        bench.memory.stations.faults[1] = DeviceFaults(jitter=Spread(0.3, 0.4))
        await trio.sleep(30)
        assert not bench.events
        assert bench.read("d1/speed").quality is Quality.GOOD
        assert bench.line.polling.units[1].health.counters.errors[Cause.TIMEOUT] < 8


async def test_a_device_that_is_gone_is_down_within_two_seconds(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, SPEED), device(2, tag("t", 0, poll=0.5))], drives(), timeout=1.0) as bench:
        await trio.sleep(15)
        bench.memory.stations.faults[1] = GONE
        await trio.sleep(2)
        assert [(type_, data["device"]) for type_, data in bench.events if type_ == "device:down"] == [
            ("device:down", "d1")
        ]
        assert bench.read("d1/speed").quality is Quality.BAD
