"""What callers ask of a unit whose late answers may still come: certain, or not asked, never in doubt for ever."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from drivers.modbus.pdu import write_register
from drivers.simulated.device import AddressRange, SimulatedDevice
from gateway.core.ports import Outcome, RawAnswer
from gateway.core.reading import Quality
from gateway.lines.fence import shape
from tests.gateway.lines.bench import Bench, device, open_bench, tag

HOLDING = {n: 10 * n for n in range(8)}
# A unit whose only poll lies elsewhere: what callers ask is nothing that polls prove meanwhile.
POLLED = tag("t", 0, poll=60.0)


class Counting(SimulatedDevice):
    """Counts what it is asked."""

    def __init__(self, **more: object) -> None:
        super().__init__(1, holding=HOLDING, **more)  # type: ignore[arg-type]  # test data
        self.asked: list[bytes] = []

    def answer(self, pdu: bytes, now: float) -> bytes | None:
        self.asked.append(pdu)
        return super().answer(pdu, now)


async def read(bench: Bench, address: int, count: int) -> RawAnswer:
    return await bench.field.modbus_read("bus", 1, "holding", address, count)


def lose(bench: Bench, *sizes: int) -> None:
    """So many registers were asked for, and the replies may still come."""
    health = bench.line.polling.unit(1).health
    for size in sizes:
        health.lost((3, 2 + 2 * size, b""), trio.current_time())


@pytest.mark.parametrize("sizes", [(5,), (5, 6), (1,), (1, 2)])
async def test_a_refusal_in_doubt_is_believed_when_given_twice(
    autojump_clock: MockClock, sizes: tuple[int, ...]
) -> None:
    """And asking again does not keep the doubt alive, whatever was lost: also the very read that is asked again."""
    simulated = Counting()
    async with open_bench([device(1, POLLED)], [simulated], timeout=1.0) as bench:
        await trio.sleep(5)
        lose(bench, *sizes)
        simulated.asked.clear()
        said = []
        for _ in range(30):
            said.append((await read(bench, 100, 1)).reason)
            await trio.sleep(0.5)
        assert set(said) <= {"illegal_address", "late_possible"}
        assert "late_possible" not in said[0 if 1 not in sizes else 10 :]
        assert len(simulated.asked) <= 30
        assert not bench.line.polling.unit(1).health.open_shapes(trio.current_time())


async def test_a_read_in_doubt_leaves_the_sizes_of_polls_alone(autojump_clock: MockClock) -> None:
    simulated = Counting()
    async with open_bench(
        [device(1, tag("long", 6, type="uint32", length=2, poll=0.5))], [simulated], timeout=1.0
    ) as bench:
        await trio.sleep(5)
        lose(bench, 1)
        for _ in range(100):
            await read(bench, 7, 1)
            await trio.sleep(0.1)
            assert bench.read("d1/long").quality is Quality.GOOD


async def test_a_doubt_that_ends_while_it_is_asked_about_harms_nobody(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, POLLED)], [Counting()], timeout=1.0) as bench:
        await trio.sleep(5)
        health = bench.line.polling.unit(1).health
        lose(bench, 1)
        await trio.sleep_until(health.open_until((3, 4, b"")) - 0.004)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(read, bench, 7, 1)
            await trio.sleep(0.005)
            health.open_shapes(trio.current_time())
        assert bench.line.state == "up"
        assert (await read(bench, 7, 1)).values == [70]


async def test_a_lost_read_makes_no_doubt_of_a_refused_write(autojump_clock: MockClock) -> None:
    """A refusal names its function."""
    simulated = Counting(read_only=[AddressRange("holding", 2)])
    async with open_bench([device(1, tag("t", 2, poll=60.0, writable=True))], [simulated]) as bench:
        await trio.sleep(5)
        lose(bench, 1)
        for _ in range(5):
            assert (await bench.field.write("bus/d1/t", 5, None)).outcome is Outcome.REFUSED
            await trio.sleep(0.5)


async def test_a_safe_value_that_cannot_be_read_back_is_settled_all_the_same(autojump_clock: MockClock) -> None:
    class WriteOnly(Counting):
        def answer(self, pdu: bytes, now: float) -> bytes | None:
            return bytes((0x83, 2)) if pdu[0] == 3 else super().answer(pdu, now)

    simulated = WriteOnly()
    configured = [device(1, tag("t", 2, poll=60.0, writable=True, safe=0))]
    async with open_bench(configured, [simulated], timeout=5.0) as bench:
        await trio.sleep(5)
        assert (await bench.field.write("bus/d1/t", 5, 1.0)).outcome is Outcome.CONFIRMED
        bench.line.polling.unit(1).health.lost(shape(write_register(1, 2, 0)), trio.current_time())
        await trio.sleep(60)
        assert simulated.get("holding", 2) == 0
        assert not bench.field.leases()


async def test_a_read_in_doubt_is_asked_for_more_than_was_wanted(autojump_clock: MockClock) -> None:
    simulated = Counting()
    async with open_bench([device(1, POLLED)], [simulated]) as bench:
        await trio.sleep(5)
        lose(bench, 2, 3)
        answer = await read(bench, 1, 2)
        assert answer.values == [10, 20]
        assert simulated.asked[-1] == bytes((3, 0, 1, 0, 4))


async def test_asking_again_and_again_does_not_keep_a_doubt_alive(autojump_clock: MockClock) -> None:
    """The device has nothing behind its last register, so a longer read of that is refused."""
    async with open_bench([device(1, POLLED)], [Counting()], timeout=1.0) as bench:
        await trio.sleep(5)
        lose(bench, 1)
        lost_at, seen = trio.current_time(), set()
        while trio.current_time() < lost_at + 6:
            answer = await read(bench, 7, 1)
            seen.add(answer.reason)
            if answer.reason is None:
                assert answer.values == [70]
                break
            assert "ask again in" in (answer.message or "")
            await trio.sleep(0.05)
        assert trio.current_time() < lost_at + 4.2
        assert seen == {None, "late_possible"}


async def test_how_long_to_wait_is_said_truly(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, POLLED)], [Counting()], timeout=1.0) as bench:
        await trio.sleep(5)
        lose(bench, 1)
        await trio.sleep(0.5)
        answer = await read(bench, 7, 1)
        assert "ask again in 4 s" in (answer.message or "")
        await trio.sleep(4)
        assert (await read(bench, 7, 1)).values == [70]


@pytest.mark.parametrize("readback", [True, False])
async def test_a_write_that_is_asked_again_after_its_answer_was_lost_is_read_back(
    autojump_clock: MockClock,
    readback: bool,  # noqa: FBT001 - a parameter
) -> None:
    """Its acknowledgement may be the late one of the first; what stands in the register is beyond doubt."""
    simulated = Counting()
    async with open_bench([device(1, tag("t", 2, poll=60.0, writable=True, readback=readback))], [simulated]) as bench:
        await trio.sleep(5)
        bench.line.polling.unit(1).health.lost(shape(write_register(1, 2, 5)), trio.current_time())
        result = await bench.field.write("bus/d1/t", 5, None)
        assert (result.outcome, result.read_back) == (Outcome.CONFIRMED, 5 if readback else None)
        assert simulated.get("holding", 2) == 5


async def test_a_register_that_does_not_keep_what_is_written_leaves_a_write_in_doubt_unknown(
    autojump_clock: MockClock,
) -> None:
    """A command register falls back to zero: that its content differs says nothing of the write."""

    class Command(Counting):
        def answer(self, pdu: bytes, now: float) -> bytes | None:
            reply = super().answer(pdu, now)
            if pdu[0] == 6:
                super().answer(bytes((6, 0, 2, 0, 0)), now)
            return reply

    async with open_bench([device(1, tag("t", 2, poll=60.0, writable=True))], [Command()]) as bench:
        await trio.sleep(5)
        assert (await bench.field.write("bus/d1/t", 5, None)).outcome is Outcome.CONFIRMED
        bench.line.polling.unit(1).health.lost(shape(write_register(1, 2, 5)), trio.current_time())
        result = await bench.field.write("bus/d1/t", 5, None)
        assert (result.outcome, result.reason) == (Outcome.UNKNOWN, "late_possible")
        await trio.sleep(3)
        assert bench.read("d1/t").quality is Quality.GOOD
        await trio.sleep(5)
        assert (await bench.field.write("bus/d1/t", 5, None)).outcome is Outcome.CONFIRMED
