"""A probe leaves room for an order, and its patience ends."""

from __future__ import annotations

import random

import trio
from trio.testing import MockClock

from drivers.modbus.pdu import read_registers
from drivers.simulated.device import SimulatedDevice
from drivers.simulated.faults import DeviceFaults, Window
from gateway.core.ports import Outcome
from gateway.core.tags import TagStore
from gateway.core.timeline import Timeline
from gateway.lines.absence import PROBE_PATIENCE_S
from gateway.lines.polling import Polling
from gateway.lines.unit import BlockPoll
from gateway.settings.line_model import LineSettings
from tests.gateway.lines.bench import Facts, device, open_bench, tag


async def test_an_order_during_a_probe_costs_no_poll_its_deadline(autojump_clock: MockClock) -> None:
    speed = tag("speed", 0, poll=0.25, writable=True, readback=True)
    drives = (1, 2, 3)
    configured = [*(device(unit, speed) for unit in drives), *(device(unit, tag("t", 0)) for unit in (50, 51))]
    simulated = [SimulatedDevice(unit, holding={0: unit}) for unit in drives]
    rng = random.Random(1)
    async with open_bench(configured, simulated, baudrate=9600, timeout=1.0) as bench:
        await trio.sleep(60)
        before = sum(row.missed_deadlines for row in bench.field.tags())
        requests = bench.line.polling.units[50].health.counters.requests
        for number in range(150):
            await trio.sleep(rng.uniform(0.3, 1.0))
            result = await bench.field.write(f"bus/d{rng.choice(drives)}/speed", number, None)
            assert result.outcome is Outcome.CONFIRMED
        assert sum(row.missed_deadlines for row in bench.field.tags()) == before
        assert bench.line.polling.units[50].health.counters.requests > requests + 3, "and they are looked for"


def crowded(free: float) -> Polling:
    """A line whose next deadline leaves so many seconds, with one silent device; nothing moves its clock."""
    settings = LineSettings(
        name="bus", transport="rtu", port="sim", devices=(device(1, tag("t", 0, poll=free)), device(2, tag("t", 0)))
    )
    store = TagStore(trio.current_time, Timeline(trio.current_time, lambda: 0.0, lambda: True))
    polling = Polling(settings, numbered=False, store=store, facts=Facts(), announce=lambda *_: None)
    polling.units[1].health.answered(0.0, 0.01)
    polling.units[2].health.missed(0.0)
    polling.absent.add(polling.units[2])
    return polling


def release(polling: Polling, now: float) -> BlockPoll:
    """The poll was just done: it is due at once, so that its deadline is a period away."""
    (poll,) = polling.units[1].polls
    poll.held = False
    polling.schedule.postpone(poll, now)
    return poll


async def test_the_moment_a_line_is_told_to_wake_at_is_the_moment_it_acts(autojump_clock: MockClock) -> None:
    """A line that is woken too early by one rounding is told the same moment again, for ever."""
    rng = random.Random(3)
    for power in range(5, 25):
        # Sums are rounded where they pass a power of two.
        now = 2.0**power - rng.uniform(0.1, 4.9)
        polling = crowded(0.1)
        for _ in range(4):
            release(polling, now)
            if polling.absent.due(now) is not None:
                break
            wake = polling.absent.wake(now)
            assert wake > now
            now = wake
        else:
            raise AssertionError("it is never asked")


async def test_a_probe_that_never_fits_goes_when_its_patience_ends(autojump_clock: MockClock) -> None:
    polling = crowded(0.1)
    for passed in (0.0, 2.0, PROBE_PATIENCE_S - 0.01):
        release(polling, 100.0 + passed)
        assert polling.absent.due(100.0 + passed) is None
    release(polling, 100.0 + PROBE_PATIENCE_S)
    assert polling.absent.due(100.0 + PROBE_PATIENCE_S) is not None


async def test_what_one_probe_waited_is_nothing_to_the_next(autojump_clock: MockClock) -> None:
    """It answered an order before its probe had room: long after, another one must wait for room of its own."""
    polling = crowded(0.1)
    release(polling, 100.0)
    assert polling.absent.due(100.0) is None
    polling.units[2].health.next_probe = 200.0
    release(polling, 100.1)
    assert polling.absent.due(100.1) is None, "its pause lasts"
    release(polling, 200.0)
    assert polling.absent.due(200.0) is None, "a deadline would pay for a patience that was never asked for"
    release(polling, 200.0 + PROBE_PATIENCE_S)
    assert polling.absent.due(200.0 + PROBE_PATIENCE_S) is not None


async def test_where_only_an_order_has_no_room_the_best_moment_is_waited_for(autojump_clock: MockClock) -> None:
    polling = crowded(0.1)
    wire = polling.wire
    fits = wire.lost(polling.units[2].health.shortest) + wire.read("holding", 1)
    free = fits + wire.order() / 2
    polling = crowded(free)
    now = 100.0
    release(polling, now)
    assert polling.absent.due(now) is None, "an order would cost the poll its deadline"
    release(polling, now)
    late = now + PROBE_PATIENCE_S
    assert polling.absent.due(late) is None, "the deadline is over, but a better moment is known to come"
    release(polling, late + 0.1)
    assert polling.absent.due(late + 0.1) is not None


async def test_the_room_is_a_write_of_a_register_and_its_read_back(autojump_clock: MockClock) -> None:
    wire = crowded(0.1).wire
    request = read_registers(1, 3, 0, 1)
    sent = len(request.pdu) + wire.envelope
    written = 2 * sent * wire.character + wire.turnaround + wire.gap
    assert wire.order() == written + wire.read("holding", 1)


async def test_a_read_of_a_silent_device_costs_no_poll_its_deadline(autojump_clock: MockClock) -> None:
    """Nor does it wait: the device is looked for when there is room, and found."""
    configured = [device(1, tag("speed", 0, poll=0.2)), device(2, tag("t", 0))]
    simulated = [SimulatedDevice(1, holding={0: 1}), SimulatedDevice(2, holding={0: 7})]
    away = {2: DeviceFaults(silent_in=(Window(0.0, 800.0),))}
    async with open_bench(configured, simulated, faults=away, baudrate=19200, timeout=0.5) as bench:
        await trio.sleep(300)
        before = sum(bench.field.missed_deadlines().values())
        for _ in range(60):
            began = trio.current_time()
            answer = await bench.field.modbus_read("bus", 2, "holding", 0, 1)
            assert answer.reason == "no_answer"
            assert trio.current_time() - began < 0.5
            await trio.sleep(7.3)
        assert sum(bench.field.missed_deadlines().values()) == before
        await trio.sleep(120)
        answer = await bench.field.modbus_read("bus", 2, "holding", 0, 1)
        assert answer.reason is None


async def test_nor_do_an_order_and_such_a_read_together(autojump_clock: MockClock) -> None:
    configured = [device(1, tag("speed", 0, poll=0.3, writable=True)), device(2, tag("t", 0))]
    simulated = [SimulatedDevice(1, holding={0: 1})]
    rng = random.Random(2)
    async with open_bench(configured, simulated, baudrate=9600, timeout=0.5) as bench:
        await trio.sleep(100)
        before = sum(bench.field.missed_deadlines().values())
        asked = bench.line.polling.units[2].health.counters.requests
        async with trio.open_nursery() as nursery:
            for _ in range(150):
                nursery.start_soon(bench.field.modbus_read, "bus", 2, "holding", 0, 1)
                await trio.sleep(rng.uniform(0.0, 0.2))
                nursery.start_soon(bench.field.write, "bus/d1/speed", 5, None)
                await trio.sleep(rng.uniform(2.0, 5.0))
        assert sum(bench.field.missed_deadlines().values()) == before
        assert bench.line.polling.units[2].health.counters.requests > asked + 10, "and it is looked for"
