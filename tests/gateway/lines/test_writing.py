"""Writes: before polls, with an outcome that is true, and with leases that run out to a safe value."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from drivers.modbus.pdu import read_registers, write_register
from drivers.simulated.device import AddressRange, SimulatedDevice
from drivers.simulated.faults import DeviceFaults, Window
from gateway.core.errors import GatewayError
from gateway.core.ports import Outcome
from gateway.core.reading import Value
from gateway.lines.fence import shape
from tests.gateway.lines.bench import Facts, device, open_bench, tag

SETPOINT = tag("speed", 0, writable=True, safe=0)
FAST = [tag(f"t{n}", 40 * n, poll=0.1) for n in range(1, 6)]


def drive(**more: object) -> SimulatedDevice:
    return SimulatedDevice(1, holding=dict.fromkeys(range(250), 7), coil={0: 0}, **more)  # type: ignore[arg-type]  # test data


async def test_a_confirmed_write_has_reached_the_device(autojump_clock: MockClock) -> None:
    simulated = drive()
    async with open_bench([device(1, SETPOINT)], [simulated]) as bench:
        await trio.sleep(1.5)
        result = await bench.field.write("bus/d1/speed", 1234, None)
        assert result.outcome is Outcome.CONFIRMED
        assert simulated.get("holding", 0) == 1234
        await trio.sleep(0.2)
        assert bench.read("d1/speed").value == 1234, "the tag is read again right after the write"


async def test_a_write_waits_for_one_exchange_not_for_the_polls(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, SETPOINT, *FAST)], [drive()], baudrate=9600) as bench:
        await trio.sleep(3.02)
        start = trio.current_time()
        await bench.field.write("bus/d1/speed", 1, None)
        longest = max(poll.cost for poll in bench.line.polling.units[1].polls)
        assert trio.current_time() - start < 2 * longest + 0.05


async def test_many_writes_do_not_starve_the_polls(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, SETPOINT, tag("t", 100, poll=0.5))], [drive()]) as bench:
        await trio.sleep(1)

        async def write_on() -> None:
            while True:
                await bench.field.write("bus/d1/speed", 1, None)

        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(write_on)
            await trio.sleep(10)
            nursery.cancel_scope.cancel()
        sample = bench.read("d1/t").sample
        assert sample is not None
        assert trio.current_time() - sample.acquired < 1.0


async def test_the_device_refuses(autojump_clock: MockClock) -> None:
    read_only = [AddressRange("holding", 0, 1)]
    async with open_bench([device(1, SETPOINT)], [drive(read_only=read_only)]) as bench:
        await trio.sleep(1)
        result = await bench.field.write("bus/d1/speed", 5, None)
        assert (result.outcome, result.reason) == (Outcome.REFUSED, "illegal_address")


async def test_nothing_is_sent_to_a_device_that_is_not_there(autojump_clock: MockClock) -> None:
    simulated = drive()
    faults = {1: DeviceFaults(silent_in=(Window(2, 1000),))}
    async with open_bench([device(1, SETPOINT)], [simulated], faults=faults) as bench:
        await trio.sleep(20)
        start = trio.current_time()
        result = await bench.field.write("bus/d1/speed", 5, None)
        assert (result.outcome, result.reason) == (Outcome.NOT_SENT, "no_answer")
        assert trio.current_time() - start < 2.0
        assert simulated.get("holding", 0) == 7


async def test_sent_and_not_answered_is_unknown(autojump_clock: MockClock) -> None:
    simulated = drive()
    async with open_bench([device(1, SETPOINT)], [simulated]) as bench:
        await trio.sleep(1.5)
        bench.memory.stations.faults[1] = DeviceFaults(lost=1.0)
        result = await bench.field.write("bus/d1/speed", 5, None)
        assert (result.outcome, result.reason) == (Outcome.UNKNOWN, "no_answer")
        assert simulated.get("holding", 0) == 5, "it was executed: 'not sent' would have been a lie"


class SlowToDo(SimulatedDevice):
    """Says that it has taken a write, and does it later."""

    def answer(self, pdu: bytes, now: float) -> bytes | None:
        done = super().answer(pdu, now)
        return bytes((pdu[0] | 0x80, 5)) if pdu[0] in {6, 16} else done


async def test_taken_and_not_done_yet_is_unknown(autojump_clock: MockClock) -> None:
    simulated = SlowToDo(1, holding={0: 7})
    async with open_bench([device(1, SETPOINT)], [simulated]) as bench:
        await trio.sleep(1.5)
        result = await bench.field.write("bus/d1/speed", 5, None)
        assert (result.outcome, result.reason) == (Outcome.UNKNOWN, "device_busy")
        assert simulated.get("holding", 0) == 5, "'refused' would have been a lie"


@pytest.mark.parametrize(
    ("code", "reason", "said"), [(10, "gateway_path", "has no path to"), (11, "gateway_target", "got no answer from")]
)
async def test_what_a_gateway_on_the_way_says_of_the_unit_is_told(
    autojump_clock: MockClock, code: int, reason: str, said: str
) -> None:
    class Behind(SimulatedDevice):
        def answer(self, pdu: bytes, now: float) -> bytes | None:
            return bytes((pdu[0] | 0x80, code)) if pdu[0] == 6 else super().answer(pdu, now)

    async with open_bench([device(1, SETPOINT)], [Behind(1, holding={0: 7})]) as bench:
        await trio.sleep(1.5)
        result = await bench.field.write("bus/d1/speed", 1, None)
        assert (result.outcome, result.reason) == (Outcome.UNKNOWN, reason)
        assert result.message == f"a gateway on the way {said} the unit"


async def test_the_line_is_down(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, SETPOINT)], [drive()]) as bench:
        await trio.sleep(1)
        bench.memory.unplug()
        await trio.sleep(1.5)
        result = await bench.field.write("bus/d1/speed", 5, None)
        assert (result.outcome, result.reason) == (Outcome.NOT_SENT, "link_down")


async def test_read_back_tells_a_device_that_acknowledges_and_ignores(autojump_clock: MockClock) -> None:
    class Stubborn(SimulatedDevice):
        def answer(self, pdu: bytes, now: float) -> bytes | None:
            return bytes(pdu) if pdu[0] == 6 else super().answer(pdu, now)

    simulated = Stubborn(1, holding={0: 7})
    async with open_bench([device(1, tag("speed", 0, writable=True, readback=True))], [simulated]) as bench:
        await trio.sleep(1)
        result = await bench.field.write("bus/d1/speed", 5, None)
        assert (result.outcome, result.reason, result.read_back) == (Outcome.UNKNOWN, "read_back_differs", 7)
        same = await bench.field.write("bus/d1/speed", 7, None)
        assert (same.outcome, same.read_back) == (Outcome.CONFIRMED, 7)


@pytest.mark.parametrize("refused_functions", [(), (22,)])
async def test_a_bit_is_written_without_touching_its_neighbours(
    autojump_clock: MockClock, refused_functions: tuple[int, ...]
) -> None:
    """By function 22, or by read, modify and write where the device does not know it."""
    simulated = SimulatedDevice(1, holding={0: 0b1010_0000_0000_0101}, refused_functions=refused_functions)
    bit = tag("pump", 0, type="bool", bit=3, writable=True)
    async with open_bench([device(1, bit)], [simulated]) as bench:
        await trio.sleep(1)
        for _ in range(2):
            assert (await bench.field.write("bus/d1/pump", True, None)).outcome is Outcome.CONFIRMED
            assert simulated.get("holding", 0) == 0b1010_0000_0000_1101
        assert (await bench.field.write("bus/d1/pump", False, None)).outcome is Outcome.CONFIRMED
        assert simulated.get("holding", 0) == 0b1010_0000_0000_0101


async def test_what_cannot_be_written_is_refused_before_it_costs_the_line_anything(autojump_clock: MockClock) -> None:
    read_only = tag("r", 1)
    async with open_bench([device(1, SETPOINT, read_only)], [drive()]) as bench:
        await trio.sleep(1)
        attempts: list[tuple[str, Value, float | None, str]] = [
            ("bus/d1/nothing", 1, None, "tag"),
            ("bus/d1/r", 1, None, "tag"),
            ("bus/d1/speed", 70000, None, "value"),
            ("bus/d1/speed", "fast", None, "value"),
            ("bus/d1/speed", 1, 0.1, "lease"),
        ]
        for name, value, lease, field in attempts:
            with pytest.raises(GatewayError) as refused:
                await bench.field.write(name, value, lease)
            assert refused.value.field == field


async def test_a_lease_that_is_not_renewed_ends_in_the_safe_value(autojump_clock: MockClock) -> None:
    simulated = drive()
    facts = Facts()
    async with open_bench([device(1, SETPOINT)], [simulated], facts=facts) as bench:
        await trio.sleep(1)
        for _ in range(5):
            assert (await bench.field.write("bus/d1/speed", 900, 4)).outcome is Outcome.CONFIRMED
            await trio.sleep(3)
            assert simulated.get("holding", 0) == 900, "renewed in time"
        assert facts.kinds["lease"]
        await trio.sleep(2)
        assert simulated.get("holding", 0) == 0
        assert not facts.kinds["lease"]


async def test_a_lease_outlives_the_gateway(autojump_clock: MockClock) -> None:
    simulated = drive()
    facts = Facts()
    async with open_bench([device(1, SETPOINT)], [simulated], facts=facts) as bench:
        await trio.sleep(1)
        await bench.field.write("bus/d1/speed", 900, 3600)
    assert simulated.get("holding", 0) == 900
    async with open_bench([device(1, SETPOINT)], [simulated], facts=facts):
        await trio.sleep(3)
        assert simulated.get("holding", 0) == 0, "nobody could renew it while the gateway was away"


async def test_the_safe_value_waits_for_a_device_that_is_away(autojump_clock: MockClock) -> None:
    simulated = drive()
    faults = {1: DeviceFaults(silent_in=(Window(3, 60),))}
    async with open_bench([device(1, SETPOINT)], [simulated], faults=faults) as bench:
        await trio.sleep(1)
        await bench.field.write("bus/d1/speed", 900, 5)
        await trio.sleep(54)
        assert simulated.get("holding", 0) == 900, "out of reach"
        await trio.sleep(30)
        assert simulated.get("holding", 0) == 0


async def test_a_write_without_lease_takes_the_place_of_one_with_it(autojump_clock: MockClock) -> None:
    simulated = drive()
    async with open_bench([device(1, SETPOINT)], [simulated]) as bench:
        await trio.sleep(1)
        await bench.field.write("bus/d1/speed", 900, 3)
        await bench.field.write("bus/d1/speed", 500, None)
        await trio.sleep(10)
        assert simulated.get("holding", 0) == 500


async def test_a_caller_who_leaves_does_not_break_the_exchange(autojump_clock: MockClock) -> None:
    simulated = drive()
    async with open_bench([device(1, SETPOINT)], [simulated], baudrate=1200) as bench:
        await trio.sleep(2)
        with trio.move_on_after(0.05):
            await bench.field.write("bus/d1/speed", 321, None)
        await trio.sleep(3)
        assert simulated.get("holding", 0) == 321
        assert bench.read("d1/speed").value == 321
        assert not bench.line.polling.units[1].health.counters.errors


async def test_a_full_queue_says_so(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, SETPOINT)], [drive()], baudrate=1200) as bench:
        await trio.sleep(2)
        outcomes: list[str | None] = []

        async def write() -> None:
            outcomes.append((await bench.field.write("bus/d1/speed", 1, None)).reason)

        async with trio.open_nursery() as nursery:
            for _ in range(100):
                nursery.start_soon(write)
        assert outcomes.count("queue_full") >= 30


async def test_what_may_be_a_late_answer_decides_nothing(autojump_clock: MockClock) -> None:
    """Neither what a register holds before a bit of it is changed, nor what it holds after, nor that it was refused.

    There is nothing behind the register, so that a longer read cannot prove it.
    """
    simulated = SimulatedDevice(
        1, holding={0: 7, 1: 7}, refused_functions=(22,), read_only=[AddressRange("holding", 0)]
    )
    tags = [
        tag("pump", 1, type="bool", bit=3, writable=True),
        tag("speed", 1, writable=True, readback=True),
        tag("fixed", 0, writable=True),
    ]
    async with open_bench([device(1, *tags)], [simulated]) as bench:
        await trio.sleep(2)
        assert (await bench.field.write("bus/d1/pump", True, None)).outcome is Outcome.CONFIRMED
        health = bench.line.polling.units[1].health
        for late in (read_registers(1, 3, 100, 1), write_register(1, 100, 5)):
            health.lost(shape(late), trio.current_time())
        outcomes = [
            (await bench.field.write(name, value, None)).outcome
            for name, value in (("bus/d1/pump", False), ("bus/d1/speed", 9), ("bus/d1/fixed", 9))
        ]
        assert outcomes == [Outcome.NOT_SENT, Outcome.UNKNOWN, Outcome.UNKNOWN]
        await trio.sleep(10)
        assert (await bench.field.write("bus/d1/fixed", 9, None)).outcome is Outcome.REFUSED
