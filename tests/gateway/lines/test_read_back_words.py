"""A write whose read-back was not had says why; and one that is not done says nothing."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from drivers.modbus.pdu import Refusal, write_register
from drivers.simulated.device import SimulatedDevice
from gateway.core.ports import Outcome
from gateway.core.reading import Quality
from gateway.lines.fence import shape
from gateway.lines.orders import Writing
from tests.gateway.lines.bench import device, open_bench, tag

SPEED = tag("speed", 0, writable=True, readback=True)


class AfterAWrite(SimulatedDevice):
    """Answers the first read after a write in its own way: with these bytes, or not at all."""

    def __init__(self, instead: bytes | None) -> None:
        super().__init__(1, holding={0: 7})
        self.instead = instead
        self.written = False

    def answer(self, pdu: bytes, now: float) -> bytes | None:
        if pdu[0] == 3 and self.written:
            self.written = False
            return self.instead
        self.written = pdu[0] == 6
        return super().answer(pdu, now)


@pytest.mark.parametrize(
    ("instead", "words"),
    [
        (None, "did not answer the read after it"),
        (bytes((0x83, 6)), "refused the read after it: server device busy"),
        (bytes((0x83, 10)), "but a gateway on the way has no path to the unit for the read after it"),
        (bytes((0x83, 11)), "but a gateway on the way got no answer from the unit for the read after it"),
    ],
)
async def test_why_a_write_was_not_read_back(autojump_clock: MockClock, instead: bytes | None, words: str) -> None:
    async with open_bench([device(1, SPEED)], [AfterAWrite(instead)]) as bench:
        await trio.sleep(1.5)
        result = await bench.field.write("bus/d1/speed", 5, None)
        assert (result.outcome, result.reason) == (Outcome.UNKNOWN, "not_read_back")
        assert result.message is not None
        assert words in result.message


async def test_a_read_back_that_would_prove_nothing_is_not_blamed_on_the_device(autojump_clock: MockClock) -> None:
    simulated = SimulatedDevice(1, holding={0: 7})
    async with open_bench([device(1, SPEED)], [simulated]) as bench:
        await trio.sleep(1.5)
        unit = bench.line.polling.units[1]
        unit.health.lost(shape(unit.polls[0].request), trio.current_time())
        result = await bench.field.write("bus/d1/speed", 5, None)
        assert (result.outcome, result.reason) == (Outcome.UNKNOWN, "not_read_back")
        assert "was not read after it" in (result.message or "")


async def test_writing_again_and_again_does_not_keep_a_doubt_alive(autojump_clock: MockClock) -> None:
    """A block that cannot be asked for more is not read in doubt for a writer's sake: doubt ends with quarantine."""
    simulated = SimulatedDevice(1, holding={0: 7})
    async with open_bench([device(1, tag("speed", 0, writable=True, poll=10.0))], [simulated]) as bench:
        await trio.sleep(12)
        unit = bench.line.polling.units[1]
        unit.polls[0].most_stretch = 0
        unit.health.lost(shape(unit.polls[0].request), trio.current_time())
        for value in range(12):
            await bench.field.write("bus/d1/speed", value, None)
            await trio.sleep(1)
        reading = bench.read("d1/speed")
        assert (reading.value, reading.quality) == (11, Quality.GOOD)
        assert not unit.health.open_shapes(trio.current_time())


async def test_who_asks_for_a_fresh_value_in_doubt_does_not_wait_for_the_end_of_it(autojump_clock: MockClock) -> None:
    simulated = SimulatedDevice(1, holding={0: 7})
    async with open_bench([device(1, tag("speed", 0, poll=60.0))], [simulated]) as bench:
        await trio.sleep(12)
        unit = bench.line.polling.units[1]
        unit.polls[0].most_stretch = 0
        unit.health.lost(shape(unit.polls[0].request), trio.current_time())
        start = trio.current_time()
        (reading,) = await bench.field.read(["bus/d1/speed"], 1.0)
        assert trio.current_time() - start < 0.1
        assert reading.value == 7


async def test_an_order_that_is_not_done_has_no_outcome(autojump_clock: MockClock) -> None:
    order = Writing(1, write_register(1, 0, 5), 10.0)
    with pytest.raises(RuntimeError, match="before there was one"):
        order.result()
    order.answered(Refusal(2))
    assert order.result().outcome is Outcome.REFUSED


async def test_a_doubt_that_is_nearly_over_is_waited_for(autojump_clock: MockClock) -> None:
    """A block that was read in doubt just before the end of it would be in doubt for a whole quarantine more."""
    simulated = SimulatedDevice(1, holding={0: 7})
    async with open_bench([device(1, tag("speed", 0, poll=5.0))], [simulated]) as bench:
        await trio.sleep(12)
        unit = bench.line.polling.units[1]
        unit.polls[0].most_stretch = 0
        unit.health.lost(shape(unit.polls[0].request), trio.current_time())
        await trio.sleep(6)
        reading = bench.read("d1/speed")
        assert reading.quality is Quality.GOOD
        assert reading.sample is not None
        assert 16.0 <= reading.sample.acquired < 16.1, "at the end of the doubt, not at 15 s in it"
        assert not unit.health.open_shapes(trio.current_time())
