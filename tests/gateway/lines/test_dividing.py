"""Refused blocks are divided until what is readable is read, and nothing else of their unit is touched by that."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from drivers.simulated.device import AddressRange, SimulatedDevice
from gateway.core.ports import Json
from gateway.core.reading import Quality, Reason
from tests.gateway.lines.bench import Facts, device, open_bench, tag


class Counting(Facts):
    """Counts what is written."""

    written = 0

    def remember(self, kind: str, key: str, value: Json, *, urgent: bool = False) -> None:
        self.written += kind == "splits"
        super().remember(kind, key, value, urgent=urgent)


@pytest.mark.parametrize("baudrate", [1200, 9600])
async def test_what_is_readable_among_overlapping_tags_is_read(autojump_clock: MockClock, baudrate: int) -> None:
    tags = [
        tag("text", 61, type="string", length=10),
        tag("t4", 67, type="uint32", length=2),
        tag("t12", 70, type="uint32", length=2),
        tag("other", 0, poll=0.5),
    ]
    simulated = SimulatedDevice(1, holding={n: n for n in range(71)})
    facts = Counting()
    async with open_bench([device(1, *tags)], [simulated], baudrate=baudrate, facts=facts) as bench:
        await trio.sleep(60)
        assert {bench.read(f"d1/{name}").quality for name in ("text", "t4", "other")} == {Quality.GOOD}
        assert bench.read("d1/t12").reason is Reason.ILLEGAL_ADDRESS
        assert sum(bench.line.polling.units[1].health.counters.refusals.values()) < 15
        assert facts.written < 4


class SlowInputs(SimulatedDevice):
    """Input registers have to be fetched."""

    def answer(self, pdu: bytes, now: float) -> bytes | None:
        self.turnaround_s = 0.6 if pdu[0] == 4 else 0.005
        return super().answer(pdu, now)


async def test_what_is_known_of_other_blocks_is_kept_when_one_is_divided(autojump_clock: MockClock) -> None:
    slow = [tag(f"s{n}", n, table="input", poll=5.0) for n in range(4)]
    fast = [tag(f"f{n}", n, poll=0.5) for n in range(4)]
    simulated = SlowInputs(1, holding={n: n for n in range(250)}, input={n: n for n in range(4)})
    async with open_bench([device(1, *fast, *slow, *(tag(f"h{n}", 200 + n) for n in range(8)))], [simulated]) as bench:
        await trio.sleep(60)
        errors = bench.field.devices()[0]["errors"]
        simulated.refused = (AddressRange("holding", 200),)
        await trio.sleep(200)
        assert {n for n in range(8) if bench.read(f"d1/h{n}").quality is not Quality.GOOD} == {0}
        assert bench.field.devices()[0]["errors"] == errors, "the slow block is waited for as before"
