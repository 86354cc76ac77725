"""Lines live and fall alone: parked, hung, reloaded."""

from __future__ import annotations

from dataclasses import replace

import trio
from trio.testing import MockClock

from drivers.ports.port import LineFaults, Port
from drivers.simulated.device import SimulatedDevice
from drivers.simulated.memory_port import MemoryLine
from gateway.core.ports import Outcome
from gateway.core.reading import Quality, Reason
from gateway.core.tags import TagStore
from gateway.core.timeline import Timeline
from gateway.lines.exchange import Talk
from gateway.lines.line import Line, Opener
from gateway.lines.lines import Lines
from gateway.lines.opener import talk_on
from gateway.lines.state import State
from gateway.settings.line_model import LineSettings
from tests.gateway.lines.bench import Facts, device, tag


class Plant:
    """Two lines with a device each."""

    def __init__(self) -> None:
        self.memories = {name: MemoryLine([SimulatedDevice(1, holding={n: n for n in range(20)})]) for name in "ab"}
        self.faulty: set[str] = set()
        self.hanging: set[str] = set()
        self.events: list[tuple[str, dict[str, object]]] = []
        timeline = Timeline(trio.current_time, trio.current_time, lambda: True)
        self.store = TagStore(trio.current_time, timeline)
        self.lines = Lines(
            self.store, Facts(), lambda type_, data: self.events.append((type_, data)), make_opener=self.opener
        )
        self.settings = {
            name: LineSettings(name=name, transport="rtu", port=name, devices=(device(1, tag("t", 3)),))
            for name in "ab"
        }

    def opener(self, settings: LineSettings) -> Opener:
        async def open_line() -> tuple[Port, Talk]:
            port: Port = await self.memories[settings.name].open()
            if settings.name in self.faulty:
                port = Faulty(port)
            if settings.name in self.hanging:
                port = Hanging(port)
            return port, talk_on(settings, port)

        return open_line

    def quality(self, name: str) -> tuple[Quality, Reason | None]:
        reading = self.store.read(name)
        assert reading is not None
        return reading.quality, reading.reason

    def line(self, name: str) -> Line:
        line = self.lines.get(name)
        assert isinstance(line, Line)
        return line


class Wrapped:
    """A port that passes everything on."""

    def __init__(self, port: Port) -> None:
        self.port = port
        self.name = port.name

    async def send(self, data: bytes) -> None:
        await self.port.send(data)

    async def receive(self, deadline: float) -> bytes | None:
        return await self.port.receive(deadline)

    def drain(self) -> bytes:
        return self.port.drain()

    async def pause_until(self, moment: float) -> None:
        await self.port.pause_until(moment)

    def faults(self) -> LineFaults | None:
        return None

    async def aclose(self) -> None:
        await self.port.aclose()


class Faulty(Wrapped):
    """A fault of ours, three exchanges in."""

    def __init__(self, port: Port) -> None:
        super().__init__(port)
        self.sent = 0

    async def send(self, data: bytes) -> None:
        self.sent += 1
        if self.sent == 3:
            raise RuntimeError("a fault of ours")
        await super().send(data)


class Hanging(Wrapped):
    """A fault of ours: a wait without a deadline."""

    async def send(self, data: bytes) -> None:
        await trio.sleep_forever()


async def test_a_line_with_a_fault_of_ours_is_parked_alone_and_tried_again(autojump_clock: MockClock) -> None:
    plant = Plant()
    plant.faulty.add("a")
    async with trio.open_nursery() as nursery:
        await nursery.start(plant.lines.run, list(plant.settings.values()))
        await trio.sleep(60)
        assert plant.line("a").state is State.PARKED
        assert plant.quality("a/d1/t") == (Quality.BAD, Reason.FAULT)
        assert plant.quality("b/d1/t") == (Quality.GOOD, None)
        assert [type_ for type_, data in plant.events if data["line"] == "a"].count("line:parked") == 1
        assert plant.lines.alive(trio.current_time()), "one line alive is enough for the watchdog"
        plant.faulty.clear()
        await trio.sleep(600)
        assert plant.quality("a/d1/t") == (Quality.GOOD, None)
        nursery.cancel_scope.cancel()


async def test_a_hung_line_is_restarted_alone(autojump_clock: MockClock) -> None:
    plant = Plant()
    plant.hanging.add("a")
    async with trio.open_nursery() as nursery:
        await nursery.start(plant.lines.run, list(plant.settings.values()))
        await trio.sleep(50)
        assert plant.quality("a/d1/t")[0] is Quality.BAD
        plant.hanging.clear()
        await trio.sleep(60)
        assert plant.quality("a/d1/t") == (Quality.GOOD, None)
        assert plant.line("a").opened == 2
        assert plant.line("b").opened == 1
        nursery.cancel_scope.cancel()


async def test_reload_leaves_unchanged_lines_and_kept_tags_alone(autojump_clock: MockClock) -> None:
    plant = Plant()
    async with trio.open_nursery() as nursery:
        await nursery.start(plant.lines.run, list(plant.settings.values()))
        await trio.sleep(10.2)
        untouched, changed = plant.line("a"), plant.settings["b"]
        before = plant.store.read("b/d1/t")
        assert before is not None
        new = replace(changed, devices=(device(1, tag("t", 3), tag("u", 5)),))
        await plant.lines.reload(["b"], [new])
        after = plant.store.read("b/d1/t")
        assert after is not None
        assert (after.value, after.quality) == (before.value, Quality.GOOD), "no value is lost over a reload"
        await trio.sleep(2)
        assert plant.line("a") is untouched
        assert untouched.opened == 1
        assert untouched.polling.units[1].polls[0].missed == 0
        assert plant.quality("b/d1/u") == (Quality.GOOD, None)
        await plant.lines.reload(["b"], [])
        assert plant.lines.get("b") is None
        assert plant.store.read("b/d1/t") is None
        await plant.lines.reload([], [changed])
        await trio.sleep(2)
        assert plant.quality("b/d1/t") == (Quality.GOOD, None)
        nursery.cancel_scope.cancel()


async def test_a_reload_tells_that_a_line_is_down_before_another_takes_its_place(autojump_clock: MockClock) -> None:
    plant = Plant()

    def told() -> list[tuple[str, object]]:
        events = [(type_, data) for type_, data in plant.events if type_.startswith("line:")]
        heard = [(type_, data["reason"]) for type_, data in events if data["line"] == "b"]
        plant.events.clear()
        return heard

    async with trio.open_nursery() as nursery:
        await nursery.start(plant.lines.run, list(plant.settings.values()))
        await trio.sleep(3)
        assert told() == [("line:up", None)]
        await plant.lines.reload(["b"], [replace(plant.settings["b"], timeout=0.7)])
        await trio.sleep(3)
        assert told() == [("line:down", "closed"), ("line:up", None)]
        plant.memories["b"].unplug()
        await trio.sleep(5)
        assert {type_ for type_, _ in told()} == {"line:down"}
        await plant.lines.reload(["b"], [plant.settings["b"]])
        assert told() == [], "it was told that it is down"
        plant.memories["b"].replug()
        await trio.sleep(30)
        assert told()[-1] == ("line:up", None)
        await plant.lines.reload(["a", "b"], [plant.settings["a"]])
        gone = [data for type_, data in plant.events if type_ == "line:down" and data["line"] == "b"]
        assert [data["message"] for data in gone] == ["the configuration has this line no longer"]
        nursery.cancel_scope.cancel()


async def test_a_tag_that_is_now_read_from_elsewhere_starts_anew(autojump_clock: MockClock) -> None:
    plant = Plant()
    async with trio.open_nursery() as nursery:
        await nursery.start(plant.lines.run, list(plant.settings.values()))
        await trio.sleep(3)
        moved = replace(plant.settings["b"], devices=(device(1, tag("t", 9)),))
        plant.memories["b"].unplug()
        await plant.lines.reload(["b"], [moved])
        reading = plant.store.read("b/d1/t")
        assert reading is not None
        assert (reading.value, reading.last_value, reading.sample) == (None, None, None), (
            "3 is another register's value"
        )
        nursery.cancel_scope.cancel()


async def test_listeners_hear_of_values_that_become_stale(autojump_clock: MockClock) -> None:
    plant = Plant()
    plant.settings["a"] = replace(plant.settings["a"], devices=(device(1, tag("t", 3, stale_after=0.2)),))
    heard = []
    async with trio.open_nursery() as nursery:
        await nursery.start(plant.lines.run, list(plant.settings.values()))
        with plant.store.changes.subscribe() as changes:
            await trio.sleep(11)
            while (change := changes.receive_nowait()) is not None:
                heard += [(r.quality, r.reason) for r in change.readings if r.tag == "a/d1/t"]
        nursery.cancel_scope.cancel()
    assert (Quality.UNCERTAIN, Reason.STALE) in heard
    assert heard[-1][0] in {Quality.GOOD, Quality.UNCERTAIN}


async def test_all_lines_stalled_starves_the_watchdog(autojump_clock: MockClock) -> None:
    plant = Plant()
    async with trio.open_nursery() as nursery:
        await nursery.start(plant.lines.run, list(plant.settings.values()))
        await trio.sleep(5)
        assert plant.lines.alive(trio.current_time())
        assert not plant.lines.alive(trio.current_time() + 1000)
        nursery.cancel_scope.cancel()


async def test_a_parked_line_is_reloaded_at_once(autojump_clock: MockClock) -> None:
    """Who mends the configuration of a line that fell need not wait for its next try."""
    plant = Plant()
    plant.faulty.add("a")
    async with trio.open_nursery() as nursery:
        await nursery.start(plant.lines.run, list(plant.settings.values()))
        await trio.sleep(60)
        assert plant.line("a").state is State.PARKED
        plant.faulty.clear()
        with trio.fail_after(5):
            await plant.lines.reload(["a"], [plant.settings["a"]])
        await trio.sleep(3)
        assert plant.quality("a/d1/t") == (Quality.GOOD, None)
        nursery.cancel_scope.cancel()


async def test_a_gateway_whose_only_line_is_parked_is_not_restarted(autojump_clock: MockClock) -> None:
    plant = Plant()
    plant.faulty.add("a")
    async with trio.open_nursery() as nursery:
        await nursery.start(plant.lines.run, [plant.settings["a"]])
        await trio.sleep(300)
        assert plant.line("a").state is State.PARKED
        assert plant.lines.alive(trio.current_time())
        nursery.cancel_scope.cancel()


async def test_a_lease_that_runs_out_during_a_reload_is_kept(autojump_clock: MockClock) -> None:
    """One line takes its time to stop; meanwhile the tags of the other are still there."""
    plant = Plant()
    speed = tag("speed", 0, writable=True, safe=0)
    settings = {name: replace(line, devices=(device(1, speed),)) for name, line in plant.settings.items()}
    plant.hanging.add("b")
    async with trio.open_nursery() as nursery:
        await nursery.start(plant.lines.run, list(settings.values()))
        await trio.sleep(3)
        assert (await plant.lines.door.write("a/d1/speed", 9, 2.0)).outcome is Outcome.CONFIRMED
        await trio.sleep(1)
        await plant.lines.reload(["a", "b"], list(settings.values()))
        await trio.sleep(10)
        assert plant.memories["a"].stations.devices[1].get("holding", 0) == 0
        nursery.cancel_scope.cancel()


async def test_lines_are_listed_as_the_configuration_has_them_after_a_reload_too(autojump_clock: MockClock) -> None:
    plant = Plant()
    async with trio.open_nursery() as nursery:
        await nursery.start(plant.lines.run, list(plant.settings.values()))
        await plant.lines.reload(["a"], [replace(plant.settings["a"], timeout=0.7)], ["a", "b"])
        assert [line.settings.name for line in plant.lines] == ["a", "b"]
        nursery.cancel_scope.cancel()
