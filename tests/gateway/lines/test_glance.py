"""What governors see of the lines."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from drivers.simulated.device import SimulatedDevice
from drivers.simulated.faults import DeviceFaults
from gateway.core.steering import DeviceGlance, LineGlance
from gateway.lines.steering import LineSteering
from gateway.settings.line_model import TagSettings
from tests.gateway.lines.bench import Bench, device, open_bench, tag
from tests.gateway.lines.test_lines import Plant


def registers(unit: int) -> SimulatedDevice:
    return SimulatedDevice(unit, holding={n: n for n in range(100)})


def low(name: str, address: int, **more: object) -> TagSettings:
    return tag(name, address, priority="low", **more)


def seen(bench: Bench) -> tuple[LineGlance, DeviceGlance]:
    glance = LineSteering(bench.lines).glance()
    return glance.lines[0], glance.devices[0]


async def test_a_line_at_work_is_seen_with_its_load_and_what_could_be_stretched(autojump_clock: MockClock) -> None:
    tags = (tag("a", 1), low("b", 2), low("c", 50, poll=None))
    async with open_bench([device(1, *tags)], [registers(1)]) as bench:
        await trio.sleep(30)
        line, one = seen(bench)
        assert (line.name, line.modbus, line.state, line.reason, line.lent) == ("bus", True, "up", None, False)
        assert (line.opened, line.falls, line.missed, line.splits) == (1, 0, 0, 0)
        assert (line.network, line.place) == (False, "sim")
        assert line.stretchable == 1, "b is low and periodic, c is read in the background anyway"
        assert line.utilisation is not None
        assert 0 < line.utilisation < 0.2
        assert line.on_demand == 0.0
        assert line.idle < 1.5
        assert (one.line, one.name, one.unit, one.state) == ("bus", "bus/d1", 1, "online")
        assert (one.tags, one.good, one.missed) == (3, 3, 0)
        assert one.requests == one.answers > 25
        assert one.latency is not None
        assert one.spread is not None
        assert 29 < one.since <= 30
        assert one.timeout < one.bound == 1.0
        assert (one.errors, one.refusals, one.advice) == ({}, {}, ())


async def test_before_anything_was_measured_nothing_is_invented(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, tag("a", 1))], []) as bench:
        line, one = seen(bench)
        assert (line.utilisation, line.on_demand) == (None, None)
        assert (one.latency, one.spread, one.good) == (None, None, 0)


async def test_a_silent_device_is_seen_with_what_a_technician_should_look_at(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, tag("a", 1)), device(2, tag("a", 1))], [registers(2)]) as bench:
        await trio.sleep(20)
        line, one = seen(bench)
        assert line.state == "up"
        assert (one.state, one.good, one.answers) == ("silent", 0, 0)
        assert one.errors["timeout"] == one.requests
        assert "power, wiring" in one.advice[0]


async def test_without_a_port_nobody_knows_of_devices(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, tag("a", 1))], [registers(1)]) as bench:
        await trio.sleep(5)
        bench.memory.unplug()
        await trio.sleep(5)
        line, one = seen(bench)
        assert (line.state, line.reason) == ("down", "not_found")
        assert (one.state, one.good) == ("unknown", 0)


async def test_what_grew_old_is_not_counted_as_good(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, tag("a", 1))], [registers(1)]) as bench:
        await trio.sleep(5)
        bench.field.borrow("bus", 60.0, None)
        assert seen(bench)[1].good == 1
        await trio.sleep(4)
        line, one = seen(bench)
        assert (line.lent, one.good) == (True, 0)
        await trio.sleep(30)
        assert not seen(bench)[0].lent, "a tool that asks nothing has gone"


async def test_cut_blocks_are_counted(autojump_clock: MockClock) -> None:
    refusing = SimulatedDevice(1, holding={1: 1, 9: 9})
    async with open_bench([device(1, tag("a", 1), tag("b", 9))], [refusing]) as bench:
        await trio.sleep(20)
        assert seen(bench)[0].splits == 1
        assert seen(bench)[1].refusals["illegal_data_address"] == 2


async def test_reads_that_callers_ask_for_are_told_from_polls(autojump_clock: MockClock) -> None:
    tags = (tag("a", 1, poll=10.0),)
    async with open_bench([device(1, *tags)], [registers(1)]) as bench:

        async def ask() -> None:
            while True:
                await bench.field.modbus_read("bus", 1, "holding", 0, 10)
                await trio.sleep(0.02)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await trio.sleep(60)
            line = seen(bench)[0]
            assert line.on_demand is not None
            assert line.utilisation is not None
            assert 0.3 < line.on_demand <= line.utilisation
            nursery.cancel_scope.cancel()


async def test_fresh_tag_values_count_as_asked_for_and_writes_do_not(autojump_clock: MockClock) -> None:
    tags = (tag("a", 1, poll=60.0), tag("b", 90, poll=60.0, writable=True))
    async with open_bench([device(1, *tags)], [registers(1)]) as bench:
        await trio.sleep(60)
        for _ in range(200):
            await bench.field.write("bus/d1/b", 7, None)
        assert seen(bench)[0].on_demand == 0.0
        for _ in range(200):
            await trio.sleep(0.05)
            await bench.field.read(["bus/d1/a"], 0.0)
        assert (seen(bench)[0].on_demand or 0) > 0.02


async def test_a_glance_is_shared_for_half_a_second(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, tag("a", 1))], [registers(1)]) as bench:
        steering = LineSteering(bench.lines)
        first = steering.glance()
        await trio.sleep(0.4)
        assert steering.glance() is first
        await trio.sleep(0.2)
        later = steering.glance()
        assert later is not first
        assert later.at == pytest.approx(first.at + 0.6)


async def test_a_line_that_waits_for_its_port_shows_that_it_lives(autojump_clock: MockClock) -> None:
    one = device(1, tag("a", 1))
    async with open_bench([one], [registers(1)], reconnect_min=300.0, reconnect_max=300.0) as bench:
        bench.memory.unplug()
        steering = LineSteering(bench.lines)
        for _ in range(200):
            await trio.sleep(1)
            assert steering.glance().lines[0].idle <= 11


async def test_falls_are_counted_and_a_parked_line_is_seen_as_such(autojump_clock: MockClock) -> None:
    plant = Plant()
    plant.faulty.add("a")
    steering = LineSteering(plant.lines)
    async with trio.open_nursery() as nursery:
        await nursery.start(plant.lines.run, list(plant.settings.values()))
        await trio.sleep(60)
        a, b = steering.glance().lines
        assert (a.state, a.reason, a.falls) == ("parked", "fault", 4)
        assert (b.state, b.falls) == ("up", 0)
        nursery.cancel_scope.cancel()


async def test_errors_are_told_by_cause(autojump_clock: MockClock) -> None:
    faults = {1: DeviceFaults(corrupt=0.3)}
    async with open_bench([device(1, tag("a", 1))], [registers(1)], faults=faults) as bench:
        await trio.sleep(60)
        assert seen(bench)[1].errors["crc"] > 0
