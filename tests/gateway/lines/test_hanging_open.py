"""A port that is closed since nobody answers, and whose opening then hangs: the line says that it has none."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import trio
from trio.testing import MockClock

from drivers.ports.port import Port
from drivers.simulated.device import SimulatedDevice
from drivers.simulated.faults import DeviceFaults
from gateway.core.ports import Outcome
from gateway.lines.absence import ALL_SILENT_REOPEN_MAX_S, ALL_SILENT_REOPEN_S
from gateway.lines.exchange import Talk
from gateway.lines.line import Opener
from tests.gateway.lines.bench import device, open_bench, tag

SPEED = tag("speed", 0, writable=True)


@dataclass
class Stuck:
    """An adapter that can be opened once; the second opening waits until it may go on."""

    opened: int = 0
    hangs: trio.Event = field(default_factory=trio.Event)
    goes_on: trio.Event = field(default_factory=trio.Event)

    def around(self, opener: Opener) -> Opener:
        async def open_line() -> tuple[Port, Talk]:
            self.opened += 1
            if self.opened > 1:
                self.hangs.set()
                await self.goes_on.wait()
            return await opener()

        return open_line


async def test_the_line_is_not_up_while_its_port_cannot_be_opened(autojump_clock: MockClock) -> None:
    stuck = Stuck()
    drive = SimulatedDevice(1, holding={0: 7})
    async with open_bench([device(1, SPEED)], [drive], around=stuck.around) as bench:
        await trio.sleep(5)
        assert bench.field.lines()[0]["state"] == "up"
        bench.memory.stations.faults[1] = DeviceFaults(silent=True)
        with trio.fail_after(2 * ALL_SILENT_REOPEN_S):
            await stuck.hangs.wait()
        line = bench.field.lines()[0]
        assert (line["state"], line["reason"]) == ("down", "no_answer")
        result = await bench.field.write("bus/d1/speed", 5, None)
        assert result.outcome is Outcome.NOT_SENT
        assert result.message is not None
        assert "closed, and is being opened anew" in result.message

        bench.memory.stations.faults.clear()
        stuck.goes_on.set()
        await trio.sleep(5)
        line = bench.field.lines()[0]
        assert (line["state"], line["reason"], line["message"]) == ("up", None, None)
        assert (await bench.field.write("bus/d1/speed", 5, None)).outcome is Outcome.CONFIRMED


async def test_a_port_that_is_opened_in_vain_is_opened_ever_more_seldom(autojump_clock: MockClock) -> None:
    drive = SimulatedDevice(1, holding={0: 7})
    async with open_bench([device(1, SPEED)], [drive], faults={1: DeviceFaults(silent=True)}) as bench:
        openings = []
        for _ in range(3 * 3600):
            before = bench.line.opened
            await trio.sleep(1)
            if bench.line.opened > before:
                openings.append(trio.current_time())
        pauses = [later - sooner for sooner, later in pairwise(openings)]
        assert pauses[0] < 2 * ALL_SILENT_REOPEN_S + 15
        assert all(later > 0.8 * sooner for sooner, later in pairwise(pauses))
        assert ALL_SILENT_REOPEN_MAX_S < pauses[-1] < ALL_SILENT_REOPEN_MAX_S + 30
        bench.memory.stations.faults.clear()
        await trio.sleep(30)
        bench.memory.stations.faults[1] = DeviceFaults(silent=True)
        opened = bench.line.opened
        await trio.sleep(2 * ALL_SILENT_REOPEN_S + 15)
        assert bench.line.opened == opened + 1, "an answer in between begins the count anew"


async def test_a_port_that_is_opened_anew_in_vain_is_not_told_of_unless_that_fails(autojump_clock: MockClock) -> None:
    drive = SimulatedDevice(1, holding={0: 7})
    async with open_bench([device(1, SPEED)], [drive], faults={1: DeviceFaults(silent=True)}) as bench:

        def told() -> list[tuple[str, object]]:
            return [(type_, data["reason"]) for type_, data in bench.events if type_.startswith("line:")]

        await trio.sleep(600)
        assert bench.line.opened > 3
        assert told() == [("line:up", None)]
        bench.memory.unplug()
        await trio.sleep(60)
        bench.memory.replug()
        await trio.sleep(60)
        up, *down, again = (type_ for type_, _ in told())
        assert (up, set(down), again) == ("line:up", {"line:down"}, "line:up")
