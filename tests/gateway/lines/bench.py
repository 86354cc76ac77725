"""A field side on virtual time: simulated devices on a timed wire, the real line, store and schedule."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import trio

from drivers.ports.port import Port
from drivers.simulated.device import SimulatedDevice
from drivers.simulated.faults import DeviceFaults, WireFaults
from drivers.simulated.memory_port import FramingName, MemoryLine
from drivers.simulated.stations import LineEvent
from drivers.simulated.wire import NetworkWire, SerialWire
from gateway.core.ports import Json
from gateway.core.reading import Reading
from gateway.core.steering import Arbiter
from gateway.core.tags import TagStore
from gateway.core.timeline import Timeline
from gateway.lines.exchange import Talk
from gateway.lines.fieldside import FieldSide
from gateway.lines.line import Line, Opener
from gateway.lines.lines import Lines
from gateway.lines.opener import talk_on
from gateway.settings.line_model import DeviceSettings, LineSettings, TagSettings


@dataclass
class Facts:
    """A fact store in memory."""

    kinds: dict[str, dict[str, Json]] = field(default_factory=dict)

    def recall(self, kind: str) -> dict[str, Json]:
        return dict(self.kinds.get(kind, {}))

    def remember(self, kind: str, key: str, value: Json, *, urgent: bool = False) -> None:
        facts = self.kinds.setdefault(kind, {})
        if value is None:
            facts.pop(key, None)
        else:
            facts[key] = value

    async def settle(self) -> None:
        await trio.lowlevel.checkpoint()


@dataclass
class Bench:
    """One line under test and all around it."""

    settings: LineSettings
    memory: MemoryLine
    store: TagStore
    facts: Facts
    lines: Lines
    field: FieldSide
    events: list[tuple[str, dict[str, object]]]
    wire_events: list[LineEvent]

    @property
    def line(self) -> Line:
        line = self.lines.get(self.settings.name)
        assert isinstance(line, Line)
        return line

    def read(self, name: str) -> Reading:
        reading = self.store.read(f"{self.settings.name}/{name}")
        assert reading is not None
        return reading


def tag(name: str, address: int, **more: object) -> TagSettings:
    return replace(TagSettings(name=name, table="holding", address=address, type="uint16"), **more)  # type: ignore[arg-type]  # test data


def device(unit: int, *tags: TagSettings, **more: object) -> DeviceSettings:
    return replace(DeviceSettings(name=f"d{unit}", unit=unit, tags=tags), **more)  # type: ignore[arg-type]  # test data


@asynccontextmanager
async def open_bench(
    devices: Iterable[DeviceSettings],
    simulated: Iterable[SimulatedDevice],
    *,
    faults: Mapping[int, DeviceFaults] | None = None,
    wire_faults: WireFaults | None = None,
    facts: Facts | None = None,
    transport: str = "rtu",
    around: Callable[[Opener], Opener] = lambda opener: opener,
    arbiter: Arbiter | None = None,
    released: Callable[[str], None] | None = None,
    wire: SerialWire | NetworkWire | None = None,
    **line: object,
) -> AsyncIterator[Bench]:
    settings = LineSettings(name="bus", transport=transport, port="sim", host="sim", devices=tuple(devices), **line)  # type: ignore[arg-type]  # test data
    events: list[tuple[str, dict[str, object]]] = []
    wire_events: list[LineEvent] = []
    if wire is None:
        wire = NetworkWire() if transport == "tcp" else SerialWire(settings.baudrate)
    framing: FramingName | None = "ascii" if transport == "ascii" else None
    memory = MemoryLine(
        simulated, wire, faults, framing=framing, wire_faults=wire_faults, seed=7, record=wire_events.append
    )

    def make_opener(of: LineSettings) -> Opener:
        async def open_line() -> tuple[Port, Talk]:
            port = await memory.open()
            return port, talk_on(of, port)

        return around(open_line)

    timeline = Timeline(trio.current_time, lambda: 1_700_000_000 + trio.current_time(), lambda: True)
    store = TagStore(trio.current_time, timeline)
    facts = facts or Facts()
    lines = Lines(
        store,
        facts,
        lambda type_, data: events.append((type_, data)),
        make_opener=make_opener,
        arbiter=arbiter,
        released=released,
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(lines.run, [settings])
        yield Bench(settings, memory, store, facts, lines, FieldSide(lines, store), events, wire_events)
        nursery.cancel_scope.cancel()
