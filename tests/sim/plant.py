"""The plant: eight lines, a hundred devices, several hundred tags; drawn from a seed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Protocol

from drivers.simulated.device import AddressRange, Table
from drivers.simulated.faults import WireFaults
from drivers.simulated.wire import Chunking, NetworkWire, SerialWire
from gateway.lines.feasibility import judge
from gateway.settings.line_model import DeviceSettings, LineSettings, Order, Parity, TagSettings, Transport
from tests.sim.truth import FLOATS, Cell, Point, TruthDevice, cell_at, span

# What a line may be asked for: with silent devices, this much of its time at most.
FULLEST = 0.75
STRETCHES = (1.0, 2.0, 4.0, 10.0)
# What may be read less often on a line that is steered.
LOW = frozenset({"phase2", "phase3", "energy", "in2", "flow", "temperature", "far1", "far3", "count"})
# Bit 9 of a moving word is far enough up to change irregularly, and often.
BIT = 0x0200
FINITE = 0xBFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class LineSketch:
    """What a line is like, before its devices are drawn.

    Attributes:
        roles: of devices that are not healthy, by the name of the role, with their number.
        strict: whether nothing on it can hold up a healthy device but silent ones: then no deadline may be missed.
        prompt: a TCP server that answers each request as soon as it can, so that late replies come out of order.
        adapter: seconds the master's adapter may keep what it has heard.
        steered: governors pull their levers on it, and callers read on demand; some of its tags are of low priority.
    """

    name: str
    transport: Transport
    devices: int
    baudrate: int = 19200
    parity: Parity = "none"
    roles: dict[str, int] = field(default_factory=dict)
    timeout: float = 1.0
    fast: bool = False
    strict: bool = False
    echo: bool = False
    noise_every: float | None = None
    prompt: bool = False
    chunking: Chunking | None = None
    unplugs: bool = False
    reloads: bool = False
    steered: bool = False
    latency: float = 0.0005


SKETCHES = (
    LineSketch(name="slow", transport="rtu", devices=12, baudrate=9600, roles={"silent": 3}, strict=True),
    LineSketch(
        name="even",
        transport="rtu",
        devices=14,
        parity="even",
        roles={"silent": 2, "leaver": 2, "noisy": 2},
        timeout=0.5,
        strict=True,
        steered=True,
    ),
    LineSketch(
        name="noise",
        transport="rtu",
        devices=12,
        baudrate=38400,
        roles={"late": 2, "stranger": 2},
        timeout=0.5,
        noise_every=45.0,
        reloads=True,
    ),
    LineSketch(
        name="fast",
        transport="rtu",
        devices=20,
        baudrate=115200,
        roles={"silent": 3, "busy": 2, "refuser": 3},
        timeout=0.3,
        fast=True,
        strict=True,
        steered=True,
    ),
    LineSketch(name="ascii", transport="ascii", devices=6, parity="even", roles={"silent": 1, "noisy": 1}, strict=True),
    LineSketch(
        name="echo",
        transport="rtu",
        devices=8,
        baudrate=57600,
        roles={"leaver": 2},
        echo=True,
        chunking=Chunking(latency_s=0.001),
        unplugs=True,
        strict=True,
    ),
    LineSketch(
        name="tunnel",
        transport="rtu-over-tcp",
        devices=14,
        roles={"late": 2, "lossy": 2, "silent": 1},
        timeout=0.5,
        steered=True,
    ),
    LineSketch(
        name="net",
        transport="tcp",
        devices=14,
        roles={"late": 2, "silent": 2, "absent": 1, "leaver": 1, "twice": 2},
        timeout=0.5,
        prompt=True,
        unplugs=True,
        reloads=True,
    ),
)


class Kind(Protocol):
    """Lays out the registers of one kind of device; ``fast`` ones are polled more often."""

    __name__: str

    def __call__(self, it: RegisterMap, *, fast: bool) -> None: ...


class RegisterMap:
    """The tags and registers of one device, as they are laid out."""

    def __init__(self, key: str, rng: Random) -> None:
        self.key = key
        self.rng = rng
        self.tags: list[TagSettings] = []
        self.cells: dict[Table, dict[int, Cell]] = defaultdict(dict)
        self.held: dict[Table, dict[int, int]] = defaultdict(dict)

    def add(self, name: str, table: Table, address: int, type_: str, **more: Any) -> None:
        tag = TagSettings(name=name, table=table, address=address, type=type_, **more)  # type: ignore[arg-type]  # drawn
        width = span(tag)
        self.tags.append(replace(tag, length=width))
        for offset in range(width):
            if tag.writable:
                self.held[table].setdefault(address + offset, 0)
            elif address + offset not in self.cells[table]:
                self.cells[table][address + offset] = self._cell(tag, offset, width)

    def _cell(self, tag: TagSettings, offset: int, width: int) -> Cell:
        key = f"{self.key}/{tag.table}/{tag.address + offset}"
        if tag.table in {"coil", "discrete"}:
            return cell_at(key, BIT)
        if tag.type == "string":
            return cell_at(key, 0x1F1F, 0x4040)
        if tag.type == "bcd16":
            return cell_at(key, 0x7777)
        highest = 0 if tag.word_order == "big" else width - 1
        if tag.type in FLOATS and offset == highest:
            return cell_at(key, FINITE if tag.byte_order == "big" else 0xFFBF)
        return cell_at(key)

    def fill(self, table: Table, first: int, count: int) -> None:
        """Registers nobody asked for that are there all the same."""
        for address in range(first, first + count):
            if address not in self.held[table]:
                self.cells[table].setdefault(address, cell_at(f"{self.key}/{table}/{address}"))


def meter(it: RegisterMap, *, fast: bool) -> None:
    order: Order = it.rng.choice(("big", "little"))
    bytes_: Order = it.rng.choice(("big", "big", "little"))
    poll = 1.0 if fast else it.rng.choice((1.0, 2.0, 5.0))
    for n in range(4):
        it.add(f"phase{n}", "input", 2 * n, "float32", word_order=order, byte_order=bytes_, poll=poll)
    it.add("energy", "input", 30, "uint64", word_order=order, poll=10.0)
    it.add("reactive", "input", 40, "int32", word_order=order, poll=60.0)
    it.add("serial", "holding", 100, "string", length=4, poll=None)
    it.fill("input", 8, 40)


def station(it: RegisterMap, *, fast: bool) -> None:
    poll = 0.2 if fast else it.rng.choice((0.5, 1.0))
    for n in range(3):
        it.add(f"in{n}", "discrete", 3 * n, "bool", poll=poll)
    it.add("valve", "coil", 5, "bool", poll=1.0, writable=True)
    it.add("level", "input", 0, "uint16", scale=0.1, poll=poll)
    it.add("flow", "input", 3, "int16", scale=0.01, offset=-20.0, poll=poll)
    it.fill("discrete", 0, 12)
    it.fill("input", 0, 12)
    it.fill("coil", 0, 12)


def drive(it: RegisterMap, *, fast: bool) -> None:
    poll = it.rng.choice((0.2, 0.5)) if fast else it.rng.choice((0.5, 1.0, 2.0))
    it.add("ready", "holding", 0, "bool", bit=9, poll=poll)
    it.add("mode", "holding", 0, "uint16", bit=10, width=3, poll=poll)
    it.add("speed", "holding", 1, "int16", poll=poll)
    it.add("torque", "holding", 8, "int16", scale=0.1, poll=poll)
    it.add("temperature", "holding", 20, "uint16", byte_order="little", poll=10.0)
    it.add("setpoint", "holding", 50, "uint16", writable=True, safe=7, readback=it.rng.random() < 0.5, poll=1.0)
    it.add("limit", "holding", 52, "uint32", writable=True, safe=9, poll=2.0)
    it.add("enable", "holding", 60, "bool", bit=4, writable=True, poll=2.0)
    it.fill("holding", 0, 24)


def logger(it: RegisterMap, *, fast: bool) -> None:
    del fast
    for n, address in enumerate((0, 9, 14, 33, 60)):
        it.add(f"far{n}", "holding", address, "uint16", poll=2.0)
    it.add("count", "holding", 200, "bcd16", poll=5.0)
    it.add("half", "input", 7, "float16", poll=5.0)
    it.add("total", "input", 8, "float64", poll=60.0, word_order="little")
    it.add("old", "input", 300, "uint32", poll=None)


KINDS: tuple[Kind, ...] = (meter, station, drive, logger)


@dataclass(slots=True, eq=False)
class Member:
    """One device of the plant: its configuration, its truth, and its part in the play."""

    role: str
    settings: DeviceSettings
    device: TruthDevice

    @property
    def healthy(self) -> bool:
        return self.role == "healthy"


@dataclass(slots=True, eq=False)
class PlantLine:
    """One line of the plant."""

    sketch: LineSketch
    settings: LineSettings
    members: list[Member]
    wire: SerialWire | NetworkWire
    wire_faults: WireFaults

    @property
    def name(self) -> str:
        return self.settings.name


@dataclass(slots=True)
class Plant:
    """All of it."""

    lines: list[PlantLine]
    points: dict[str, Point]


def draw(seed: int, scale: float = 1.0) -> Plant:
    """Draw a plant. ``scale`` shrinks the number of devices for short runs."""
    lines = [_line(sketch, seed, scale) for sketch in SKETCHES]
    return Plant(lines, {point.name: point for line in lines for point in _points(line)})


def _points(line: PlantLine) -> Iterator[Point]:
    for member in line.members:
        for tag in member.settings.tags:
            yield Point(f"{line.name}/{member.settings.name}/{tag.name}", line.name, tag, member.device)


def _line(sketch: LineSketch, seed: int, scale: float) -> PlantLine:
    rng = Random(f"{seed}/plant/{sketch.name}")
    count = max(round(sketch.devices * scale), sum(sketch.roles.values()) + 1)
    roles = [role for role, number in sketch.roles.items() for _ in range(number)]
    roles += ["healthy"] * (count - len(roles))
    rng.shuffle(roles)
    members = [_member(sketch, unit, role, rng, seed) for unit, role in enumerate(roles, 1)]
    network = sketch.transport in {"tcp", "rtu-over-tcp"}
    wire: SerialWire | NetworkWire
    if network:
        wire = NetworkWire(sketch.latency)
        reply = 2 * sketch.latency
    else:
        bytesize = 7 if sketch.transport == "ascii" else 8
        wire = SerialWire(sketch.baudrate, bytesize, sketch.parity, chunking=sketch.chunking)
        reply = wire.gap_s + (sketch.chunking.latency_s if sketch.chunking else 0.0)
    slowest = max(member.device.turnaround_s for member in members if member.healthy)
    settings = LineSettings(
        name=sketch.name,
        transport=sketch.transport,
        port="sim",
        host="sim",
        baudrate=sketch.baudrate,
        bytesize=7 if sketch.transport == "ascii" else 8,
        parity=sketch.parity,
        echo=sketch.echo,
        timeout=sketch.timeout,
        turnaround=round(reply + slowest + 0.0005, 4),
    )
    drawn = [member.settings for member in members]
    for stretch in STRETCHES:
        for member, device in zip(members, drawn, strict=True):
            member.settings = _stretched(device, stretch)
        settings = replace(settings, devices=tuple(member.settings for member in members))
        if judge(settings).silent_utilisation <= FULLEST:
            break
    return PlantLine(sketch, settings, members, wire, WireFaults(echo=sketch.echo, noise_every_s=sketch.noise_every))


def _stretched(device: DeviceSettings, stretch: float) -> DeviceSettings:
    tags = tuple(tag if tag.poll is None else replace(tag, poll=min(60.0, tag.poll * stretch)) for tag in device.tags)
    return replace(device, tags=tags)


def _member(sketch: LineSketch, unit: int, role: str, rng: Random, seed: int) -> Member:
    registers = RegisterMap(f"{seed}/{sketch.name}/{unit}", rng)
    kind = logger if role == "refuser" else rng.choice(KINDS)
    kind(registers, fast=sketch.fast and role == "healthy" and unit % 4 == 0)
    refused = [AddressRange("holding", 200)] if role == "refuser" else []
    device = TruthDevice(
        unit,
        registers.cells,
        registers.held,
        # Who answers late or broken changes often, so that an old answer is told from a new one.
        step=rng.choice((2.0, 5.0, 15.0)) if role in {"healthy", "silent"} else rng.choice((0.1, 0.5, 2.0)),
        turnaround=rng.uniform(0.001, 0.004),
        refused=refused,
        refused_functions=(4,) if role == "refuser" and unit % 2 else (22,) if unit % 3 == 0 else (),
    )
    settings = DeviceSettings(name=f"{kind.__name__}{unit}", unit=unit, tags=tuple(registers.tags))
    if sketch.steered:
        tags = tuple(replace(tag, priority="low") if tag.name in LOW else tag for tag in settings.tags)
        settings = replace(settings, tags=tags)
    return Member(role, settings, device)
