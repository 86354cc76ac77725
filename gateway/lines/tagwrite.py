"""From a value for a tag to the request that writes it."""

from __future__ import annotations

from collections.abc import Callable

import trio

from drivers.modbus.pdu import (
    Request,
    mask_write,
    read_bits,
    read_registers,
    write_coil,
    write_coils,
    write_register,
    write_registers,
)
from drivers.modbus.unpacking import unpack_registers
from drivers.modbus.values import PADDING, BlockCodec, encode, encode_mask, mask_register
from gateway.core.errors import GatewayError, invalid
from gateway.core.reading import Reason, Value
from gateway.lines.orders import ORDER_PATIENCE_S, Writing
from gateway.lines.plan import BIT_TABLES
from gateway.lines.unit import FUNCTION_OF, field_of, usable
from gateway.settings.line_model import DeviceSettings, TagSettings

# Types that fill half a register: the other half must stay as it is.
PART_OF_REGISTER = frozenset({"uint8", "int8"})

Modify = Callable[[bytes], Request]
Check = Callable[[bytes], tuple[bool, Value | None]]


def writing(device: DeviceSettings, tag: TagSettings, value: Value) -> Writing:
    """The order that writes a value to a tag.

    Raises:
        GatewayError: INVALID where the value cannot be coded as the tag's type.
    """
    field = field_of(tag, 0)
    multiple = device.write_function == "multiple"
    modify = None
    try:
        if tag.table in BIT_TABLES:
            if not isinstance(value, bool):
                raise _unfit(value, "a coil takes true or false")
            request = (
                write_coils(device.unit, tag.address, [value])
                if multiple
                else write_coil(device.unit, tag.address, value)
            )
        elif tag.bit is not None or tag.type in PART_OF_REGISTER:
            and_mask, or_mask = encode_mask(field, value)
            address = tag.address + mask_register(field)
            request = mask_write(device.unit, address, and_mask, or_mask)
            modify = _modification(device, address, and_mask, or_mask)
        else:
            registers = encode(field, value)
            single = len(registers) == 1 and not multiple
            request = (
                write_register(device.unit, tag.address, registers[0])
                if single
                else write_registers(device.unit, tag.address, registers)
            )
    except ValueError as error:
        raise _unfit(value, str(error)) from error
    return Writing(
        device.unit,
        request,
        trio.current_time() + ORDER_PATIENCE_S,
        read_back=_read(device, tag),
        reads_back=tag.readback,
        check=_check(tag, value),
        modify=modify,
    )


def _unfit(value: Value, reason: str) -> GatewayError:
    return invalid("value", reason, value)


def _read(device: DeviceSettings, tag: TagSettings) -> Request:
    make = read_bits if tag.table in BIT_TABLES else read_registers
    return make(device.unit, FUNCTION_OF[tag.table], tag.address, tag.length)


def _modification(device: DeviceSettings, address: int, and_mask: int, or_mask: int) -> tuple[Request, Modify]:
    def apply(payload: bytes) -> Request:
        # Modbus Application Protocol 1.1b3, 6.16: result = (current AND and_mask) OR (or_mask AND NOT and_mask).
        content = unpack_registers(payload)[0]
        content = (content & and_mask) | (or_mask & ~and_mask & 0xFFFF)
        if device.write_function == "multiple":
            return write_registers(device.unit, address, [content])
        return write_register(device.unit, address, content)

    return read_registers(device.unit, FUNCTION_OF["holding"], address, 1), apply


def _check(tag: TagSettings, value: Value) -> Check:
    bits = tag.table in BIT_TABLES
    field = field_of(tag, 0)
    codec = BlockCodec(tag.length, [field], bits=bits)

    def stands(payload: bytes, found: Value) -> bool:
        """Whether the registers hold what was written, whatever it is rounded to when it is read."""
        if bits:
            return found == value
        if tag.type == "string":
            # Padding is no part of a text: what is read has lost it.
            return found == str(value).strip(PADDING)
        registers = unpack_registers(payload)
        if tag.bit is not None or tag.type in PART_OF_REGISTER:
            and_mask, or_mask = encode_mask(field, value)
            return registers[mask_register(field)] & ~and_mask == or_mask
        return registers == encode(field, value)

    def check(payload: bytes) -> tuple[bool, Value | None]:
        """Compare on the wire's own grid: 20.04 written to a register of tenths reads back as 20.0 and is right."""
        found = usable(codec.decode(payload)[0])
        if isinstance(found, Reason):
            return False, None
        return stands(payload, found), found

    return check
