"""Ports that are opened anew and lines that are started anew because somebody said so."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from drivers.ports.port import Port
from drivers.simulated.device import SimulatedDevice
from gateway.core.ports import Outcome
from gateway.core.reading import Quality, Reason
from gateway.lines.exchange import Talk
from gateway.lines.line import Opener
from gateway.lines.lines import Lines
from gateway.lines.opener import talk_on
from gateway.lines.state import State
from gateway.lines.steering import LineSteering
from gateway.settings.line_model import LineSettings, RawSettings
from tests.gateway.lines.bench import Bench, Facts, device, open_bench, tag
from tests.gateway.lines.test_lines import Plant, Wrapped


def registers(unit: int) -> SimulatedDevice:
    return SimulatedDevice(unit, holding={n: n for n in range(100)})


def told(bench: Bench) -> list[str]:
    return [type_ for type_, _ in bench.events if type_.startswith("line:")]


async def test_a_port_is_closed_and_opened_anew_at_once(autojump_clock: MockClock) -> None:
    settings = {1: device(1, tag("a", 1))}
    async with open_bench(settings.values(), [registers(1)], reconnect_min=60.0, reconnect_max=60.0) as bench:
        await trio.sleep(10.5)
        port = bench.line.port
        assert LineSteering(bench.lines).reopen("bus")
        with bench.store.changes.subscribe(100) as changes:
            await trio.sleep(1.0)
            seen = [reading.reason for _ in range(2) for reading in (await changes.receive()).readings]
        assert seen == [Reason.LINK_DOWN, None], "tags fall with the link, and return with it"
        assert told(bench) == ["line:up", "line:down", "line:up"]
        assert (bench.line.state, bench.line.opened) == (State.UP, 2)
        assert bench.line.port is not port
        await trio.sleep(30)
        assert bench.line.opened == 2, "once is enough"


async def test_a_line_that_waits_to_try_again_tries_at_once(autojump_clock: MockClock) -> None:
    one = device(1, tag("a", 1))
    async with open_bench([one], [registers(1)], reconnect_min=60.0, reconnect_max=60.0) as bench:
        await trio.sleep(5)
        bench.memory.unplug()
        await trio.sleep(5)
        bench.memory.replug()
        await trio.sleep(1)
        assert bench.line.opened == 1
        assert LineSteering(bench.lines).reopen("bus")
        await trio.sleep(0.1)
        assert bench.line.state is State.UP


async def test_a_task_that_is_started_anew_tells_that_its_port_was_closed(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, tag("a", 1))], [registers(1)]) as bench:
        await trio.sleep(5)
        assert LineSteering(bench.lines).restart("bus")
        await trio.sleep(10)
        assert told(bench) == ["line:up", "line:down", "line:up"]
        assert [data["reason"] for type_, data in bench.events if type_ == "line:down"] == ["closed"]


async def test_a_try_that_fails_is_one_try(autojump_clock: MockClock) -> None:
    one = device(1, tag("a", 1))
    tries = []

    async with open_bench([one], [registers(1)], reconnect_min=60.0, reconnect_max=60.0) as bench:
        await trio.sleep(5)
        bench.memory.unplug()
        await trio.sleep(5)
        opener = bench.line._opener

        async def counted() -> object:
            tries.append(trio.current_time())
            return await opener()

        bench.line._opener = counted  # type: ignore[assignment]  # counts what it passes on
        assert LineSteering(bench.lines).reopen("bus")
        await trio.sleep(20)
        assert len(tries) == 1


async def test_what_waits_for_the_port_is_told_that_it_was_not_sent(autojump_clock: MockClock) -> None:
    tags = (tag("a", 1), tag("set", 50, writable=True))
    async with open_bench([device(1, *tags)], [registers(1)]) as bench:
        await trio.sleep(5)
        outcomes = []

        async def write() -> None:
            outcomes.append((await bench.field.write("bus/d1/set", 5, None)).outcome)

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(write)
            await trio.lowlevel.checkpoint()
            LineSteering(bench.lines).reopen("bus")
        assert len(outcomes) == 3
        assert Outcome.UNKNOWN not in outcomes, "the exchange that runs is finished first"


async def test_a_lent_line_is_neither_reopened_nor_restarted(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, tag("a", 1))], [registers(1)]) as bench:
        await trio.sleep(5)
        lease, _ = bench.field.borrow("bus", 20.0, None)
        steering = LineSteering(bench.lines)
        assert (steering.reopen("bus"), steering.restart("bus")) == (False, False)
        bench.field.give_back("bus", lease)
        assert (steering.reopen("bus"), steering.restart("bus")) == (True, True)


async def test_nobody_steers_a_line_that_is_not_there(autojump_clock: MockClock) -> None:
    async with open_bench([device(1, tag("a", 1))], [registers(1)]) as bench:
        steering = LineSteering(bench.lines)
        assert (steering.reopen("no"), steering.relearn("no"), steering.restart("no")) == (False, False, False)
        assert (steering.stretch("no", 2.0), steering.bound_on_demand("no", 0.2)) == (None, None)


async def test_a_line_is_started_anew_without_costing_it_a_life(autojump_clock: MockClock) -> None:
    plant = Plant()
    async with trio.open_nursery() as nursery:
        await nursery.start(plant.lines.run, list(plant.settings.values()))
        await trio.sleep(5.5)
        steering = LineSteering(plant.lines)
        for number in range(10):
            assert steering.restart("a")
            await trio.sleep(0.5)
            assert plant.line("a").state is State.UP
            assert plant.line("a").opened == number + 2
            assert plant.quality("a/d1/t") == (Quality.GOOD, None), "its readings stayed"
        line, other = steering.glance().lines
        assert (line.falls, other.opened) == (0, 1)
        nursery.cancel_scope.cancel()


async def test_a_hanging_line_is_freed_by_a_restart(autojump_clock: MockClock) -> None:
    plant = Plant()
    plant.hanging.add("a")
    async with trio.open_nursery() as nursery:
        await nursery.start(plant.lines.run, list(plant.settings.values()))
        await trio.sleep(10)
        plant.hanging.clear()
        steering = LineSteering(plant.lines)
        assert steering.glance().lines[0].idle > 8
        assert steering.restart("a")
        await trio.sleep(5)
        assert plant.quality("a/d1/t") == (Quality.GOOD, None)
        assert steering.glance().lines[0].falls == 0
        nursery.cancel_scope.cancel()


async def test_a_line_that_falls_while_it_is_to_be_restarted_begins_again_all_the_same(
    autojump_clock: MockClock,
) -> None:
    class Falling(Wrapped):
        async def send(self, data: bytes) -> None:
            await trio.sleep(0.5)
            raise RuntimeError("a fault of ours")

    plant = Plant()
    falling: list[bool] = [True]

    def opener(settings: LineSettings) -> Opener:
        async def open_line() -> tuple[Port, Talk]:
            port: Port = await plant.memories[settings.name].open()
            if falling:
                port = Falling(port)
            return port, talk_on(settings, port)

        return open_line

    lines = Lines(plant.store, Facts(), lambda _type, _data: None, make_opener=opener)
    async with trio.open_nursery() as nursery:
        await nursery.start(lines.run, [plant.settings["a"]])
        await trio.sleep(0.2)
        assert LineSteering(lines).restart("a")
        falling.clear()
        await trio.sleep(30)
        assert plant.quality("a/d1/t") == (Quality.GOOD, None)
        assert LineSteering(lines).glance().lines[0].falls == 1
        nursery.cancel_scope.cancel()


async def test_leases_outlive_a_restart_of_their_line(autojump_clock: MockClock) -> None:
    tags = (tag("set", 50, writable=True, safe=3),)
    async with open_bench([device(1, *tags)], [registers(1)]) as bench:
        await trio.sleep(5)
        await bench.field.write("bus/d1/set", 9, 10.0)
        assert LineSteering(bench.lines).restart("bus")
        await trio.sleep(5)
        assert [(lease.tag, lease.owed) for lease in bench.field.leases()] == [("bus/d1/set", False)]
        await trio.sleep(8)
        assert bench.field.leases() == []
        assert bench.read("d1/set").value == 3


async def test_a_parked_line_is_left_to_its_supervision(autojump_clock: MockClock) -> None:
    plant = Plant()
    plant.faulty.add("a")
    async with trio.open_nursery() as nursery:
        await nursery.start(plant.lines.run, list(plant.settings.values()))
        await trio.sleep(60)
        steering = LineSteering(plant.lines)
        assert (steering.reopen("a"), steering.restart("a")) == (False, False)
        nursery.cancel_scope.cancel()


async def test_a_line_that_is_being_stopped_is_not_kept_alive_by_a_restart(autojump_clock: MockClock) -> None:
    plant = Plant()
    async with trio.open_nursery() as nursery:
        await nursery.start(plant.lines.run, list(plant.settings.values()))
        await trio.sleep(5)
        assert LineSteering(plant.lines).restart("a")
        with trio.fail_after(10):
            await plant.lines.reload(["a"], [])
        assert [line.settings.name for line in plant.lines] == ["b"]
        nursery.cancel_scope.cancel()


async def test_a_raw_line_is_started_anew_too(autojump_clock: MockClock) -> None:
    plant = Plant()
    raw = LineSettings(name="scale", transport="serial", port="/nonexistent/port", raw=RawSettings())
    async with trio.open_nursery() as nursery:
        await nursery.start(plant.lines.run, [raw])
        await trio.testing.wait_all_tasks_blocked()
        steering = LineSteering(plant.lines)
        line = steering.glance().lines[0]
        assert (line.modbus, line.utilisation, line.on_demand) == (False, None, None)
        assert steering.restart("scale")
        assert not steering.reopen("scale"), "there is nothing to poll that a new port would bring back sooner"
        nursery.cancel_scope.cancel()
