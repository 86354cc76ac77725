"""Devices that say nothing at all to what they were not made for: found again, and asked for no more than they take."""

from __future__ import annotations

import struct
from collections import Counter

import pytest
import trio
from trio.testing import MockClock

from drivers.simulated.device import SimulatedDevice
from drivers.simulated.faults import DeviceFaults, Window
from gateway.core.ports import Outcome
from gateway.core.reading import Quality
from gateway.settings.line_model import DeviceSettings
from tests.gateway.lines.bench import Bench, device, open_bench, tag

WORD = device(1, tag("t", 0))
PAIR = device(1, tag("t", 0, type="uint32", length=2))
COILS = device(1, *(tag(f"t{n}" if n else "t", n, table="coil", type="bool", writable=True) for n in range(8)))
TEN = [tag("t", 0), *(tag(f"t{n}", n) for n in range(1, 10))]


class Mute(SimulatedDevice):
    """Answers reads of so many registers or bits, and is mute to all others; notes how many it is asked for."""

    def __init__(self, least: int, most: int) -> None:
        super().__init__(1, holding={n: n for n in range(40)}, coil=dict.fromkeys(range(40), 1))
        self._takes = range(least, most + 1)
        self.asked: Counter[int] = Counter()

    def answer(self, pdu: bytes, now: float) -> bytes | None:
        if pdu[0] > 4:
            return super().answer(pdu, now)
        count = struct.unpack(">H", pdu[3:5])[0]
        self.asked[count] += 1
        return super().answer(pdu, now) if count in self._takes else None


async def lose(bench: Bench, seconds: float = 0.3) -> None:
    """What is asked now is lost."""
    bench.memory.stations.faults[1] = DeviceFaults(silent=True)
    await trio.sleep(seconds)
    bench.memory.stations.faults.clear()


@pytest.mark.parametrize("away", [Window(20.9, 21.2), Window(0, 60)])
@pytest.mark.parametrize("transport", ["rtu", "ascii"])
@pytest.mark.parametrize(
    ("configured", "takes"), [(WORD, (1, 1)), (PAIR, (2, 2)), (COILS, (1, 8))], ids=["word", "pair", "coils"]
)
async def test_a_device_that_answers_its_own_block_alone_is_found_again(
    autojump_clock: MockClock, configured: DeviceSettings, takes: tuple[int, int], transport: str, away: Window
) -> None:
    faults = {1: DeviceFaults(silent_in=(away,))}
    async with open_bench([configured], [Mute(*takes)], transport=transport, faults=faults) as bench:
        # Every second probe of a block that could be read in part is for the whole of it.
        await trio.sleep(away.end + (22 if configured is PAIR else 12))
        assert bench.read("d1/t").quality is Quality.GOOD
        if configured is COILS:
            assert (await bench.field.write("bus/d1/t", False, None)).outcome is Outcome.CONFIRMED


async def test_a_device_that_takes_single_registers_is_not_called_down_for_one_answer(
    autojump_clock: MockClock,
) -> None:
    tags = [tag("t", 0), tag("u", 2), tag("v", 4)]
    async with open_bench([device(1, *tags, max_registers=1)], [Mute(1, 1)]) as bench:
        await trio.sleep(20.9)
        await lose(bench)
        await trio.sleep(10)
        assert {bench.read(f"d1/{name}").quality for name in "tuv"} == {Quality.GOOD}
        assert "device:down" not in {kind for kind, _ in bench.events}


async def test_a_device_is_never_asked_for_more_than_it_takes(autojump_clock: MockClock) -> None:
    """Neither by probes, nor by polls and reads of callers while a late answer may come."""
    simulated = Mute(1, 40)
    async with open_bench([device(1, *TEN, max_registers=10)], [simulated]) as bench:
        for _ in range(5):
            await trio.sleep(9.9)
            await lose(bench)
            await trio.sleep(1)
            await bench.field.modbus_read("bus", 1, "holding", 3, 10)
        assert max(simulated.asked) == 10
        await trio.sleep(10)
        assert bench.read("d1/t").quality is Quality.GOOD


async def test_silence_to_a_longer_read_is_not_answered_with_a_still_longer_one(autojump_clock: MockClock) -> None:
    simulated = Mute(1, 10)
    async with open_bench([device(1, *TEN)], [simulated]) as bench:
        for _ in range(3):
            await trio.sleep(20.9)
            await lose(bench)
            await trio.sleep(10)
            assert bench.read("d1/t").quality is Quality.GOOD
        assert {count: times for count, times in simulated.asked.items() if count > 10} == {11: 1}


async def test_a_longer_read_that_was_answered_once_is_asked_for_again_after_a_loss(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, *TEN)], [Mute(1, 40)]) as bench:
        await trio.sleep(20.9)
        await lose(bench)
        await trio.sleep(1.7)
        await lose(bench)
        for _ in range(100):
            await trio.sleep(0.1)
            assert bench.read("d1/t").quality is Quality.GOOD, "no value is in doubt"


async def test_a_caller_in_doubt_costs_a_mute_device_one_longer_read(autojump_clock: MockClock) -> None:
    simulated = Mute(1, 10)
    async with open_bench([device(1, tag("t", 0, poll=60.0))], [simulated], timeout=1.0) as bench:
        await trio.sleep(5)
        bench.line.polling.unit(1).health.lost((3, 22, b""), trio.current_time())
        said = []
        for _ in range(6):
            said.append((await bench.field.modbus_read("bus", 1, "holding", 0, 10)).reason)
            await trio.sleep(0.5)
        assert said[:2] == ["no_answer", "late_possible"]
        assert sum(times for count, times in simulated.asked.items() if count > 10) == 1
