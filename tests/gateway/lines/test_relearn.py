"""What was learned of a device's addresses is forgotten when somebody says so, and learned again where it holds."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from drivers.simulated.device import AddressRange, SimulatedDevice
from gateway.core.reading import Quality, Reason
from gateway.lines.fence import MOST_STRETCH
from gateway.lines.steering import LineSteering
from tests.gateway.lines.bench import Bench, Facts, device, open_bench, tag

TAGS = (tag("a", 1), tag("b", 3), tag("c", 9))


def full() -> SimulatedDevice:
    return SimulatedDevice(1, holding={n: n for n in range(20)})


def sparse() -> SimulatedDevice:
    return SimulatedDevice(1, holding={1: 1, 3: 3, 9: 9})


def blocks(bench: Bench) -> list[tuple[int, int]]:
    return [(poll.block.address, poll.block.count) for poll in bench.line.polling.units[1].polls]


async def test_blocks_are_joined_again_and_the_facts_are_gone(autojump_clock: MockClock) -> None:
    facts = Facts({"splits": {"bus/1": {"holding": [3, 9]}}})
    async with open_bench([device(1, *TAGS)], [full()], facts=facts) as bench:
        await trio.sleep(5)
        steering = LineSteering(bench.lines)
        assert len(blocks(bench)) == 3
        assert steering.glance().lines[0].splits == 2
        assert steering.relearn("bus")
        await trio.sleep(2)
        assert blocks(bench) == [(1, 9)]
        assert facts.recall("splits") == {}
        assert steering.glance().lines[0].splits == 0
        requests = bench.line.polling.units[1].health.counters.requests
        await trio.sleep(10)
        assert bench.line.polling.units[1].health.counters.requests == requests + 10, "one a second, not three"
        assert {bench.read(f"d1/{name}").quality for name in "abc"} == {Quality.GOOD}
        assert sum(bench.field.missed_deadlines().values()) == 0


async def test_what_is_still_refused_is_learned_again_at_the_price_of_a_refused_request(
    autojump_clock: MockClock,
) -> None:
    async with open_bench([device(1, *TAGS)], [sparse()]) as bench:
        await trio.sleep(10)
        cut = blocks(bench)
        counters = bench.line.polling.units[1].health.counters
        before = sum(counters.refusals.values())
        learned = bench.facts.recall("splits")
        assert LineSteering(bench.lines).relearn("bus")
        await trio.sleep(5)
        assert blocks(bench) == cut
        assert bench.facts.recall("splits") == learned
        assert sum(counters.refusals.values()) == before + 2, "believed when given twice"
        assert {bench.read(f"d1/{name}").quality for name in "abc"} == {Quality.GOOD}, "nobody lost a value by it"


async def test_another_device_is_asked_at_once_for_what_the_last_one_refused(autojump_clock: MockClock) -> None:
    refusing = SimulatedDevice(1, holding={n: n for n in range(20)}, refused=[AddressRange("holding", 9)])
    async with open_bench([device(1, *TAGS)], [refusing]) as bench:
        await trio.sleep(200)
        assert bench.read("d1/c").reason is Reason.ILLEGAL_ADDRESS
        refusing.refused = ()
        LineSteering(bench.lines).relearn("bus")
        await trio.sleep(3)
        assert bench.read("d1/c").quality is Quality.GOOD


async def test_a_block_that_seemed_to_have_nothing_behind_it_is_asked_for_more_again(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, *TAGS)], [full()]) as bench:
        await trio.sleep(5)
        (poll,) = bench.line.polling.units[1].polls
        poll.most_stretch = 0
        LineSteering(bench.lines).relearn("bus")
        await trio.sleep(2)
        assert poll.most_stretch == MOST_STRETCH


async def test_a_line_that_is_down_or_lent_forgets_when_it_polls_again(autojump_clock: MockClock) -> None:
    facts = Facts({"splits": {"bus/1": {"holding": [3, 9]}}})
    async with open_bench([device(1, *TAGS)], [full()], facts=facts) as bench:
        await trio.sleep(5)
        lease, _ = bench.field.borrow("bus", 30.0, None)
        assert LineSteering(bench.lines).relearn("bus")
        await trio.sleep(3)
        assert len(blocks(bench)) == 3
        bench.field.give_back("bus", lease)
        await trio.sleep(3)
        assert blocks(bench) == [(1, 9)]
        assert bench.read("d1/c").quality is Quality.GOOD
        bench.line.polling.units[1].split("holding", [9])
        bench.memory.unplug()
        await trio.sleep(3)
        assert LineSteering(bench.lines).relearn("bus")
        bench.memory.replug()
        await trio.sleep(15)
        assert blocks(bench) == [(1, 9)]


async def test_who_refused_to_mask_is_asked_to_once_more(autojump_clock: MockClock) -> None:
    bits = (tag("bit", 4, type="bool", bit=3, writable=True),)
    simulated = SimulatedDevice(1, holding={4: 0}, refused_functions=(22,))
    async with open_bench([device(1, *bits)], [simulated]) as bench:
        await trio.sleep(3)
        await bench.field.write("bus/d1/bit", True, None)
        assert bench.line.polling.units[1].no_mask_write
        LineSteering(bench.lines).relearn("bus")
        await trio.sleep(2)
        assert not bench.line.polling.units[1].no_mask_write
