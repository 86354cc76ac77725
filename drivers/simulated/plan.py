"""The file that describes simulated lines: TOML in, devices and wires out. Strict, and without I/O."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Literal

import msgspec

from drivers.simulated import signals
from drivers.simulated.device import AddressRange, Point, SimulatedDevice, Table
from drivers.simulated.faults import DeviceFaults, Seconds, WireFaults
from drivers.simulated.registers import KINDS, Kind, Order, encode_text, width
from drivers.simulated.wire import Chunking, Parity, SerialWire

_Positive = Annotated[float, msgspec.Meta(gt=0.0)]


class PlanError(ValueError):
    """The file does not describe lines; the message names the key."""


class _Sine(msgspec.Struct, tag_field="kind", tag="sine", forbid_unknown_fields=True):
    mean: float
    amplitude: float
    period_s: _Positive
    phase: float = 0.0

    def build(self) -> signals.Signal:
        return signals.Sine(self.mean, self.amplitude, self.period_s, self.phase)


class _Ramp(msgspec.Struct, tag_field="kind", tag="ramp", forbid_unknown_fields=True):
    low: float
    high: float
    period_s: _Positive

    def build(self) -> signals.Signal:
        return signals.Ramp(self.low, self.high, self.period_s)


class _Counter(msgspec.Struct, tag_field="kind", tag="counter", forbid_unknown_fields=True):
    start: float = 0.0
    per_s: float = 1.0
    wraps_at: _Positive = math.inf

    def build(self) -> signals.Signal:
        return signals.Counter(self.start, self.per_s, self.wraps_at)


class _Square(msgspec.Struct, tag_field="kind", tag="square", forbid_unknown_fields=True):
    low: float = 0.0
    high: float = 1.0
    period_s: _Positive = 10.0
    duty: float = 0.5

    def build(self) -> signals.Signal:
        return signals.Square(self.low, self.high, self.period_s, self.duty)


class _Noise(msgspec.Struct, tag_field="kind", tag="noise", forbid_unknown_fields=True):
    mean: float
    amplitude: float
    seed: int = 0
    step_s: _Positive = 1.0

    def build(self) -> signals.Signal:
        return signals.Noise(self.mean, self.amplitude, self.seed, self.step_s)


class _Follow(msgspec.Struct, tag_field="kind", tag="follow", forbid_unknown_fields=True):
    holding: int
    lag_s: _Positive
    gain: float = 1.0

    def build(self) -> signals.Signal:
        return signals.Follow(self.holding, lag_s=self.lag_s, gain=self.gain)


class _Switched(msgspec.Struct, tag_field="kind", tag="switched", forbid_unknown_fields=True):
    holding: int
    off: float
    on: float

    def build(self) -> signals.Signal:
        return signals.Switched(self.holding, off=self.off, on=self.on)


_KINDS: dict[str, Kind] = {kind: kind for kind in KINDS}
_Signal = _Sine | _Ramp | _Counter | _Square | _Noise | _Follow | _Switched


class _Range(msgspec.Struct, forbid_unknown_fields=True):
    table: Table
    first: int
    count: int = 1

    def build(self) -> AddressRange:
        return AddressRange(self.table, self.first, self.count)


class PointPlan(msgspec.Struct, forbid_unknown_fields=True):
    """One value of a device: exactly one of `value`, `text` and `signal`."""

    name: str
    table: Table
    address: int
    type: Kind | Literal["bool", "string"] = "uint16"
    value: float | None = None
    text: str | None = None
    signal: _Signal | None = None
    scale: float = 1.0
    word_order: Order = "big"
    byte_order: Order = "big"
    length: int = 0

    @property
    def span(self) -> int:
        """How many addresses the value takes."""
        if self.type == "string":
            return self.length
        return 1 if self.type == "bool" else width(self.type)

    def check(self) -> None:
        """Raise ValueError for what the types alone do not rule out."""
        if [self.value, self.text, self.signal].count(None) != 2:
            raise ValueError("give exactly one of value, text and signal")
        if (self.type == "string") != (self.text is not None):
            raise ValueError('text goes with type = "string", and nothing else does')
        if (self.type == "bool") != (self.table in {"coil", "discrete"}):
            raise ValueError('type = "bool" goes with coils and discrete inputs, and nothing else does')
        if self.type == "string" and self.length < 1:
            raise ValueError("a string needs its length in registers")
        if not 0 <= self.address <= 0x10000 - self.span:
            raise ValueError("address is zero-based, as on the wire: 0 to 65535, with room for the value")
        if self.scale == 0.0:
            raise ValueError("scale cannot be 0")

    def point(self) -> Point:
        """Return the point of a device; not for text."""
        signal = self.signal.build() if self.signal is not None else signals.Constant(self.value or 0.0)
        kind: Kind = _KINDS.get(self.type, "uint16")
        return Point(self.table, self.address, signal, kind, self.scale, self.word_order, self.byte_order)


class DevicePlan(msgspec.Struct, forbid_unknown_fields=True):
    """One unit."""

    name: str
    unit: int
    point: list[PointPlan] = []
    turnaround_s: Seconds = 0.002
    max_registers: int = 125
    refused: list[_Range] = []
    read_only: list[_Range] = []
    refused_functions: list[int] = []
    identity: dict[str, str] = {}
    faults: DeviceFaults = DeviceFaults()

    def build(self) -> SimulatedDevice:
        """Build the device."""
        tables: dict[Table, dict[int, int]] = {"coil": {}, "discrete": {}, "input": {}, "holding": {}}
        for point in self.point:
            if point.text is not None:
                registers = encode_text(point.text, point.length, byte_order=point.byte_order)
                tables[point.table].update(enumerate(registers, point.address))
        return SimulatedDevice(
            self.unit,
            coil=tables["coil"],
            discrete=tables["discrete"],
            input=tables["input"],
            holding=tables["holding"],
            points=[point.point() for point in self.point if point.text is None],
            refused=[each.build() for each in self.refused],
            read_only=[each.build() for each in self.read_only],
            refused_functions=self.refused_functions,
            max_registers=self.max_registers,
            turnaround_s=self.turnaround_s,
            identity={int(number): text for number, text in self.identity.items()},
        )


class LinePlan(msgspec.Struct, forbid_unknown_fields=True):
    """One serial line on a pseudo-terminal, or one TCP server.

    `port` is a file name in the directory of the simulation; `host` and `tcp_port` are an address to listen on.
    """

    name: str
    transport: Literal["rtu", "ascii", "tcp", "rtu-over-tcp"]
    device: list[DevicePlan]
    port: str | None = None
    host: str = "127.0.0.1"
    tcp_port: int | None = None
    baudrate: int = 19200
    bytesize: Literal[7, 8] = 8
    parity: Parity = "none"
    stopbits: Literal[1, 2] = 1
    adapter_latency_s: _Positive | None = None
    latency_s: Seconds = 0.0
    seed: int = 0
    faults: WireFaults = WireFaults()

    @property
    def is_serial(self) -> bool:
        """Whether the line is a pseudo-terminal."""
        return self.transport in {"rtu", "ascii"}

    def check(self) -> None:
        """Raise ValueError for what the types alone do not rule out."""
        if self.is_serial and (self.port is None or "/" in self.port or self.port in {"", ".", ".."}):
            raise ValueError(f'transport = "{self.transport}" needs port, a plain file name for the terminal\'s link')
        if not self.is_serial and (self.tcp_port is None or not 0 <= self.tcp_port <= 65535):
            raise ValueError(f'transport = "{self.transport}" needs tcp_port, 0 to 65535')
        if self.baudrate < 50:
            raise ValueError("baudrate is at least 50")

    def build_devices(self) -> list[SimulatedDevice]:
        """Build all devices of the line."""
        return [device.build() for device in self.device]

    def build_wire(self) -> SerialWire:
        """Build the wire of a serial line."""
        chunking = Chunking(latency_s=self.adapter_latency_s) if self.adapter_latency_s else None
        return SerialWire(self.baudrate, self.bytesize, self.parity, self.stopbits, chunking=chunking)

    @property
    def device_faults(self) -> Mapping[int, DeviceFaults]:
        """The faults of those devices that have any."""
        return {each.unit: each.faults for each in self.device if each.faults != DeviceFaults()}


class Plan(msgspec.Struct, forbid_unknown_fields=True):
    """All lines of a simulation."""

    line: list[LinePlan]


def read_plan(text: str | bytes) -> Plan:
    """Read a simulation from TOML.

    Raises:
        PlanError: the text is not TOML, or a key is unknown, missing or wrong; the message names it.
    """
    try:
        plan = msgspec.toml.decode(text, type=Plan)
    except msgspec.DecodeError as error:
        raise PlanError(str(error)) from error
    if wrong := next(mistakes(plan), None):
        raise PlanError(wrong)
    return plan


def mistakes(plan: Plan) -> Iterator[str]:
    """Say all that the types alone do not rule out, each with its place."""
    yield from _twins((line.name for line in plan.line), "line", "name")
    for i, line in enumerate(plan.line):
        at = f"line[{i}] {line.name}"
        yield from _checked(line.check, at)
        yield from _twins((device.unit for device in line.device), f"{at}: device", "unit")
        for j, device in enumerate(line.device):
            where = f"{at}, device[{j}] {device.name}"
            if not 0 <= device.unit <= (247 if line.is_serial else 255) or (line.is_serial and device.unit == 0):
                yield f"{where}: unit is 1 to 247 on a serial line, 0 to 255 on TCP"
            wrong = list(_points(device, where))
            yield from wrong
            if not wrong:
                # What it is made of is right: whether it can be built is another question.
                yield from _checked(device.build, where)


def _checked(check: Callable[[], object], where: str) -> Iterator[str]:
    try:
        check()
    except ValueError as error:
        yield f"{where}: {error}"


def _twins(keys: Iterable[str | int], what: str, key: str) -> Iterator[str]:
    times = Counter(keys)
    yield from (f"{what}: two have {key} = {value!r}" for value, number in times.items() if number > 1)


def _points(device: DevicePlan, where: str) -> Iterator[str]:
    taken: dict[tuple[Table, int], str] = {}
    for k, point in enumerate(device.point):
        wrong = list(_checked(point.check, f"{where}, point[{k}] {point.name}"))
        yield from wrong
        if wrong:
            continue
        places = [(point.table, address) for address in range(point.address, point.address + point.span)]
        if shared := next((place for place in places if place in taken), None):
            yield f"{where}: {point.name} and {taken[shared]} share {point.table} address {shared[1]}"
        taken.update(dict.fromkeys(places, point.name))
