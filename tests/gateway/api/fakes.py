"""A field side, a store, a history, clocks and an audit log that are what the test says."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import trio

from gateway.core.audit import AuditEntry, AuditOutcome, entry
from gateway.core.errors import invalid
from gateway.core.ports import (
    BorrowAnswer,
    HistorySample,
    Json,
    LeaseInForce,
    Outcome,
    RawAnswer,
    SerialAnswer,
    StoreState,
    TagRow,
    TrafficRecord,
    WriteResult,
)
from gateway.core.principal import Principal
from gateway.core.reading import Quality, Reading, Reason, Sample, Value
from gateway.core.timeline import Era, Timeline

NOON = 1_800_000_000.0
SAMPLE = Sample(100.0, Era(NOON - 100.0, synchronised=True), 7)


@dataclass
class FakeField:
    """Stands for the lines: known tags, and a record of what was asked of it."""

    known: dict[str, Reading] = field(default_factory=dict)
    line_states: list[str] = field(default_factory=lambda: ["up"])
    written: list[tuple[object, ...]] = field(default_factory=list)
    wrote_for: list[Principal | None] = field(default_factory=list)
    read_takes: float = 0.0
    write_takes: float = 0.0
    wrote: trio.Event = field(default_factory=trio.Event)
    fault: Exception | None = None
    raw: RawAnswer = field(default_factory=lambda: RawAnswer([1, 2]))
    serial: SerialAnswer = field(default_factory=lambda: SerialAnswer(b"\xff12\n", "12", NOON, "synchronised"))
    asked: list[tuple[object, ...]] = field(default_factory=list)
    line_reports: list[dict[str, Json]] = field(default_factory=list)
    device_reports: list[dict[str, Json]] = field(default_factory=list)
    leased: list[LeaseInForce] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.known = {
            "bus/meter/power": Reading("bus/meter/power", 42.5, Quality.GOOD, None, SAMPLE, 42.5),
            "bus/meter/run": Reading("bus/meter/run", True, Quality.UNCERTAIN, Reason.STALE, SAMPLE, True),
            "bus/dead/flow": Reading("bus/dead/flow", None, Quality.BAD, Reason.NO_ANSWER, SAMPLE, 3),
            "bus/dead/new": Reading("bus/dead/new", None, Quality.BAD, Reason.NOT_YET_READ, None, None),
        }

    def lines(self) -> list[dict[str, Json]]:
        return [dict(report) for report in self.line_reports] or [
            {"line": f"line{number}", "state": state} for number, state in enumerate(self.line_states)
        ]

    def devices(self, line: str | None = None) -> list[dict[str, Json]]:
        reports = self.device_reports or [{"device": name, "line": "bus"} for name in ("meter", "dead")]
        return [report for report in reports if line in {None, report["line"]}]

    def tags(self, line: str | None = None, device: str | None = None) -> list[TagRow]:
        return [
            TagRow(name, "float32", "kW", writable=True, poll=1.0, description="", missed_deadlines=0)
            for name in self.known
            if line in {None, name.split("/")[0]} and device in {None, name.split("/")[1]}
        ]

    def missed_deadlines(self) -> dict[str, int]:
        return dict.fromkeys(self.known, 3)

    async def read(self, names: Sequence[str], max_age: float | None) -> list[Reading]:
        await trio.sleep(self.read_takes)
        if self.fault is not None:
            raise self.fault
        self.asked.append((tuple(names), max_age))
        for place, name in enumerate(names):
            if name not in self.known:
                raise invalid(f"tags[{place}]", f"there is no tag {name}", name)
        return [self.known[name] for name in names]

    async def write(self, name: str, value: Value, lease: float | None, by: Principal | None = None) -> WriteResult:
        await trio.sleep(self.write_takes)
        self.written.append((name, value, lease))
        self.wrote_for.append(by)
        self.wrote.set()
        return WriteResult(Outcome.CONFIRMED, read_back=value)

    def leases(self) -> list[LeaseInForce]:
        return self.leased

    async def modbus_read(self, line: str, unit: int, table: str, address: int, count: int) -> RawAnswer:
        self.asked.append((line, unit, table, address, count))
        return self.raw

    async def modbus_write(  # noqa: PLR0917 - as in DeviceAccess
        self,
        line: str,
        unit: int,
        table: str,
        address: int,
        values: Sequence[int | bool],
        by: Principal | None = None,
    ) -> WriteResult:
        self.wrote_for.append(by)
        self.written.append((line, unit, table, address, list(values)))
        return WriteResult(Outcome.REFUSED, "illegal_address", "no such register")

    def serial_ports(self) -> list[dict[str, Json]]:
        return [{"path": "/dev/ttyUSB0", "line": "scale"}]

    async def serial_read(self, line: str, max_age: float | None) -> SerialAnswer:
        self.asked.append((line, max_age))
        return self.serial

    async def serial_write(self, line: str, data: bytes) -> WriteResult:
        self.written.append((line, data))
        return WriteResult(Outcome.CONFIRMED)

    def borrow(self, line: str, seconds: float, lease: str | None) -> tuple[str, float]:
        self.asked.append((line, seconds, lease))
        return "0a0b", seconds

    def give_back(self, line: str, lease: str) -> None:
        self.asked.append((line, lease))

    async def exchange(self, line: str, lease: str, unit: int, pdu: bytes, patience: float) -> BorrowAnswer:
        self.asked.append((line, lease, unit, pdu, patience))
        return BorrowAnswer(b"\x03\x02\x00\x07", seconds=0.01, causes=("late",))

    def traffic(self, line: str, after: int) -> tuple[list[TrafficRecord], int]:
        self.asked.append((line, after))
        return [TrafficRecord(after + 1, trio.current_time(), sent=True, data=b"\x01\x03")], 2


@dataclass
class FakeHistory:
    """A past of so many samples, one a second."""

    length: int = 3
    asked: list[tuple[object, ...]] = field(default_factory=list)

    async def samples(
        self, tag: str, start: float, end: float, resolution: float | None, limit: int
    ) -> list[HistorySample]:
        self.asked.append((tag, start, end, resolution))
        step = resolution or 1.0
        return [
            HistorySample(start + number * step, float(number), "good", "synchronised", 0.0, 9.0, 5)
            for number in range(min(self.length, limit))
        ]


@dataclass
class FakeStore:
    """A store that is as it is told to be."""

    durable: bool = True
    rows_waiting: int = 0
    oldest_waiting: float | None = None

    def state(self) -> StoreState:
        return StoreState(self.durable, 1234, 200_000_000, "everything", self.rows_waiting, self.oldest_waiting)


@dataclass
class Board:
    """The wall clock of the gateway under test."""

    wall: float = field(default_factory=time.time)
    synchronised: bool = True
    timeline: Timeline = field(init=False)

    def __post_init__(self) -> None:
        self.timeline = Timeline(lambda: 0.0, lambda: self.wall, lambda: self.synchronised)

    def set(self, wall: float, *, synchronised: bool = True) -> None:
        self.wall, self.synchronised = wall, synchronised
        self.timeline.look()


@dataclass
class Notes:
    """An audit log that remembers what it was told."""

    entries: list[AuditEntry] = field(default_factory=list)

    def note(
        self,
        action: str,
        outcome: AuditOutcome = AuditOutcome.DONE,
        *,
        by: Principal | None = None,
        claimed: str | None = None,
        peer: str | None = None,
        target: str | None = None,
        details: Mapping[str, Json] | None = None,
    ) -> None:
        made = entry(action, outcome, by=by, claimed=claimed, peer=peer, target=target, details=details)
        self.entries.append(made)

    def of(self, action: str) -> list[AuditEntry]:
        return [noted for noted in self.entries if noted.action == action]
