"""A Modbus TCP gateway that serves one request after the other: a dead unit behind it costs the others little."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from drivers.ports.port import Port
from drivers.simulated.device import SimulatedDevice
from drivers.simulated.faults import DeviceFaults, Window
from drivers.simulated.wire import NetworkWire
from gateway.core.reading import Quality
from gateway.lines.exchange import Talk
from gateway.lines.line import Opener
from tests.gateway.lines.bench import Bench, device, open_bench, tag

POLL_S = 0.5
DIES_S = 20.0
WATCHED_S = 300.0
HEALTHY = (1, 3)


def dies(until: float = float("inf")) -> DeviceFaults:
    return DeviceFaults(silent_in=(Window(DIES_S, until),))


@asynccontextmanager
async def three(faults: dict[int, DeviceFaults], units: int = 3, **line: object) -> AsyncIterator[Bench]:
    """Units on a Modbus TCP line, polled twice a second."""
    numbers = range(1, units + 1)
    devices = [device(number, tag("t", 0, poll=POLL_S)) for number in numbers]
    simulated = [SimulatedDevice(number, holding={0: number}, turnaround_s=0.02) for number in numbers]
    async with open_bench(devices, simulated, transport="tcp", faults=faults, **line) as bench:  # type: ignore[arg-type]  # settings of the line
        await trio.sleep(DIES_S - 0.1)
        yield bench


async def oldest(bench: Bench, seconds: float, units: tuple[int, ...] = HEALTHY) -> float:
    """The worst age of a value of these units, none of which may be bad meanwhile."""
    worst = 0.0
    for _ in range(int(seconds / 0.25)):
        await trio.sleep(0.25)
        for number in units:
            reading = bench.read(f"d{number}/t")
            assert reading.quality is not Quality.BAD
            assert reading.sample is not None
            worst = max(worst, trio.current_time() - reading.sample.acquired)
    return worst


def told(bench: Bench, kind: str) -> list[object]:
    return [data["unit"] for event, data in bench.events if event == kind]


def missed(bench: Bench, unit: int) -> int:
    cell = bench.store.cell(f"bus/d{unit}/t")
    assert cell is not None
    return cell.missed


@pytest.mark.parametrize(("gives_up_s", "longest"), [(1.0, 1.0), (3.0, 1.0), (3.0, 0.5), (3.0, 5.0), (0.5, 1.0)])
async def test_a_dead_unit_costs_its_share_and_nobody_else_is_blamed(
    autojump_clock: MockClock, gives_up_s: float, longest: float
) -> None:
    async with three({2: dies()}, wire=NetworkWire(gives_up_s=gives_up_s), timeout=longest) as bench:
        worst = await oldest(bench, WATCHED_S)
        held = bench.memory.stations.counts["given_up"]
        assert held * gives_up_s <= 0.1 * WATCHED_S + max(1.0, longest) + gives_up_s, "its share, and one in good faith"
        assert worst <= gives_up_s + POLL_S + 0.1, "held up by one request, never by two in a row"
        assert told(bench, "device:down") == [2]
        for unit in HEALTHY:
            assert missed(bench, unit) <= held * gives_up_s / POLL_S
        reading = bench.read("d2/t")
        assert (reading.quality, reading.reason) == (Quality.BAD, "gateway_target")
        lost = bench.line.polling.budget.lost
        assert lost == pytest.approx(held * gives_up_s, rel=0.1), "what it cost is told"


@pytest.mark.parametrize("gives_up_s", [1.0, 3.0])
async def test_a_gateway_that_gives_up_without_a_word_costs_no_more(
    autojump_clock: MockClock, gives_up_s: float
) -> None:
    async with three({2: dies()}, wire=NetworkWire(gives_up_s=gives_up_s, says_so=False)) as bench:
        assert await oldest(bench, WATCHED_S) <= 1.25 * gives_up_s + POLL_S + 0.2
        assert bench.memory.stations.counts["given_up"] * gives_up_s <= 0.1 * WATCHED_S + 1.0 + gives_up_s
        assert told(bench, "device:down") == [2]
        assert bench.line.polling.budget.lost <= 0.1 * WATCHED_S + 1.0 + gives_up_s


async def test_two_dead_units_share_what_one_may_cost(autojump_clock: MockClock) -> None:
    async with three({2: dies(), 3: dies()}, wire=NetworkWire(gives_up_s=1.0)) as bench:
        assert await oldest(bench, WATCHED_S, (1,)) <= 2 * 1.0 + POLL_S + 0.1
        assert bench.memory.stations.counts["given_up"] <= 0.1 * WATCHED_S + 3
        assert told(bench, "device:down") == [2, 3]


async def test_a_gateway_slower_than_anybody_expects_is_found_out(autojump_clock: MockClock) -> None:
    async with three({2: dies()}, wire=NetworkWire(gives_up_s=6.0)) as bench:
        await trio.sleep(60)
        before = Counter(told(bench, "device:down"))
        await oldest(bench, WATCHED_S)
        assert Counter(told(bench, "device:down")) == before


async def test_a_unit_that_returns_is_found(autojump_clock: MockClock) -> None:
    async with three({2: dies(until=100.0)}, wire=NetworkWire(gives_up_s=1.0)) as bench:
        await trio.sleep(125)
        assert bench.read("d2/t").quality is Quality.GOOD
        requests = bench.line.polling.units[2].health.counters.requests
        await trio.sleep(20)
        assert bench.line.polling.units[2].health.counters.requests - requests >= 20 / POLL_S - 1


async def test_one_lost_frame_costs_no_value(autojump_clock: MockClock) -> None:
    async with three({2: dies(until=DIES_S + 0.4)}, wire=NetworkWire(gives_up_s=1.0)) as bench:
        await trio.sleep(30)
        assert told(bench, "device:down") == []
        assert bench.read("d2/t").quality is Quality.GOOD


async def test_a_server_that_drops_what_nobody_answers_holds_nobody_up(autojump_clock: MockClock) -> None:
    async with three({2: dies(), 3: dies()}, units=4) as bench:
        await trio.sleep(5)
        assert sorted(map(str, told(bench, "device:down"))) == ["2", "3"]
        assert await oldest(bench, WATCHED_S, (1, 4)) <= 2 * POLL_S
        assert missed(bench, 1) + missed(bench, 4) <= 1, "the moment in which both died"


async def test_units_that_all_fall_silent_are_told_of(autojump_clock: MockClock) -> None:
    async with three(dict.fromkeys((1, 2, 3), dies(until=60.0))) as bench:
        await trio.sleep(8)
        assert sorted(map(str, told(bench, "device:down"))) == ["1", "2", "3"]
        await trio.sleep(DIES_S + 35)
        assert {bench.read(f"d{unit}/t").quality for unit in (1, 2, 3)} == {Quality.GOOD}


class Parallel:
    """A port to a gateway that serves its units beside each other: it says late that one of them is dead."""

    def __init__(self, port: Port, dead: int, gives_up_s: float) -> None:
        self._port = port
        self._dead = dead
        self._gives_up_s = gives_up_s
        self._refusals: list[tuple[float, bytes]] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._port, name)

    async def send(self, data: bytes) -> None:
        if data[6] == self._dead and trio.current_time() > DIES_S:
            refusal = data[:4] + bytes((0, 3, self._dead, data[7] | 0x80, 11))
            self._refusals.append((trio.current_time() + self._gives_up_s, refusal))
        else:
            await self._port.send(data)

    async def receive(self, deadline: float) -> bytes | None:
        due = self._refusals[0][0] if self._refusals else deadline
        data = await self._port.receive(min(due, deadline))
        if data is None and self._refusals and due <= deadline:
            return self._refusals.pop(0)[1]
        return data


async def test_a_gateway_that_serves_its_units_side_by_side_is_not_waited_for(autojump_clock: MockClock) -> None:
    def around(opener: Opener) -> Opener:
        async def open_line() -> tuple[Port, Talk]:
            port, talk = await opener()
            parallel: Any = Parallel(port, 2, 1.0)
            talk.through(parallel)
            return parallel, talk

        return open_line

    async with three({}, around=around) as bench:
        assert await oldest(bench, WATCHED_S) <= 2 * POLL_S
        assert [missed(bench, unit) for unit in HEALTHY] == [0, 0]
        assert told(bench, "device:down") == [2]
