"""What a line does with its devices, on a timed wire and virtual time."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from drivers.simulated.device import AddressRange, SimulatedDevice
from drivers.simulated.faults import DeviceFaults, Window
from gateway.core.reading import Quality, Reason
from tests.gateway.lines.bench import Facts, device, open_bench, tag


def holding(unit: int, count: int = 40, **more: object) -> SimulatedDevice:
    return SimulatedDevice(unit, holding={n: 100 * unit + n for n in range(count)}, **more)  # type: ignore[arg-type]  # test data


async def test_values_arrive_good_and_on_time(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, *(tag(f"t{n}", n) for n in range(10)))], [holding(1)]) as bench:
        await trio.sleep(10.5)
        for n in range(10):
            reading = bench.read(f"d1/t{n}")
            assert (reading.value, reading.quality) == (100 + n, Quality.GOOD)
            assert reading.sample is not None
            assert trio.current_time() - reading.sample.acquired < 1.1
        assert all(row.missed_deadlines == 0 for row in bench.field.tags())
        assert len(bench.line.polling.units[1].polls) == 1
        assert bench.memory.gap_violations == 0


async def test_a_silent_device_is_bad_and_never_holds_up_the_others(autojump_clock: MockClock) -> None:
    silent = [device(unit, tag("t", 0)) for unit in range(2, 12)]
    async with open_bench([device(1, tag("t", 0, poll=0.2)), *silent], [holding(1)]) as bench:
        await trio.sleep(10)
        missed = bench.field.tags()[0].missed_deadlines
        assert missed < 15, "each of the ten costs one short time-out at the start"
        await trio.sleep(110)
        reading = bench.read("d1/t")
        assert reading.sample is not None
        assert trio.current_time() - reading.sample.acquired < 0.4
        assert bench.field.tags()[0].missed_deadlines == missed
        for unit in range(2, 12):
            assert bench.read(f"d{unit}/t").quality is Quality.BAD
            assert bench.read(f"d{unit}/t").reason is Reason.NO_ANSWER
            assert bench.read(f"d{unit}/t").value is None
        polling = bench.line.polling
        assert polling.budget.lost <= 0.10 * 120 + 10 * 0.3


async def test_a_device_that_comes_back_is_found_again(autojump_clock: MockClock) -> None:
    faults = {1: DeviceFaults(silent_in=(Window(5, 65),))}
    async with open_bench([device(1, tag("t", 0))], [holding(1)], faults=faults) as bench:
        await trio.sleep(4)
        assert bench.read("d1/t").quality is Quality.GOOD
        before = bench.read("d1/t").sample
        await trio.sleep(10)
        reading = bench.read("d1/t")
        assert (reading.value, reading.quality, reading.reason) == (None, Quality.BAD, Reason.NO_ANSWER)
        assert reading.last_value == 100
        assert reading.sample is not None
        assert before is not None
        assert reading.sample.acquired < 5.1, "an old value never gets a new time"
        await trio.sleep(65)
        assert bench.read("d1/t").quality is Quality.GOOD
        kinds = [kind for kind, _ in bench.events]
        assert kinds == ["line:up", "device:up", "device:down", "device:up"], "silence is not a broken link"


async def test_a_refused_hole_divides_the_block_and_is_remembered(autojump_clock: MockClock) -> None:
    tags = [tag("a", 0), tag("b", 1), tag("c", 8), tag("d", 20)]
    refused = [AddressRange("holding", 4, 2)]
    facts = Facts()
    async with open_bench([device(1, *tags)], [holding(1, refused=refused)], facts=facts) as bench:
        assert len(bench.line.polling.units[1].polls) == 1, "joined before anything is known"
        await trio.sleep(5)
        for name in "abcd":
            assert bench.read(f"d1/{name}").quality is Quality.GOOD
        learned = len(bench.line.polling.units[1].polls)
        assert learned > 1
    async with open_bench([device(1, *tags)], [holding(1, refused=refused)], facts=facts) as bench:
        assert len(bench.line.polling.units[1].polls) == learned
        await trio.sleep(2)
        assert not bench.line.polling.units[1].health.counters.refusals, "what was learned is not learned again"


async def test_a_register_that_is_not_there_fails_alone(autojump_clock: MockClock) -> None:
    tags = [tag(f"t{n}", n) for n in range(8)]
    refused = [AddressRange("holding", 5, 1)]
    async with open_bench([device(1, *tags)], [holding(1, refused=refused)]) as bench:
        await trio.sleep(5)
        for n in range(8):
            expected = (Quality.BAD, Reason.ILLEGAL_ADDRESS) if n == 5 else (Quality.GOOD, None)
            assert (bench.read(f"d1/t{n}").quality, bench.read(f"d1/t{n}").reason) == expected


async def test_unplugged_and_plugged_again(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, tag("t", 0))], [holding(1)]) as bench:
        await trio.sleep(3)
        bench.memory.unplug()
        await trio.sleep(2)
        assert (bench.read("d1/t").quality, bench.read("d1/t").reason) == (Quality.BAD, Reason.LINK_DOWN)
        bench.memory.replug()
        await trio.sleep(12)
        assert bench.read("d1/t").quality is Quality.GOOD
        assert bench.line.opened == 2


async def test_corrupt_answers_are_counted_and_never_believed(autojump_clock: MockClock) -> None:
    async with open_bench(
        [device(1, *(tag(f"t{n}", n) for n in range(20)))], [holding(1)], faults={1: DeviceFaults(corrupt=0.3)}
    ) as bench:
        for _ in range(300):
            await trio.sleep(0.31)
            for n in range(20):
                reading = bench.read(f"d1/t{n}")
                assert reading.quality is not Quality.GOOD or reading.value == 100 + n
        errors = bench.field.devices()[0]["errors"]
        assert isinstance(errors, dict)
        assert errors["crc"] > 20


async def test_late_answers_are_never_taken_for_the_next(autojump_clock: MockClock) -> None:
    """Twenty blocks of one size on one device that answers late: the shape of a reply proves nothing."""
    tags = [tag(f"t{n}", 60 * n, poll=0.5) for n in range(20)]
    simulated = SimulatedDevice(1, holding={60 * n + k: 1000 + n for n in range(20) for k in range(4)})
    faults = {1: DeviceFaults(late=0.005)}
    async with open_bench([device(1, *tags, max_hole=0)], [simulated], faults=faults) as bench:
        good = 0
        for _ in range(3000):
            await trio.sleep(0.1)
            for n in range(20):
                reading = bench.read(f"d1/t{n}")
                if reading.quality is Quality.GOOD:
                    good += 1
                    assert reading.value == 1000 + n
        assert good > 20_000
        assert bench.line.polling.units[1].health.counters.errors


async def test_a_device_that_refuses_everything_while_it_starts_loses_nothing(autojump_clock: MockClock) -> None:
    class Starting(SimulatedDevice):
        def answer(self, pdu: bytes, now: float) -> bytes | None:
            return bytes((pdu[0] | 0x80, 2)) if 30 <= now < 40 else super().answer(pdu, now)

    facts = Facts()
    simulated = Starting(1, holding={n: n for n in range(40)})
    async with open_bench([device(1, *(tag(f"t{n}", n) for n in range(20)))], [simulated], facts=facts) as bench:
        await trio.sleep(35)
        assert bench.read("d1/t0").reason is Reason.ILLEGAL_ADDRESS
        await trio.sleep(20)
        assert all(bench.read(f"d1/t{n}").quality is Quality.GOOD for n in range(20))
        assert len(bench.line.polling.units[1].polls) == 1, "one request still reads them all"


async def test_a_block_that_lost_a_register_for_good_is_divided_in_the_end(autojump_clock: MockClock) -> None:
    simulated = holding(1)
    async with open_bench([device(1, *(tag(f"t{n}", n) for n in range(20)))], [simulated]) as bench:
        await trio.sleep(10)
        simulated.refused = (AddressRange("holding", 7),)
        await trio.sleep(300)
        assert {n for n in range(20) if bench.read(f"d1/t{n}").quality is not Quality.GOOD} == {7}
