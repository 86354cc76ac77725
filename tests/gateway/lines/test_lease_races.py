"""Leases when writers meet, leave or fail: a set-point on loan goes back to its safe value, whatever comes between."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from drivers.simulated.device import SimulatedDevice
from drivers.simulated.faults import DeviceFaults
from gateway.core.ports import Outcome
from tests.gateway.lines.bench import Bench, Facts, device, open_bench, tag

SPEED = tag("speed", 0, writable=True, safe=0)
TOO_FAST = 999


class Drive(SimulatedDevice):
    """Refuses one set-point."""

    def answer(self, pdu: bytes, now: float) -> bytes | None:
        if pdu[0] == 6 and pdu[3:5] == TOO_FAST.to_bytes(2, "big"):
            return bytes((0x86, 3))
        return super().answer(pdu, now)

    @property
    def speed(self) -> int:
        return self.get("holding", 0)


class SlowDisk(Facts):
    """Takes a second."""

    async def settle(self) -> None:
        await trio.sleep(1)


def drive() -> Drive:
    return Drive(1, holding={0: 7})


async def write(bench: Bench, value: int, lease: float | None) -> Outcome:
    return (await bench.field.write("bus/d1/speed", value, lease)).outcome


async def test_a_refused_renewal_leaves_the_lease_as_it_was(autojump_clock: MockClock) -> None:
    simulated = drive()
    async with open_bench([device(1, SPEED)], [simulated]) as bench:
        await trio.sleep(2)
        assert await write(bench, 900, 5) is Outcome.CONFIRMED
        assert await write(bench, TOO_FAST, 3600) is Outcome.REFUSED
        await trio.sleep(6)
        assert simulated.speed == 0, "in time, not when the refused one would have run out"


async def test_a_refused_write_does_not_end_a_lease_taken_meanwhile(autojump_clock: MockClock) -> None:
    simulated = drive()
    async with open_bench([device(1, SPEED)], [simulated]) as bench:
        await trio.sleep(2)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(write, bench, TOO_FAST, 5)
            await trio.sleep(0.001)
            nursery.start_soon(write, bench, 900, 5)
        assert simulated.speed == 900
        await trio.sleep(6)
        assert simulated.speed == 0


async def test_a_write_without_lease_does_not_end_one_taken_meanwhile(autojump_clock: MockClock) -> None:
    simulated = drive()
    async with open_bench([device(1, SPEED)], [simulated]) as bench:
        await trio.sleep(2)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(write, bench, 500, None)
            await trio.sleep(0.001)
            nursery.start_soon(write, bench, 900, 5)
        assert simulated.speed == 900
        await trio.sleep(6)
        assert simulated.speed == 0


async def test_a_renewal_that_fails_while_the_safe_value_fails_too(autojump_clock: MockClock) -> None:
    simulated = drive()
    async with open_bench([device(1, SPEED)], [simulated]) as bench:
        await trio.sleep(2)
        assert await write(bench, 900, 5) is Outcome.CONFIRMED
        await trio.sleep(4)
        bench.memory.stations.faults[1] = DeviceFaults(silent=True)
        outcomes: list[Outcome] = []

        async def renew() -> None:
            outcomes.append(await write(bench, 901, 30))

        async with trio.open_nursery() as nursery:
            for _ in range(200):
                nursery.start_soon(renew)
                await trio.sleep(0.01)
        assert Outcome.NOT_SENT in outcomes
        bench.memory.stations.faults.clear()
        await trio.sleep(40)
        assert simulated.speed == 0


async def test_a_caller_who_leaves_does_not_keep_the_lease_from_ending(autojump_clock: MockClock) -> None:
    """A plain write takes the place of one with lease, and the safe value must not come over it later."""
    simulated = drive()
    facts = Facts()
    async with open_bench([device(1, SPEED)], [simulated], facts=facts, baudrate=1200) as bench:
        await trio.sleep(2)
        assert await write(bench, 900, 10) is Outcome.CONFIRMED
        with trio.move_on_after(0.05):
            await write(bench, 321, None)
        await trio.sleep(20)
        assert simulated.speed == 321
        assert not facts.kinds["lease"]


async def test_a_caller_who_leaves_before_anything_was_sent_leaves_no_lease(autojump_clock: MockClock) -> None:
    simulated = drive()
    facts = SlowDisk()
    async with open_bench([device(1, SPEED)], [simulated], facts=facts) as bench:
        await trio.sleep(2)
        with trio.move_on_after(0.5):
            await write(bench, 900, 5)
        await trio.sleep(20)
        assert simulated.speed == 7, "nothing was written, so nothing is to be made safe"
        assert not facts.kinds["lease"]


async def test_a_renewal_waits_for_the_disk_as_the_first_write_does(autojump_clock: MockClock) -> None:
    simulated = drive()
    async with open_bench([device(1, SPEED)], [simulated], facts=SlowDisk()) as bench:
        await trio.sleep(2)
        async with trio.open_nursery() as nursery:
            for value in (900, 901):
                nursery.start_soon(write, bench, value, 5)
            await trio.sleep(0.5)
            assert simulated.speed == 7, "not before the promise is on disk"
        assert simulated.speed in {900, 901}
