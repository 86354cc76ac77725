"""The field side as callers see it. Reads never wait behind a dead device; writes end in an honest outcome."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import trio

from drivers.modbus.pdu import (
    Data,
    Refusal,
    Request,
    read_bits,
    read_registers,
    write_coil,
    write_coils,
    write_register,
    write_registers,
)
from drivers.modbus.unpacking import unpack_bits, unpack_registers
from gateway.core.derived import Derived
from gateway.core.errors import invalid
from gateway.core.ports import Json, LeaseInForce, RawAnswer, SerialAnswer, TagRow, WriteResult
from gateway.core.principal import Principal
from gateway.core.reading import Quality, Reading, Reason, Value
from gateway.core.tags import TagStore
from gateway.lines.bids import Admission, bids_for_registers
from gateway.lines.line import FRESH_PATIENCE_S, Line
from gateway.lines.lines import Lines
from gateway.lines.opener import SERIAL_TRANSPORTS
from gateway.lines.orders import ORDER_PATIENCE_S, Order, Writing, reason_of
from gateway.lines.plan import BIT_TABLES
from gateway.lines.ports_here import serial_ports_here
from gateway.lines.raw_line import RawLine
from gateway.lines.report import device_report, line_report
from gateway.lines.toolside import ToolSide
from gateway.lines.unit import FUNCTION_OF
from gateway.settings.line_model import Table


class FieldSide(ToolSide):
    """Implements ``core.ports.DeviceAccess`` on the lines and the store."""

    def __init__(self, lines: Lines, store: TagStore) -> None:
        super().__init__(lines)
        self._store = store

    def lines(self) -> list[dict[str, Json]]:
        """See ``DeviceAccess.lines``."""
        return [line_report(line) for line in self._lines]

    def devices(self, line: str | None = None) -> list[dict[str, Json]]:
        """See ``DeviceAccess.devices``."""
        return [
            device_report(owner, unit, self._store)
            for owner in self._lines
            if isinstance(owner, Line) and line in {None, owner.settings.name}
            for unit in owner.polling.units.values()
            if unit.device is not None
        ]

    def tags(self, line: str | None = None, device: str | None = None) -> list[TagRow]:
        """See ``DeviceAccess.tags``."""
        rows = []
        periods = self._periods()
        for name in self._store.names():
            parts = name.split("/")
            if (line is not None and parts[0] != line) or (device is not None and parts[1:-1] != [device]):
                continue
            cell = self._store.cell(name)
            if cell is None:
                continue
            tag, spot = cell.tag, self._lines.spots.get(name)
            place: dict[str, Json] = {}
            if spot is not None:
                place = {"unit": spot.unit.number, "table": spot.tag.table, "address": spot.tag.address}
            elif isinstance(tag.origin, Derived):
                place = {"plugin": tag.origin.plugin, "instance": tag.origin.instance}
            rows.append(
                TagRow(
                    name,
                    tag.type,
                    tag.units,
                    tag.writable,
                    tag.poll,
                    tag.description,
                    cell.missed,
                    place,
                    periods.get(name),
                )
            )
        return rows

    def _periods(self) -> dict[str, float | None]:
        """How often each tag is read now."""
        return {
            cell.tag.name: poll.period
            for line in self._lines
            if isinstance(line, Line)
            for unit in line.polling.units.values()
            for poll in unit.polls
            for cell in poll.cells
        }

    def missed_deadlines(self) -> dict[str, int]:
        """See ``DeviceAccess.missed_deadlines``."""
        return {name: cell.missed for name in self._store.names() if (cell := self._store.cell(name)) is not None}

    async def read(self, names: Sequence[str], max_age: float | None) -> list[Reading]:
        """See ``DeviceAccess.read``."""
        for name in names:
            if self._store.cell(name) is None:
                raise invalid("tags", "no such tag; tag.list names them all", name)
        if max_age is not None:
            await self._refresh(names, max_age)
        return [reading for name in names if (reading := self._store.read(name)) is not None]

    async def _refresh(self, names: Sequence[str], max_age: float) -> None:
        """Fetch what is older than ``max_age``, where the device answers; never wait behind one that does not."""
        now = trio.current_time()
        waits: dict[int, trio.Event] = {}
        for name in names:
            reading, spot = self._store.read(name), self._lines.spots.get(name)
            if reading is None or spot is None or spot.line.port is None or not spot.unit.health.usable:
                continue
            fresh = reading.sample is not None and now - reading.sample.acquired <= max_age
            poll = spot.poll
            if poll is None or (fresh and reading.quality is Quality.GOOD):
                continue
            # An answer that is here but not decoded came before the question.
            spot.line.polling.finish()
            if poll.finished is None:
                poll.finished = trio.Event()
            waits[id(poll)] = poll.finished
            spot.line.hurry(poll, asked=True)
        with trio.move_on_after(FRESH_PATIENCE_S):
            for event in waits.values():
                await event.wait()

    async def write(self, name: str, value: Value, lease: float | None, by: Principal | None = None) -> WriteResult:
        """See ``DeviceAccess.write``."""
        if name not in self._lines.spots and (cell := self._store.cell(name)) is not None:
            if isinstance(cell.tag.origin, Derived):
                raise invalid("tag", "a tag that a plugin makes cannot be written", name)
            raise invalid("tag", "a tag of a raw serial line cannot be written; serial.write sends bytes", name)
        return await self._lines.door.write(name, value, lease, by)

    def leases(self) -> list[LeaseInForce]:
        """See ``DeviceAccess.leases``."""
        return self._lines.door.leases()

    async def modbus_read(self, line: str, unit: int, table: str, address: int, count: int) -> RawAnswer:
        """See ``DeviceAccess.modbus_read``."""
        owner = self._modbus_line(line, unit, 1)
        bits = table in BIT_TABLES
        request = _checked(lambda: _read(unit, _table(table), address, count))
        order = Order(unit, request, trio.current_time() + ORDER_PATIENCE_S)
        owner.submit(order)
        await order.done.wait()
        if order.failure is not None:
            return RawAnswer(None, order.failure.reason, order.failure.message)
        if isinstance(order.answer, Refusal):
            words = f"the device refused: {order.answer.name.replace('_', ' ')}"
            return RawAnswer(None, reason_of(order.answer), words)
        payload = order.answer.payload if isinstance(order.answer, Data) else b""
        return RawAnswer(unpack_bits(payload, count) if bits else unpack_registers(payload))

    async def modbus_write(  # noqa: PLR0917 - what the protocol asks for, and who asks
        self,
        line: str,
        unit: int,
        table: str,
        address: int,
        values: Sequence[int | bool],
        by: Principal | None = None,
    ) -> WriteResult:
        """See ``DeviceAccess.modbus_write``."""
        owner = self._modbus_line(line, unit, 0)
        if not owner.settings.writable:
            raise invalid("line", "this line is read-only: the configuration says writable = false", line)
        if unit == 0 and not (owner.settings.allow_broadcast or owner.polling.numbered):
            raise invalid(
                "unit", "unit 0 writes to all units: set allow_broadcast = true on the line to allow it", unit
            )
        request = _checked(lambda: _write(unit, table, address, values))
        order = Writing(unit, request, trio.current_time() + ORDER_PATIENCE_S)
        bids = [] if by is None else bids_for_registers(owner, unit, table, address, values, by=by)
        Admission(self._lines.door.arbiter, bids).follow(order)
        owner.submit(order)
        await order.done.wait()
        return order.result()

    def _modbus_line(self, name: str, unit: int, lowest: int) -> Line:
        line = self._lines.get(name)
        if not isinstance(line, Line):
            raise invalid("line", "no such Modbus line; line.list names them all", name)
        lowest, highest = (0, 255) if line.polling.numbered else (lowest, 247)
        if not lowest <= unit <= highest:
            raise invalid("unit", f"a unit on this line is a number from {lowest} to {highest}", unit)
        return line

    def serial_ports(self) -> list[dict[str, Json]]:
        """See ``DeviceAccess.serial_ports``."""
        owners = {
            line.settings.port: line.settings.name
            for line in self._lines
            if line.settings.transport in SERIAL_TRANSPORTS
        }
        return serial_ports_here(owners)

    async def serial_read(self, line: str, max_age: float | None) -> SerialAnswer:
        """See ``DeviceAccess.serial_read``: the last message, or the next one where that is older than asked."""
        raw = self._raw_line(line)
        now = trio.current_time()
        down = str(Reason.LINK_DOWN) if raw.port is None else None
        if down is None and max_age is not None and (raw.last is None or now - raw.last[1].acquired > max_age):
            with trio.move_on_after(FRESH_PATIENCE_S):
                await raw.arrived.wait()
        if raw.last is None:
            return SerialAnswer(None, None, None, None, down or "no_message", raw.words)
        data, sample = raw.last
        text = data.decode(raw.raw.encoding, errors="replace")
        return SerialAnswer(data, text, sample.wall, sample.era.clock, down, raw.words)

    async def serial_write(self, line: str, data: bytes) -> WriteResult:
        """See ``DeviceAccess.serial_write``."""
        raw = self._raw_line(line)
        if not raw.settings.writable:
            raise invalid("line", "this line is read-only: the configuration says writable = false", line)
        return await raw.write(data)

    def _raw_line(self, name: str) -> RawLine:
        line = self._lines.get(name)
        if not isinstance(line, RawLine):
            raise invalid("line", 'no such line with transport = "serial"; line.list names them all', name)
        return line


def _table(name: str) -> Table:
    if name not in FUNCTION_OF:
        raise invalid("table", "one of coil, discrete, input, holding", name)
    return name


def _checked(make: Callable[[], Request]) -> Request:
    try:
        return make()
    except ValueError as error:
        raise invalid("address", str(error)) from error


def _read(unit: int, table: Table, address: int, count: int) -> Request:
    make = read_bits if table in BIT_TABLES else read_registers
    return make(unit, FUNCTION_OF[table], address, count)


def _write(unit: int, table: str, address: int, values: Sequence[int | bool]) -> Request:
    if table == "coil":
        if not all(isinstance(value, bool) for value in values):
            raise invalid("values", "coils take true or false")
        bits = [bool(value) for value in values]
        return write_coil(unit, address, bits[0]) if len(bits) == 1 else write_coils(unit, address, bits)
    if table == "holding":
        registers = [value for value in values if not isinstance(value, bool)]
        if len(registers) != len(values):
            raise invalid("values", "registers take whole numbers from 0 to 65535")
        return (
            write_register(unit, address, registers[0])
            if len(registers) == 1
            else write_registers(unit, address, registers)
        )
    raise invalid("table", "only coil and holding can be written", table)
