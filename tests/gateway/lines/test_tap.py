"""Overhearing a line of the gateway."""

from __future__ import annotations

from itertools import pairwise

import pytest
import trio
from trio.testing import MockClock

from drivers.simulated.device import SimulatedDevice
from gateway.lines.tap import IDLE_S, MOST_RECORDS, Tap, TappedPort
from tests.gateway.lines.bench import device, open_bench, tag


def plain() -> SimulatedDevice:
    return SimulatedDevice(1, holding={0: 7})


@pytest.mark.parametrize("transport", ["rtu", "tcp", "ascii"])
async def test_requests_and_replies_are_overheard_in_their_order(autojump_clock: MockClock, transport: str) -> None:
    async with open_bench([device(1, tag("a", 0, poll=1.0))], [plain()], transport=transport) as bench:
        await trio.sleep(2.5)
        assert bench.field.traffic("bus", 0) == ([], 0)
        await trio.sleep(3)
        records, lost = bench.field.traffic("bus", 0)
        assert lost == 0
        assert [record.number for record in records] == list(range(1, len(records) + 1))
        sent = [record for record in records if record.sent]
        received = b"".join(record.data for record in records if not record.sent)
        assert len(sent) == 3
        assert received
        assert all(a.at <= b.at for a, b in pairwise(records))
        again, _ = bench.field.traffic("bus", records[-1].number)
        assert again == []


async def test_nobody_looking_costs_nothing(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, tag("a", 0, poll=1.0))], [plain()]) as bench:
        await trio.sleep(1)
        bench.field.traffic("bus", 0)
        await trio.sleep(IDLE_S + 3)
        assert bench.line.tap is None
        assert not isinstance(bench.line.port, TappedPort)
        assert bench.read("d1/a").value == 7


async def test_a_tap_survives_an_unplugged_port(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, tag("a", 0, poll=1.0))], [plain()]) as bench:
        await trio.sleep(1)
        bench.field.traffic("bus", 0)
        bench.memory.unplug()
        await trio.sleep(1)
        bench.memory.replug()
        await trio.sleep(5)
        assert [record for record in bench.field.traffic("bus", 0)[0] if record.sent]


async def test_the_ring_forgets_the_oldest_and_says_how_many(autojump_clock: MockClock) -> None:
    tap = Tap(lambda: None)
    for number in range(MOST_RECORDS + 10):
        tap.note(bytes((number & 0xFF,)), sent=True)

    first, lost = tap.since(4, 2)

    assert [record.number for record in first] == [11, 12]
    assert lost == 6
