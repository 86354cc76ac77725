"""A line on which nobody answers: there is nobody to protect, so its devices are found again quickly."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from drivers.simulated.device import SimulatedDevice
from drivers.simulated.faults import DeviceFaults, Window
from gateway.core.ports import Outcome
from gateway.core.reading import Quality
from gateway.lines.health import Cause, Presence
from tests.gateway.lines.bench import Bench, device, open_bench, tag

CABINET = range(1, 31)
OFF = DeviceFaults(silent=True)


def devices(units: range) -> list[SimulatedDevice]:
    return [SimulatedDevice(unit, holding={0: unit}) for unit in units]


async def seconds_until_all_good(bench: Bench, units: range) -> float:
    start = trio.current_time()
    for _ in range(2000):
        if all(bench.read(f"d{unit}/t").quality is Quality.GOOD for unit in units):
            break
        await trio.sleep(0.1)
    return trio.current_time() - start


@pytest.mark.parametrize("off", [10.0, 30.0, 300.0])
@pytest.mark.parametrize("known", [True, False])
async def test_a_cabinet_after_a_power_cut(autojump_clock: MockClock, off: float, *, known: bool) -> None:
    """Long or short, seen before or not: what its fall cost is not owed to anybody either."""
    faults = {} if known else dict.fromkeys(CABINET, OFF)
    configured = [device(unit, tag("t", 0, poll=5.0)) for unit in CABINET]
    async with open_bench(configured, devices(CABINET), faults=faults) as bench:
        await trio.sleep(20)
        bench.memory.stations.faults.update(dict.fromkeys(CABINET, OFF))
        await trio.sleep(off)
        bench.memory.stations.faults.clear()
        assert await seconds_until_all_good(bench, CABINET) < 6.0


async def test_a_cabinet_of_which_a_part_returns(autojump_clock: MockClock) -> None:
    """Those that are back are served at once, and the others cost them no more than the share."""
    back = range(1, 16)
    configured = [device(unit, tag("t", 0, poll=2.0)) for unit in CABINET]
    async with open_bench(configured, devices(CABINET)) as bench:
        await trio.sleep(20)
        bench.memory.stations.faults.update(dict.fromkeys(CABINET, OFF))
        await trio.sleep(120)
        for unit in back:
            del bench.memory.stations.faults[unit]
        await seconds_until_all_good(bench, range(1, 2))
        polling = bench.line.polling
        start, charged = trio.current_time(), polling.budget.lost - polling.budget.uncharged
        assert await seconds_until_all_good(bench, back) < 30.0
        await trio.sleep(120)
        elapsed = trio.current_time() - start
        spent = polling.budget.lost - polling.budget.uncharged - charged
        assert 0.0 < spent <= bench.settings.silent_share * elapsed + 1.1


async def test_what_a_deserted_line_loses_is_told_and_not_charged(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, tag("t", 0))], devices(range(1, 2))) as bench:
        await trio.sleep(20)
        budget = bench.line.polling.budget
        bench.memory.stations.faults[1] = OFF
        await trio.sleep(100)
        misses = bench.line.polling.units[1].health.misses
        assert misses >= 10
        assert budget.lost > 1.0, "every lost request is in the books"
        assert bench.field.lines()[0]["secondsLost"] == round(budget.lost, 3)
        assert budget.covers(1.0, trio.current_time()), "and the credit is there for the day when somebody answers"


async def test_a_loss_is_charged_as_long_as_anybody_is_there(autojump_clock: MockClock) -> None:
    configured = [device(unit, tag("t", 0)) for unit in (1, 2)]
    async with open_bench(configured, devices(range(1, 3)), faults={2: OFF}) as bench:
        await trio.sleep(60)
        assert bench.line.polling.units[2].health.presence is Presence.SILENT
        assert bench.line.polling.budget.lost > 0.0
        assert bench.line.polling.budget.uncharged == 0.0


async def test_one_lost_answer_of_the_last_one_there_is_no_desertion(autojump_clock: MockClock) -> None:
    """It is asked again at once; the silent ones keep their pauses, and what they cost stays charged."""
    few = range(1, 4)
    configured = [device(unit, tag("t", 0)) for unit in few]
    faults = dict.fromkeys(few[1:], OFF) | {1: DeviceFaults(silent_in=(Window(200.5, 201.02),))}
    async with open_bench(configured, devices(few), faults=faults) as bench:
        await trio.sleep(200.6)
        polling = bench.line.polling
        pauses = {unit: polling.units[unit].health.next_probe for unit in few[1:]}
        charged = polling.budget.lost - polling.budget.uncharged
        await trio.sleep(1.0)
        assert polling.units[1].health.counters.errors[Cause.TIMEOUT] == 1
        assert polling.units[1].health.presence is Presence.ONLINE
        later = [unit for unit in few[1:] if pauses[unit] > trio.current_time()]
        assert all(polling.units[unit].health.next_probe >= pauses[unit] for unit in later)
        assert later
        assert polling.budget.lost - polling.budget.uncharged >= charged


async def test_an_order_to_a_deserted_line_is_worth_a_probe(autojump_clock: MockClock) -> None:
    configured = [device(1, tag("t", 0, writable=True, poll=60.0))]
    simulated = devices(range(1, 2))
    async with open_bench(configured, simulated) as bench:
        await trio.sleep(5)
        bench.memory.stations.faults[1] = OFF
        bench.line.polling.budget.spend(60.0, trio.current_time())
        assert (await bench.field.write("bus/d1/t", 5, None)).outcome is Outcome.UNKNOWN
        await trio.sleep(40)
        bench.memory.stations.faults.clear()
        assert (await bench.field.write("bus/d1/t", 6, None)).outcome is Outcome.CONFIRMED
