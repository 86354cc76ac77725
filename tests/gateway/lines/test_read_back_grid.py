"""A read-back compares what stands in the registers, not what that is rounded to when it is read."""

from __future__ import annotations

import pytest
from trio import sleep
from trio.testing import MockClock

from drivers.simulated.device import SimulatedDevice
from gateway.core.ports import Outcome
from gateway.core.reading import Value
from gateway.settings.line_model import TagSettings
from tests.gateway.lines.bench import device, open_bench, tag

WORDS = tag("words", 0, type="string", length=3)


@pytest.mark.parametrize(
    ("what", "value", "says"),
    [
        (tag("half", 0, type="uint8", scale=0.5), 10.3, 10.5),
        (tag("high", 0, type="int8", byte="high", scale=0.1), -3.04, -3.0),
        (tag("bits", 0, bit=4, width=5, scale=0.5), 5.3, 5.5),
        (tag("far", 0, type="uint32", bit=20, width=5, word_order="little", scale=10), 77, 80),
        (tag("swapped", 0, bit=2, width=3, byte_order="little"), 5, 5),
        (tag("tenths", 0, scale=0.1), 20.04, 20.0),
        (tag("single", 0, type="float32"), 0.1, 0.10000000149011612),
        (tag("wide", 0, type="uint64", scale=0.1), 123456789012345.67, 123456789012345.7),
        (WORDS, "ab ", "ab"),
        (WORDS, " ab", "ab"),
        (WORDS, "ab\0", "ab"),
        (WORDS, "", ""),
    ],
    ids=lambda what: what.name if isinstance(what, TagSettings) else repr(what),
)
async def test_what_was_written_is_confirmed(
    autojump_clock: MockClock, what: TagSettings, value: Value, says: Value
) -> None:
    simulated = SimulatedDevice(1, holding=dict.fromkeys(range(8), 0x4141))
    registers = {"string": 3, "uint64": 4, "uint32": 2, "float32": 2}.get(what.type, 1)
    written = tag(what.name, 0, **{**_given(what), "length": registers, "writable": True, "readback": True})
    async with open_bench([device(1, written)], [simulated]) as bench:
        await sleep(1)
        result = await bench.field.write(f"bus/d1/{what.name}", value, None)
        assert (result.outcome, result.read_back) == (Outcome.CONFIRMED, says)


def _given(what: TagSettings) -> dict[str, object]:
    keys = ("type", "bit", "width", "byte", "scale", "word_order", "byte_order")
    return {key: getattr(what, key) for key in keys}


async def test_a_device_that_holds_more_than_could_be_written_costs_no_line_its_life(
    autojump_clock: MockClock,
) -> None:
    class Unlimited(SimulatedDevice):
        def answer(self, pdu: bytes, now: float) -> bytes | None:
            return bytes(pdu[:5]) if pdu[0] == 16 else super().answer(pdu, now)

    simulated = Unlimited(1, holding=dict.fromkeys(range(4), 0xFFFF))
    energy = tag("energy", 0, type="uint64", length=4, scale=0.1, writable=True, readback=True)
    async with open_bench([device(1, energy)], [simulated]) as bench:
        await sleep(1)
        result = await bench.field.write("bus/d1/energy", 5, None)
        assert (result.outcome, result.reason) == (Outcome.UNKNOWN, "read_back_differs")
        assert bench.lines.falls("bus") == 0
