"""A line lent to a tool: polling rests, comes back by itself, and nothing stale looks fresh."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from drivers.simulated.device import Point, SimulatedDevice
from drivers.simulated.faults import DeviceFaults, Spread
from drivers.simulated.signals import Counter
from gateway.core.errors import Code, GatewayError
from gateway.core.ports import Outcome
from gateway.core.reading import Quality
from gateway.lines.borrow import IDLE_S, request_of
from tests.gateway.lines.bench import Bench, device, open_bench, tag

READ = bytes.fromhex("0300000001")
TAGS = (tag("a", 0, poll=0.5), tag("speed", 10, writable=True, safe=0))


def drive() -> SimulatedDevice:
    counting = Point("holding", 0, Counter(start=0, per_s=1), "uint16")
    return SimulatedDevice(1, holding={10: 0, 11: 0, **dict.fromkeys(range(1, 9), 0)}, points=[counting])


def age(bench: Bench) -> float:
    sample = bench.read("d1/a").sample
    assert sample is not None
    return trio.current_time() - sample.acquired


async def test_a_borrower_asks_and_polling_rests_and_returns(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, *TAGS)], [drive()]) as bench:
        await trio.sleep(2)
        lease, seconds = bench.field.borrow("bus", 60, None)
        assert seconds == 60
        await trio.sleep(0.5)
        polled = bench.memory.stations.counts["request"]
        for _ in range(8):
            answer = await bench.field.exchange("bus", lease, 1, READ, 1.0)
            assert answer.pdu is not None
            await trio.sleep(1)
        assert bench.memory.stations.counts["request"] == polled + 8, "nothing but the tool's requests"
        assert age(bench) > 8, "what a tool reads makes no tag fresh"
        assert bench.read("d1/a").quality is not Quality.GOOD

        bench.field.give_back("bus", lease)
        await trio.sleep(1)
        assert age(bench) < 1
        assert bench.read("d1/a").quality is Quality.GOOD


async def test_a_tool_that_dies_gives_the_line_back(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, *TAGS)], [drive()]) as bench:
        await trio.sleep(2)
        lease, _ = bench.field.borrow("bus", 600, None)
        await bench.field.exchange("bus", lease, 1, READ, 1.0)
        await trio.sleep(IDLE_S - 1)
        assert age(bench) > IDLE_S - 2
        await trio.sleep(2.5)
        assert age(bench) < 1
        with pytest.raises(GatewayError, match="this lease is over"):
            await bench.field.exchange("bus", lease, 1, READ, 1.0)


async def test_a_loan_ends_when_its_time_is_over_however_busy_the_tool(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, *TAGS)], [drive()]) as bench:
        await trio.sleep(2)
        lease, _ = bench.field.borrow("bus", 40, None)
        for _ in range(39):
            await bench.field.exchange("bus", lease, 1, READ, 1.0)
            await trio.sleep(1)
        await trio.sleep(2)
        assert age(bench) < 1


async def test_a_borrower_can_prolong_its_loan(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, *TAGS)], [drive()]) as bench:
        await trio.sleep(2)
        lease, _ = bench.field.borrow("bus", 10, None)
        await trio.sleep(9)
        assert bench.field.borrow("bus", 10, lease) == (lease, 10)
        await trio.sleep(9)
        assert (await bench.field.exchange("bus", lease, 1, READ, 1.0)).pdu is not None


async def test_two_borrowers_are_kept_apart(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, *TAGS)], [drive()]) as bench:
        await trio.sleep(1)
        lease, _ = bench.field.borrow("bus", 60, None)
        with pytest.raises(GatewayError, match="line bus is lent to a tool") as refused:
            bench.field.borrow("bus", 60, None)
        assert refused.value.code is Code.UNAVAILABLE
        for action in (lambda: bench.field.give_back("bus", "other"), lambda: bench.field.borrow("bus", 60, "other")):
            with pytest.raises(GatewayError):
                action()
        assert (await bench.field.exchange("bus", lease, 1, READ, 1.0)).pdu is not None


async def test_orders_are_refused_with_words_while_it_is_lent(autojump_clock: MockClock) -> None:
    simulated = drive()
    async with open_bench([device(1, *TAGS)], [simulated]) as bench:
        await trio.sleep(1)
        lease, _ = bench.field.borrow("bus", 60, None)
        result = await bench.field.write("bus/d1/speed", 7, None)
        assert (result.outcome, result.reason) == (Outcome.NOT_SENT, "borrowed")
        assert result.message is not None
        assert "lent to a tool" in result.message
        assert simulated.get("holding", 10) == 0
        started = trio.current_time()
        [reading] = await bench.field.read(["bus/d1/a"], 0.0)
        assert trio.current_time() == started, "who wants a fresh value does not wait for the tool"
        assert (await bench.field.modbus_read("bus", 1, "holding", 0, 1)).reason == "borrowed"
        bench.field.give_back("bus", lease)
        assert (await bench.field.write("bus/d1/speed", 7, None)).outcome is Outcome.CONFIRMED
        assert reading.value is not None


async def test_a_leased_set_point_keeps_the_line_from_being_lent(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, *TAGS)], [drive()]) as bench:
        await trio.sleep(1)
        await bench.field.write("bus/d1/speed", 7, 5.0)
        with pytest.raises(GatewayError, match="must be able to renew it"):
            bench.field.borrow("bus", 60, None)
        await trio.sleep(6)
        bench.field.borrow("bus", 60, None)


async def test_a_late_answer_to_a_tool_is_never_taken_for_a_polls(autojump_clock: MockClock) -> None:
    late = {1: DeviceFaults(late=1.0, late_by=Spread(0.8, 0.8))}
    async with open_bench([device(1, tag("a", 0, poll=0.5))], [drive()]) as bench:
        await trio.sleep(3)
        lease, _ = bench.field.borrow("bus", 60, None)
        await trio.sleep(1)
        bench.memory.stations.faults.update(late)
        answer = await bench.field.exchange("bus", lease, 1, bytes.fromhex("0300010001"), 0.5)
        bench.memory.stations.faults.clear()
        assert (answer.pdu, answer.reason, answer.causes) == (None, "no_answer", ("timeout",))
        bench.field.give_back("bus", lease)
        for _ in range(60):
            await trio.sleep(0.05)
            reading = bench.read("d1/a")
            assert reading.value is None or reading.quality is not Quality.GOOD or int(reading.value) > 0


async def test_damage_refusals_and_causes_reach_the_tool(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, *TAGS)], [drive()]) as bench:
        await trio.sleep(1)
        lease, _ = bench.field.borrow("bus", 60, None)
        refused = await bench.field.exchange("bus", lease, 1, bytes.fromhex("0302000001"), 1.0)
        bench.memory.stations.faults[1] = DeviceFaults(corrupt=1.0)
        damaged = await bench.field.exchange("bus", lease, 1, READ, 1.0)
        assert refused.pdu == bytes.fromhex("8302")
        assert (damaged.pdu, damaged.reason, damaged.causes) == (None, "broken_answer", ("crc",))


async def test_an_unplugged_port_ends_no_loan_but_says_so(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, *TAGS)], [drive()]) as bench:
        await trio.sleep(1)
        lease, _ = bench.field.borrow("bus", 60, None)
        bench.memory.unplug()
        await trio.sleep(1)
        assert (await bench.field.exchange("bus", lease, 1, READ, 1.0)).reason == "link_down"
        bench.memory.replug()
        await trio.sleep(2)
        answer = await bench.field.exchange("bus", lease, 1, READ, 1.0)
        assert answer.pdu is not None
        assert age(bench) > 3, "the line is still lent"


async def test_a_read_only_line_stays_so(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, *TAGS)], [drive()], writable=False) as bench:
        await trio.sleep(1)
        lease, _ = bench.field.borrow("bus", 60, None)
        with pytest.raises(GatewayError, match="read-only"):
            await bench.field.exchange("bus", lease, 1, bytes.fromhex("06000a0001"), 1.0)


@pytest.mark.parametrize(
    "pdu",
    [
        "0300000001",
        "0100000010",
        "050000ff00",
        "0600010002",
        "0f0000000a020102",
        "10000000010200ff",
        "16000000f20025",
        "2b0e0100",
        "0800000a0b",
        "08000b0000",
        "1804de",
        "170003000600000003060001000200ff",
    ],
)
def test_known_requests_can_be_sent(pdu: str) -> None:
    assert request_of(1, bytes.fromhex(pdu)).pdu.hex() == pdu


@pytest.mark.parametrize(
    "pdu",
    [
        "",
        "03",
        "030000",
        "1000000001",
        "41000000",
        "2b0d0100",
        "0300000000",
        "08000b",
        "0800040000",
        "18",
        "1800010002",
        "170003000600000003060001",
        "17000300000000000102ffff",
    ],
)
def test_others_are_refused(pdu: str) -> None:
    with pytest.raises(ValueError, match=r"whole request|count|listen only"):
        request_of(1, bytes.fromhex(pdu))


async def test_a_tool_reads_and_writes_in_one_request_and_asks_for_counters(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, *TAGS)], [drive()]) as bench:
        await trio.sleep(2)
        lease, _ = bench.field.borrow("bus", 60, None)
        both = await bench.field.exchange("bus", lease, 1, bytes.fromhex("17000a0002000b000102002a"), 1.0)
        assert both.pdu == bytes.fromhex("17040000002a")
        loop = await bench.field.exchange("bus", lease, 1, bytes.fromhex("0800000a0b"), 1.0)
        assert loop.pdu is not None, loop
        assert loop.pdu[0] in {0x08, 0x88}, "an answer, or the word that there is none"
        queue = await bench.field.exchange("bus", lease, 1, bytes.fromhex("180000"), 1.0)
        assert queue.pdu is not None, queue
        assert queue.pdu[0] in {0x18, 0x98}


async def test_a_write_of_a_tool_without_an_answer_may_have_been_carried_out_and_says_so(
    autojump_clock: MockClock,
) -> None:
    async with open_bench([device(1, *TAGS)], [drive()]) as bench:
        await trio.sleep(2)
        lease, _ = bench.field.borrow("bus", 60, None)
        bench.memory.stations.faults[1] = DeviceFaults(lost=1.0)
        read = await bench.field.exchange("bus", lease, 1, READ, 0.5)
        write = await bench.field.exchange("bus", lease, 1, bytes.fromhex("06000a0005"), 0.5)
        assert (read.reason, write.reason) == ("no_answer", "no_answer")
        assert read.message is not None
        assert "carried out" not in read.message
        assert write.message is not None
        assert "may have been carried out" in write.message
