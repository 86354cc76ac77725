"""A wire that goes before anything has left: what was to be written was not sent, and nobody need wonder."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio
from trio.testing import MockClock

from drivers.ports.port import LineFaults, LinkDown, Port
from drivers.simulated.device import SimulatedDevice
from gateway.core.ports import BorrowAnswer, Outcome, WriteResult
from gateway.core.reading import Reason
from gateway.core.tags import TagStore
from gateway.core.timeline import Timeline
from gateway.lines.raw_line import RawLine
from gateway.settings.line_model import LineSettings, RawSettings
from tests.gateway.lines.bench import Bench, device, open_bench, tag

SELDOM = tag("t", 0, poll=3600.0, writable=True)
CHECKED = tag("t", 0, poll=3600.0, writable=True, readback=True)
# Long enough for the wire to go between the last look at it and the first byte.
GAP_S = 0.5


async def write_and_unplug(bench: Bench, write: Callable[[], Awaitable[WriteResult]], after: float) -> WriteResult:
    """Write while the line keeps its silence, and pull the adapter so many seconds later."""
    results: list[WriteResult] = []

    async def kept() -> None:
        results.append(await write())

    # The gap counts from what was heard last.
    await bench.field.modbus_read("bus", 1, "holding", 0, 1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(kept)
        await trio.sleep(after)
        bench.memory.unplug()
    return results[0]


@pytest.mark.parametrize("transport", ["rtu", "ascii"])
async def test_a_write_in_the_gap_was_not_sent(autojump_clock: MockClock, transport: str) -> None:
    simulated = SimulatedDevice(1, holding={0: 7, 1: 0})
    async with open_bench([device(1, SELDOM)], [simulated], transport=transport, gap=GAP_S) as bench:
        await trio.sleep(5)
        result = await write_and_unplug(bench, lambda: bench.field.write("bus/d1/t", 5, None), GAP_S / 2)
        assert (result.outcome, result.reason) == (Outcome.NOT_SENT, "link_down")
        assert simulated.get("holding", 0) == 7
        assert not bench.line.polling.units[1].health.open, "no answer can come to what was never asked"


LONG_GAP_S = 10.0


async def stopped_meanwhile(bench: Bench, write: Callable[[], Awaitable[WriteResult]], after: float) -> WriteResult:
    """Write, and have the line's task ended so many seconds later, whatever it is doing."""
    results: list[WriteResult] = []

    async def kept() -> None:
        results.append(await write())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(kept)
        await trio.sleep(after)
        assert bench.lines.restart("bus")
    return results[0]


@pytest.mark.parametrize("unit", [1, 0])
async def test_a_write_that_is_stopped_in_the_gap_was_not_sent(autojump_clock: MockClock, unit: int) -> None:
    simulated = SimulatedDevice(1, holding={0: 7, 1: 0})
    async with open_bench([device(1, SELDOM)], [simulated], gap=LONG_GAP_S, allow_broadcast=True) as bench:
        await trio.sleep(LONG_GAP_S * 3)
        await bench.field.modbus_read("bus", 1, "holding", 0, 1)
        result = await stopped_meanwhile(bench, lambda: bench.field.modbus_write("bus", unit, "holding", 0, [5]), 1)
        assert (result.outcome, result.reason) == (Outcome.NOT_SENT, "stopping")
        assert simulated.get("holding", 0) == 7
        assert not bench.line.polling.units[1].health.open, "no answer can come to what was never asked"


async def test_a_write_that_is_stopped_after_it_has_left_may_have_been_done(autojump_clock: MockClock) -> None:
    simulated = SimulatedDevice(1, holding={0: 7})
    async with open_bench([device(1, SELDOM)], [simulated], allow_broadcast=True, broadcast_delay=60.0) as bench:
        await trio.sleep(5)
        result = await stopped_meanwhile(bench, lambda: bench.field.modbus_write("bus", 0, "holding", 0, [5]), 1)
        assert (result.outcome, result.reason) == (Outcome.UNKNOWN, "stopping")
        assert simulated.get("holding", 0) == 5


async def test_a_broadcast_in_the_gap_was_not_sent(autojump_clock: MockClock) -> None:
    simulated = SimulatedDevice(1, holding={0: 7})
    async with open_bench([device(1, SELDOM)], [simulated], gap=GAP_S, allow_broadcast=True) as bench:
        await trio.sleep(5)
        result = await write_and_unplug(bench, lambda: bench.field.modbus_write("bus", 0, "holding", 0, [5]), GAP_S / 2)
        assert (result.outcome, result.reason) == (Outcome.NOT_SENT, "link_down")


async def test_a_write_whose_reading_back_was_not_sent_was_sent_all_the_same(autojump_clock: MockClock) -> None:
    simulated = SimulatedDevice(1, holding={0: 7})
    async with open_bench([device(1, CHECKED)], [simulated], gap=GAP_S) as bench:
        await trio.sleep(5)
        result = await write_and_unplug(bench, lambda: bench.field.write("bus/d1/t", 5, None), GAP_S * 1.5)
        assert (result.outcome, result.reason) == (Outcome.UNKNOWN, "link_down")
        assert simulated.get("holding", 0) == 5


async def test_a_tool_is_told_that_its_write_was_not_sent(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, SELDOM)], [SimulatedDevice(1, holding={0: 7})], gap=GAP_S) as bench:
        await trio.sleep(5)
        lease, _ = bench.field.borrow("bus", 60, None)
        answers: list[BorrowAnswer] = []

        async def ask() -> None:
            answers.append(await bench.field.exchange("bus", lease, 1, bytes.fromhex("0600000005"), 1.0))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await trio.sleep(0.1)
            nursery.start_soon(ask)
            await trio.sleep(GAP_S / 2)
            bench.memory.unplug()
        assert ["may have been carried out" in str(answer.message) for answer in answers] == [False, False]
        assert [answer.reason for answer in answers] == [None, "link_down"]


class GonePort:
    """A port that goes at the moment of sending."""

    name = "scale"

    def __init__(self, *, unsent: bool) -> None:
        self._unsent = unsent

    async def send(self, data: bytes) -> None:
        await trio.lowlevel.checkpoint()
        raise LinkDown("hung_up", "unplugged", unsent=self._unsent)

    async def receive(self, deadline: float) -> bytes | None:
        await trio.sleep_until(deadline)
        return None

    def drain(self) -> bytes:
        return b""

    async def pause_until(self, moment: float) -> None:
        await trio.sleep_until(moment)

    def faults(self) -> LineFaults | None:
        return None

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


@pytest.mark.parametrize(("unsent", "outcome"), [(True, Outcome.NOT_SENT), (False, Outcome.UNKNOWN)])
async def test_bytes_for_a_raw_line(autojump_clock: MockClock, *, unsent: bool, outcome: Outcome) -> None:
    async def open_port(_: LineSettings) -> Port:
        await trio.lowlevel.checkpoint()
        return GonePort(unsent=unsent)

    store = TagStore(trio.current_time, Timeline(trio.current_time, trio.current_time, lambda: True))
    settings = LineSettings(name="scale", transport="serial", port="p", raw=RawSettings())
    line = RawLine(settings, open_port, store, lambda *_: None)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(line.run)
        await trio.sleep(0.1)
        result = await line.write(b"T\r\n")
        assert (result.outcome, result.reason) == (outcome, Reason.LINK_DOWN)
        line.stop()
