"""``modbus.read`` and ``modbus.write``: registers and bits of any unit, tag or no tag (D-090, D-091)."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from gateway.api.dispatch import Method, method, told
from gateway.api.methods.outcome import UNKNOWN_AT_DEADLINE
from gateway.api.noted import Noted
from gateway.api.origin import Origin
from gateway.api.params import Name, ParamsModel
from gateway.api.readings import write_result
from gateway.core.audit import AuditLog
from gateway.core.errors import invalid
from gateway.core.ports import DeviceAccess, Json

Unit = Annotated[int, Meta(ge=0, le=255)]
Address = Annotated[int, Meta(ge=0, le=0xFFFF)]
# Modbus Application Protocol 1.1b3, 6.1 to 6.4, 6.11 and 6.12.
MOST_READ = {"coil": 2000, "discrete": 2000, "input": 125, "holding": 125}
MOST_WRITTEN = {"coil": 1968, "holding": 123}


class ModbusRead(ParamsModel, frozen=True):
    """Parameters of ``modbus.read``; the address counts from zero, as on the wire."""

    line: Name
    unit: Unit
    table: Literal["coil", "discrete", "input", "holding"]
    address: Address
    count: Annotated[int, Meta(ge=1)]


class ModbusWrite(ParamsModel, frozen=True):
    """Parameters of ``modbus.write``: true and false for coils, 0 to 65535 for holding registers."""

    line: Name
    unit: Unit
    table: Literal["coil", "holding"]
    address: Address
    values: Annotated[list[bool | int], Meta(min_length=1)]


def modbus_methods(devices: DeviceAccess, audit: AuditLog) -> dict[str, Method]:
    """The namespace ``modbus``."""
    written = Noted(audit, "modbus.write")

    async def read(params: ModbusRead) -> object:
        _check_extent("count", params.address, params.count, MOST_READ[params.table], params.count)
        answer = await devices.modbus_read(params.line, params.unit, params.table, params.address, params.count)
        if answer.values is not None:
            return {"values": answer.values}
        return {"values": None, "reason": answer.reason, "message": answer.message}

    async def write(params: ModbusWrite, origin: Origin) -> object:
        count = len(params.values)
        _check_extent("values", params.address, count, MOST_WRITTEN[params.table], f"{count} values")
        values = _coils(params.values) if params.table == "coil" else _registers(params.values)
        work = devices.modbus_write(params.line, params.unit, params.table, params.address, values, origin.principal)
        target = f"{params.line} unit {params.unit} {params.table} {params.address}"
        return write_result(await written.write(origin, target, _noted(values), work))

    return {
        "modbus.read": method(ModbusRead, read, scope="devices:read"),
        "modbus.write": told(ModbusWrite, write, scope="devices:write", at_deadline=UNKNOWN_AT_DEADLINE),
    }


def _noted(values: list[int | bool]) -> dict[str, Json]:
    """Values for the audit log; many coils as the bytes on the wire, or there would be no room for them."""
    if len(values) <= MOST_WRITTEN["holding"]:
        return {"values": values}
    packed = sum(bool(value) << place for place, value in enumerate(values)).to_bytes(-(-len(values) // 8), "little")
    text = packed.hex()
    return {"coils": len(values), "bytes": [text[begin : begin + 64] for begin in range(0, len(text), 64)]}


def _check_extent(field: str, address: int, count: int, most: int, provided: object) -> None:
    if count > most:
        raise invalid(field, f"one request carries at most {most} of this table", provided)
    if address + count > 0x10000:
        raise invalid(field, "reaches beyond address 65535", provided)


def _coils(values: list[bool | int]) -> list[int | bool]:
    for index, value in enumerate(values):
        if value not in {0, 1}:
            raise invalid(f"values[{index}]", "a coil is true or false", value)
    return [bool(value) for value in values]


def _registers(values: list[bool | int]) -> list[int | bool]:
    for index, value in enumerate(values):
        if isinstance(value, bool) or not 0 <= value <= 0xFFFF:
            raise invalid(f"values[{index}]", "a register is a whole number from 0 to 65535", value)
    return list(values)
