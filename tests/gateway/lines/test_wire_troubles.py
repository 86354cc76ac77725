"""Echo, wrong units, foreign talk, network lines, broken and busy devices: each seen, named and survived."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from drivers.simulated.device import SimulatedDevice
from drivers.simulated.faults import DeviceFaults, WireFaults
from drivers.simulated.memory_port import MemoryPort
from gateway.core.reading import Quality, Reason
from gateway.lines.health import Cause
from tests.gateway.lines.bench import Bench, device, open_bench, tag


def simulated(unit: int = 1) -> SimulatedDevice:
    return SimulatedDevice(unit, holding={n: 10 * n for n in range(50)})


def errors(bench: Bench, unit: int = 1) -> dict[Cause, int]:
    return bench.line.polling.units[unit].health.counters.errors


async def test_local_echo_is_stripped(autojump_clock: MockClock) -> None:
    echo = WireFaults(echo=True)
    writable = tag("t", 1, writable=True)
    async with open_bench([device(1, writable)], [simulated()], wire_faults=echo, echo=True) as bench:
        await trio.sleep(3)
        assert (bench.read("d1/t").value, bench.read("d1/t").quality) == (10, Quality.GOOD)
        assert (await bench.field.write("bus/d1/t", 5, None)).outcome == "confirmed"
        assert not errors(bench)


async def test_the_echo_of_a_broadcast_is_nobodys_late_answer(autojump_clock: MockClock) -> None:
    async with open_bench(
        [device(1, tag("t", 1))], [simulated()], wire_faults=WireFaults(echo=True), echo=True, allow_broadcast=True
    ) as bench:
        await trio.sleep(3)
        for _ in range(5):
            await bench.field.modbus_write("bus", 0, "holding", 2, [5])
            await trio.sleep(1)
        assert not errors(bench)


async def test_an_echo_that_was_not_announced_is_named(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, tag("t", 1))], [simulated()], wire_faults=WireFaults(echo=True)) as bench:
        await trio.sleep(3)
        assert bench.read("d1/t").quality is Quality.GOOD
        assert errors(bench)[Cause.ECHO] > 0
        advice = bench.field.devices()[0]["advice"]
        assert "echo = true" in str(advice)


@pytest.mark.parametrize("transport", ["rtu", "ascii"])
@pytest.mark.parametrize("announced", [True, False])
async def test_an_echo_confirms_no_write(autojump_clock: MockClock, transport: str, announced: bool) -> None:  # noqa: FBT001 - a parameter
    """The reply to function 6 is the request itself: the echo of a lost write looks like it."""
    tags = [tag("t", 1, poll=60.0, writable=True), tag("r", 2, poll=60.0, writable=True, readback=True)]
    echo = WireFaults(echo=True)
    async with open_bench(
        [device(1, *tags)], [simulated()], wire_faults=echo, echo=announced, transport=transport
    ) as bench:
        await trio.sleep(3)
        assert (await bench.field.write("bus/d1/r", 5, None)).outcome == "confirmed", "the read after it proves it"
        await trio.sleep(1)
        bench.memory.stations.faults[1] = DeviceFaults(silent=True)
        result = await bench.field.write("bus/d1/t", 5, None)
        assert (result.outcome, result.reason) == ("unknown", "no_answer" if announced else "echo")


async def test_answers_of_other_units_are_counted_and_waited_out(autojump_clock: MockClock) -> None:
    faults = {1: DeviceFaults(wrong_unit=0.3)}
    async with open_bench([device(1, tag("t", 1, poll=0.2))], [simulated()], faults=faults) as bench:
        for _ in range(200):
            await trio.sleep(0.2)
            reading = bench.read("d1/t")
            assert reading.quality is not Quality.GOOD or reading.value == 10
        assert errors(bench)[Cause.WRONG_UNIT] > 5


async def test_noise_is_told_from_silence(autojump_clock: MockClock) -> None:
    noisy = {1: DeviceFaults(noise_before=0.5)}
    async with open_bench([device(1, tag("t", 1, poll=0.2))], [simulated()], faults=noisy) as bench:
        await trio.sleep(30)
        assert bench.read("d1/t").quality is Quality.GOOD, "noise before a good frame does not lose it"
    async with open_bench([device(1, tag("t", 1))], []) as bench:
        await trio.sleep(10)
        assert set(errors(bench)) == {Cause.TIMEOUT}


async def test_a_busy_device_keeps_its_value_for_a_while(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, tag("t", 1, poll=0.5))], [simulated()]) as bench:
        await trio.sleep(3)
        bench.memory.stations.faults[1] = DeviceFaults(busy=1.0)
        await trio.sleep(0.8)
        assert bench.read("d1/t").quality is Quality.GOOD
        await trio.sleep(3)
        assert bench.read("d1/t").reason is Reason.DEVICE_BUSY
        assert bench.read("d1/t").value is None
        bench.memory.stations.faults[1] = DeviceFaults()
        await trio.sleep(2)
        assert bench.read("d1/t").quality is Quality.GOOD


async def test_a_device_that_only_sends_garbage_is_broken_not_silent(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, tag("t", 1))], [simulated()]) as bench:
        await trio.sleep(3)
        bench.memory.stations.faults[1] = DeviceFaults(corrupt=1.0)
        await trio.sleep(20)
        reading = bench.read("d1/t")
        assert reading.quality is Quality.BAD
        assert reading.value is None
        assert errors(bench).get(Cause.CRC, 0) + errors(bench).get(Cause.NOISE, 0) > 3


async def test_an_unknown_table_is_refused_by_function(autojump_clock: MockClock) -> None:
    refuses = SimulatedDevice(1, holding={0: 1}, refused_functions=(4,))
    tags = [tag("h", 0), tag("i", 0, table="input")]
    async with open_bench([device(1, *tags)], [refuses]) as bench:
        await trio.sleep(3)
        assert bench.read("d1/h").quality is Quality.GOOD
        assert bench.read("d1/i").reason is Reason.ILLEGAL_FUNCTION


async def test_a_network_line_survives_late_answers_by_their_number(autojump_clock: MockClock) -> None:
    tags = [tag(f"t{n}", 2 * n, poll=0.5) for n in range(6)]
    faults = {1: DeviceFaults(late=0.05)}
    async with open_bench([device(1, *tags, max_hole=0)], [simulated()], transport="tcp", faults=faults) as bench:
        for _ in range(300):
            await trio.sleep(0.3)
            for n in range(6):
                reading = bench.read(f"d1/t{n}")
                assert reading.quality is not Quality.GOOD or reading.value == 20 * n
                assert reading.reason is not Reason.LATE_POSSIBLE, "a transaction number proves whose answer it is"
        assert errors(bench)[Cause.LATE] > 3
        assert bench.line.opened == 1, "a silent device is no broken link"


async def test_the_same_unit_number_on_two_lines_is_two_devices(autojump_clock: MockClock) -> None:
    async with (
        open_bench([device(1, tag("t", 0))], []) as dead,
        open_bench([device(1, tag("t", 1))], [simulated()]) as live,
    ):
        await trio.sleep(5)
        assert dead.read("d1/t").quality is Quality.BAD
        assert live.read("d1/t").quality is Quality.GOOD


async def test_on_demand_reads_reach_any_unit_and_never_wait_behind_a_dead_one(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, tag("t", 0)), device(9, tag("t", 0))], [simulated(), simulated(5)]) as bench:
        await trio.sleep(5)
        answer = await bench.field.modbus_read("bus", 5, "holding", 3, 4)
        assert answer.values == [30, 40, 50, 60]
        refused = await bench.field.modbus_read("bus", 5, "holding", 900, 1)
        assert (refused.values, refused.reason) == (None, "illegal_address")
        start = trio.current_time()
        missing = await bench.field.modbus_read("bus", 77, "holding", 0, 1)
        assert (missing.values, missing.reason) == (None, "no_answer")
        dead = await bench.field.read(["bus/d9/t"], 0.0)
        assert dead[0].quality is Quality.BAD
        assert trio.current_time() - start < 1.5
        assert bench.read("d1/t").quality is Quality.GOOD


async def test_a_caller_can_ask_for_a_fresh_value(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, tag("t", 1, poll=60.0))], [simulated()]) as bench:
        await trio.sleep(30)
        start = trio.current_time()
        [old] = await bench.field.read(["bus/d1/t"], None)
        assert old.sample is not None
        assert start - old.sample.acquired > 20
        [fresh] = await bench.field.read(["bus/d1/t"], 1.0)
        assert fresh.sample is not None
        assert fresh.sample.acquired >= start
        assert trio.current_time() - start < 0.2


async def test_a_fresh_value_is_never_older_than_the_question(autojump_clock: MockClock) -> None:
    """Where the line rests after an answer, one may be here that nobody has decoded yet."""
    units = [device(unit, tag("t", 1)) for unit in (1, 2)]
    async with open_bench(units, [simulated(1), simulated(2)], request_delay=0.3) as bench:
        await trio.sleep(10)
        for number in range(100):
            await trio.sleep(1 + number * 0.0173 % 1)
            asked = trio.current_time()
            [fresh] = await bench.field.read([f"bus/d{1 + number % 2}/t"], 0.0)
            assert fresh.sample is not None
            assert fresh.sample.acquired >= asked


async def test_a_gateway_without_path_is_no_reason_to_open_the_link_anew(autojump_clock: MockClock) -> None:
    units = [device(1, tag("t", 0)), device(2, tag("t", 0))]
    async with open_bench(units, [simulated(9)], transport="tcp") as bench:
        await trio.sleep(300)
        assert bench.read("d1/t").reason is Reason.GATEWAY_TARGET
        assert set(bench.line.polling.units[1].health.counters.refusals) == {"gateway_target_failed_to_respond"}
        assert bench.line.opened == 1


async def test_a_unit_that_only_a_caller_asked_for_is_not_probed(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, tag("t", 0))], [simulated()]) as bench:
        await trio.sleep(5)
        await bench.field.modbus_read("bus", 77, "holding", 0, 1)
        bench.memory.unplug()
        await trio.sleep(1)
        bench.memory.replug()
        await trio.sleep(5)
        lost = bench.line.polling.budget.lost
        await trio.sleep(60)
        assert bench.line.polling.budget.lost == lost


async def test_a_refused_longer_read_is_not_held_against_the_block(autojump_clock: MockClock) -> None:
    """Some devices call what lies behind their last register a failure of their own (exception 4)."""

    class Odd(SimulatedDevice):
        def answer(self, pdu: bytes, now: float) -> bytes | None:
            answer = super().answer(pdu, now)
            return bytes((0x83, 4)) if answer == bytes((0x83, 2)) else answer

    async with open_bench([device(1, tag("t", 0), tag("u", 1))], [Odd(1, holding={0: 1, 1: 2})]) as bench:
        await trio.sleep(5)
        bench.memory.stations.faults[1] = DeviceFaults(lost=1.0)
        await trio.sleep(1.02)
        bench.memory.stations.faults.clear()
        for _ in range(100):
            await trio.sleep(0.1)
            assert bench.read("d1/t").reason is not Reason.DEVICE_FAILURE


async def test_two_units_with_one_number_cost_no_more_than_silence(autojump_clock: MockClock) -> None:
    """Once it was silent, a unit whose answers are always damaged is probed with pauses, not without end."""
    units = [device(1, tag("t", 0, poll=None)), device(2, tag("t", 0))]
    async with open_bench(units, [simulated(1), simulated(2)]) as bench:
        await trio.sleep(5)
        bench.memory.stations.faults[2] = DeviceFaults(silent=True)
        await trio.sleep(5)
        bench.memory.stations.faults.clear()
        port = bench.line.port
        assert isinstance(port, MemoryPort)
        drain = port.drain
        counters = bench.line.polling.units[2].health.counters
        before = counters.requests

        def damaged() -> bytes:
            data = drain()
            return data[:-1] + bytes((data[-1] ^ 1,)) if data[:1] == b"\x02" else data

        port.drain = damaged  # type: ignore[method-assign]  # two who talk at once
        await trio.sleep(60)
        assert counters.errors[Cause.CRC] > 3
        assert counters.requests - before < 60
        sample = bench.read("d1/t").sample
        assert sample is not None
        assert trio.current_time() - sample.acquired < 30
