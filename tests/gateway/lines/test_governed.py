"""Governors and lines together: a line with too much to do is relieved, and restored when it has room again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
from trio.testing import MockClock

from drivers.simulated.device import SimulatedDevice
from gateway.core.alerts import Alerts
from gateway.core.roster import AgentCounts
from gateway.governor.actions import ActionDoor, Mode
from gateway.governor.arbitration import Arbitration
from gateway.governor.coordination import Coordination
from gateway.governor.operational import Operational
from gateway.lines.steering import LineSteering
from gateway.settings.line_model import TagSettings
from tests.gateway.lines.bench import Bench, device, open_bench, tag


def wide(name: str, address: int, **more: object) -> TagSettings:
    """One that is a block of its own."""
    return tag(name, address, type="uint64", length=4, **more)


@asynccontextmanager
async def governed(*tags: TagSettings) -> AsyncIterator[Bench]:
    simulated = SimulatedDevice(1, holding={n: n for n in range(400)})
    async with open_bench([device(1, *tags)], [simulated]) as bench, trio.open_nursery() as nursery:
        steering = LineSteering(bench.lines)
        door = ActionDoor(lambda _: Mode.GOVERN, trio.current_time, lambda _type, _data: None)
        alerts = Alerts(trio.current_time, lambda _type, _data: None, lambda: "alert")
        levels = (
            Operational(steering, door, alerts, trio.current_time),
            Coordination(
                steering=steering,
                door=door,
                alerts=alerts,
                arbitration=Arbitration(trio.current_time, lambda _: None),
                agents=lambda: AgentCounts(0, 0, 0),
            ),
        )

        async def govern() -> None:
            while True:
                await trio.sleep(1)
                for level in levels:
                    level.tick(trio.current_time())

        nursery.start_soon(govern)
        yield bench
        nursery.cancel_scope.cancel()


def missed(bench: Bench) -> int:
    return sum(bench.field.missed_deadlines().values())


async def test_an_overloaded_line_keeps_the_deadlines_that_matter_again(autojump_clock: MockClock) -> None:
    low = [wide(f"l{n}", 20 * n, priority="low", poll=0.1) for n in range(6)]
    async with governed(wide("n", 200, poll=0.1), *low) as bench:
        await trio.sleep(60)
        glance = LineSteering(bench.lines).glance().lines[0]
        assert 1.0 < glance.stretch <= 4.0, "as far as it takes, and no further"
        before = missed(bench)
        assert before > 0
        await trio.sleep(30)
        assert missed(bench) == before


async def test_callers_who_ask_for_too_much_are_bounded_before_polls_are_stretched(autojump_clock: MockClock) -> None:
    low = [wide(f"l{n}", 20 * n, priority="low", poll=0.4) for n in range(6)]
    async with governed(wide("n", 200, poll=0.4), *low) as bench:

        async def ask() -> None:
            while True:
                await bench.field.modbus_read("bus", 1, "holding", 0, 60)

        async with trio.open_nursery() as nursery:
            for _ in range(8):
                nursery.start_soon(ask)
            await trio.sleep(60)
            glance = LineSteering(bench.lines).glance().lines[0]
            assert glance.on_demand_bound is not None
            assert glance.stretch == 1.0
            before = missed(bench)
            assert before > 0
            await trio.sleep(60)
            assert missed(bench) == before
            nursery.cancel_scope.cancel()
        await trio.sleep(400)
        assert LineSteering(bench.lines).glance().lines[0].on_demand_bound is None, "nobody asks any more"
