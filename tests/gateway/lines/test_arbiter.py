"""Who may write is asked before anything is queued, and told what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
import trio
from trio.testing import MockClock

from drivers.simulated.device import AddressRange, SimulatedDevice
from gateway.core.errors import Code, GatewayError
from gateway.core.ports import Outcome
from gateway.core.principal import Kind, Principal
from gateway.core.steering import Bid, Span
from tests.gateway.lines.bench import Bench, Facts, device, open_bench, tag

SPEED = tag("speed", 4, writable=True, safe=3)
ANA = Principal("ana", frozenset({"devices:write"}), Kind.AGENT, "t1")
SPAN = Span("bus", 1, "holding", 4)


@dataclass
class Notes:
    """An arbiter that writes down what it is asked, and refuses some."""

    refused: Sequence[int] = ()
    bids: list[Bid] = field(default_factory=list)
    over: list[tuple[Bid, bool]] = field(default_factory=list)
    released: list[str] = field(default_factory=list)

    def admit(self, bid: Bid) -> None:
        if bid.span.unit in self.refused:
            raise GatewayError(Code.UNAVAILABLE, "taken", details={"reason": "conflict"})
        self.bids.append(bid)

    def settled(self, bid: Bid, *, sent: bool) -> None:
        self.over.append((bid, sent))

    @property
    def sent(self) -> list[bool]:
        return [sent for _, sent in self.over]


def drive(unit: int = 1, refused: Sequence[AddressRange] = ()) -> SimulatedDevice:
    return SimulatedDevice(unit, holding={n: n for n in range(100)}, refused=refused)


def on_the_wire(bench: Bench) -> int:
    return sum(event.kind == "request" for event in bench.wire_events)


async def test_a_write_is_a_bid_for_its_registers_until_it_is_confirmed(autojump_clock: MockClock) -> None:
    notes = Notes()
    async with open_bench([device(1, SPEED)], [drive()], arbiter=notes) as bench:
        await trio.sleep(5)
        assert (await bench.field.write("bus/d1/speed", 9, 20.0, ANA)).outcome is Outcome.CONFIRMED
        bid = Bid(ANA, SPAN, 9, "bus/d1/speed", 20.0)
        assert (notes.bids, notes.over) == ([bid], [(bid, True)])


async def test_who_is_refused_has_queued_nothing_and_has_no_lease(autojump_clock: MockClock) -> None:
    notes = Notes(refused=[1])
    async with open_bench([device(1, SPEED)], [drive()], arbiter=notes) as bench:
        await trio.sleep(5)
        for lease in (None, 20.0):
            with pytest.raises(GatewayError, match="taken"):
                await bench.field.write("bus/d1/speed", 9, lease, ANA)
        with pytest.raises(GatewayError, match="taken"):
            await bench.field.modbus_write("bus", 1, "holding", 4, [9], ANA)
        await trio.sleep(3)
        assert bench.field.leases() == []
        assert bench.read("d1/speed").value == 4
        assert notes.over == [], "what was not let through is not over either"


async def test_what_the_door_refuses_is_no_bid(autojump_clock: MockClock) -> None:
    notes = Notes()
    tags = (SPEED, tag("bare", 9, writable=True), tag("fixed", 10))
    async with open_bench([device(1, *tags)], [drive()], arbiter=notes) as bench:
        await trio.sleep(5)
        for name, value, lease in (("speed", "x", None), ("bare", 1, 20.0), ("fixed", 1, None), ("speed", 1, 0.1)):
            with pytest.raises(GatewayError):
                await bench.field.write(f"bus/d1/{name}", value, lease, ANA)
        assert (notes.bids, notes.over) == ([], [])


async def test_a_write_that_was_not_sent_or_was_refused_by_the_device_stands_nowhere(autojump_clock: MockClock) -> None:
    notes = Notes()
    async with open_bench([device(1, SPEED)], [drive()], arbiter=notes) as bench:
        await trio.sleep(5)
        bench.memory.unplug()
        await trio.sleep(1)
        assert (await bench.field.write("bus/d1/speed", 9, 20.0, ANA)).outcome is Outcome.NOT_SENT
        bench.memory.replug()
        await trio.sleep(20)
        result = await bench.field.modbus_write("bus", 1, "holding", 4000, [9], ANA)
        assert result.outcome is Outcome.REFUSED
        assert notes.sent == [False, False]


@pytest.mark.parametrize(
    ("part", "bits"),
    [
        ({"type": "bool", "bit": 3}, range(3, 4)),
        ({"type": "uint16", "bit": 4, "width": 2}, range(4, 6)),
        ({"type": "uint8", "byte": "high"}, range(8, 16)),
        ({"type": "int8"}, range(8)),
    ],
)
async def test_a_part_of_a_register_is_a_bid_for_its_bits(
    part: dict[str, object], bits: range, autojump_clock: MockClock
) -> None:
    notes = Notes()
    flag = tag("flag", 4, writable=True, **part)
    async with open_bench([device(1, flag)], [drive()], arbiter=notes) as bench:
        await trio.sleep(5)
        value = part["type"] == "bool" or 1
        assert (await bench.field.write("bus/d1/flag", value, None, ANA)).outcome is Outcome.CONFIRMED
        assert notes.bids == [Bid(ANA, Span("bus", 1, "holding", 4, bits=bits), value, "bus/d1/flag")]


async def test_bare_registers_are_a_bid_for_all_of_them(autojump_clock: MockClock) -> None:
    notes = Notes()
    async with open_bench([device(1, SPEED)], [drive()], arbiter=notes) as bench:
        await trio.sleep(5)
        await bench.field.modbus_write("bus", 1, "holding", 3, [1, 2, 3], ANA)
        assert notes.bids == [Bid(ANA, Span("bus", 1, "holding", 3, 3), (1, 2, 3))]
        assert notes.sent == [True]


async def test_a_broadcast_is_a_bid_at_every_device(autojump_clock: MockClock) -> None:
    notes = Notes(refused=[2])
    devices = [device(1, SPEED), device(2, SPEED)]
    async with open_bench(devices, [drive(1), drive(2)], arbiter=notes, allow_broadcast=True) as bench:
        await trio.sleep(5)
        with pytest.raises(GatewayError, match="taken"):
            await bench.field.modbus_write("bus", 0, "holding", 4, [9], ANA)
        assert [bid.span.unit for bid in notes.bids] == [1]
        assert notes.sent == [False], "what was let through before the refusal is over"
        notes.refused = ()
        await bench.field.modbus_write("bus", 0, "holding", 4, [9], ANA)
        assert notes.sent == [False, True, True]


async def test_a_caller_who_leaves_settles_his_bid_all_the_same(autojump_clock: MockClock) -> None:
    notes = Notes()

    @dataclass
    class Slow(Facts):
        async def settle(self) -> None:
            await trio.sleep(1)

    async with open_bench([device(1, SPEED)], [drive()], arbiter=notes, facts=Slow()) as bench:
        await trio.sleep(5)
        with trio.move_on_after(0.5):
            await bench.field.write("bus/d1/speed", 9, 20.0, ANA)
        assert notes.sent == [False], "it left before anything was sent"
        with trio.move_on_after(1.001):
            await bench.field.write("bus/d1/speed", 9, 20.0, ANA)
        await trio.sleep(1)
        assert notes.sent == [False, True], "it left after that"


async def test_safe_values_are_written_whoever_has_the_tag_and_then_told(autojump_clock: MockClock) -> None:
    notes = Notes()
    async with open_bench([device(1, SPEED)], [drive()], arbiter=notes, released=notes.released.append) as bench:
        await trio.sleep(5)
        await bench.field.write("bus/d1/speed", 9, 5.0, ANA)
        notes.refused = [1]
        assert notes.released == []
        await trio.sleep(7)
        assert bench.read("d1/speed").value == 3
        assert notes.released == ["bus/d1/speed"]
        assert len(notes.bids) == len(notes.over) == 1


async def test_a_write_without_a_lease_that_ends_one_is_told_too(autojump_clock: MockClock) -> None:
    notes = Notes()
    async with open_bench([device(1, SPEED)], [drive()], arbiter=notes, released=notes.released.append) as bench:
        await trio.sleep(5)
        await bench.field.write("bus/d1/speed", 9, 50.0, ANA)
        await bench.field.write("bus/d1/speed", 8, None, ANA)
        assert notes.released == ["bus/d1/speed"]


async def test_a_lease_says_whose_it_is_over_restarts(autojump_clock: MockClock) -> None:
    facts = Facts()
    async with open_bench([device(1, SPEED)], [drive()], facts=facts) as bench:
        await trio.sleep(5)
        await bench.field.write("bus/d1/speed", 9, 50.0, ANA)
        assert [lease.by for lease in bench.field.leases()] == ["ana"]
        await bench.field.write("bus/d1/speed", 9, 50.0, Principal("bo", frozenset(), Kind.OPERATOR, "t2"))
        assert [lease.by for lease in bench.field.leases()] == ["bo"]
    async with open_bench([device(1, SPEED)], [], facts=facts) as bench:
        await trio.sleep(1)
        assert [(lease.by, lease.owed) for lease in bench.field.leases()] == [("bo", True)]


async def test_a_renewal_that_was_not_sent_leaves_the_lease_to_its_holder(autojump_clock: MockClock) -> None:
    facts = Facts()
    async with open_bench([device(1, SPEED)], [drive()], facts=facts) as bench:
        await trio.sleep(5)
        await bench.field.write("bus/d1/speed", 9, 50.0, ANA)
        bench.memory.unplug()
        await trio.sleep(1)
        bo = Principal("bo", frozenset(), Kind.OPERATOR, "t2")
        assert (await bench.field.write("bus/d1/speed", 8, 50.0, bo)).outcome is Outcome.NOT_SENT
        assert [lease.by for lease in bench.field.leases()] == ["ana"]
        assert facts.recall("lease")["bus/d1/speed"] == {"place": "sim unit 1 holding 4", "by": "ana"}


async def test_a_lease_of_an_earlier_version_is_taken_up(autojump_clock: MockClock) -> None:
    facts = Facts({"lease": {"bus/d1/speed": "sim unit 1 holding 4"}})
    async with open_bench([device(1, SPEED)], [drive()], facts=facts) as bench:
        await trio.sleep(3)
        assert bench.field.leases() == []
        assert bench.read("d1/speed").value == 3
