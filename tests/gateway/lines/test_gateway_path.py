"""A gateway or data logger that has no path to some registers of a unit (exceptions 10 and 11): those alone are bad."""

from __future__ import annotations

from collections import Counter

import pytest
import trio
from trio.testing import MockClock

from drivers.simulated.device import SimulatedDevice
from gateway.core.reading import Quality, Reason
from gateway.settings.line_model import TagSettings
from tests.gateway.lines.bench import device, open_bench, tag

OWN, BEHIND = tag("own", 0), tag("behind", 0, table="input")


class Logger(SimulatedDevice):
    """Answers holding registers itself; what is behind it has been away ``since`` a time, or misses requests."""

    def __init__(self, since: float = 0.0, until: float = 1e9, missed: int = 0) -> None:
        super().__init__(1, holding={0: 1, 1: 1}, input={0: 2, 1: 2})
        self._away = since, until
        self.missed = missed
        self.asked: Counter[int] = Counter()

    def answer(self, pdu: bytes, now: float) -> bytes | None:
        self.asked[pdu[0]] += 1
        if pdu[0] == 4 and (self._away[0] <= now < self._away[1] or self.missed > 0):
            self.missed -= 1
            return bytes((0x84, 11))
        return super().answer(pdu, now)


@pytest.mark.parametrize("since", [0.0, 30.0])
@pytest.mark.parametrize("transport", ["tcp", "rtu"])
@pytest.mark.parametrize("tags", [(OWN, BEHIND), (BEHIND, OWN)])
async def test_registers_without_path_are_bad_alone_and_cost_a_few_requests(
    autojump_clock: MockClock, tags: tuple[TagSettings, ...], transport: str, since: float
) -> None:
    simulated = Logger(since)
    async with open_bench([device(1, *tags)], [simulated], transport=transport) as bench:
        await trio.sleep(since + 1.5)
        for _ in range(100):
            await trio.sleep(1)
            assert bench.read("d1/own").quality is Quality.GOOD
            assert (bench.read("d1/behind").quality, bench.read("d1/behind").reason) == (
                Quality.BAD,
                Reason.GATEWAY_TARGET,
            )
        assert simulated.asked[3] < since + 120
        assert simulated.asked[4] < since + 15
        assert sum(bench.field.missed_deadlines().values()) == 0


@pytest.mark.parametrize("transport", ["tcp", "rtu"])
async def test_registers_that_have_a_path_again_are_found(autojump_clock: MockClock, transport: str) -> None:
    async with open_bench([device(1, BEHIND, OWN)], [Logger(30.0, 60.0)], transport=transport) as bench:
        await trio.sleep(100)
        assert bench.read("d1/behind").quality is Quality.GOOD


async def test_one_request_that_a_gateway_lost_costs_no_value(autojump_clock: MockClock) -> None:
    simulated = Logger(1e9)
    async with open_bench([device(1, BEHIND, OWN)], [simulated], transport="tcp") as bench:
        for _ in range(10):
            await trio.sleep(5)
            simulated.missed = 2
        assert bench.read("d1/behind").quality is Quality.GOOD
        assert sum(bench.field.missed_deadlines().values()) == 0
        assert "device:down" not in {kind for kind, _ in bench.events}
