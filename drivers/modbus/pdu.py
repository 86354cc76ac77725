"""Requests, and the strict question whether a PDU is the reply to one (MAP sections 6 and 7)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from struct import pack

import msgspec

from drivers.modbus.lengths import reply_length

MOST_BITS_READ = 2000
MOST_REGISTERS_READ = 125
MOST_BITS_WRITTEN = 1968
MOST_REGISTERS_WRITTEN = 123
MOST_REGISTERS_WRITTEN_WITH_READ = 121

_SPACE = 0x10000
_EXCEPTION_NAMES = {
    1: "illegal_function",
    2: "illegal_data_address",
    3: "illegal_data_value",
    4: "server_device_failure",
    5: "acknowledge",
    6: "server_device_busy",
    8: "memory_parity_error",
    10: "gateway_path_unavailable",
    11: "gateway_target_failed_to_respond",
}


class Function(IntEnum):
    """The function codes a request can carry (MAP 5.1)."""

    READ_COILS = 1
    READ_DISCRETE_INPUTS = 2
    READ_HOLDING_REGISTERS = 3
    READ_INPUT_REGISTERS = 4
    WRITE_SINGLE_COIL = 5
    WRITE_SINGLE_REGISTER = 6
    DIAGNOSTICS = 8
    WRITE_MULTIPLE_COILS = 15
    WRITE_MULTIPLE_REGISTERS = 16
    MASK_WRITE_REGISTER = 22
    READ_WRITE_MULTIPLE_REGISTERS = 23
    READ_FIFO_QUEUE = 24
    ENCAPSULATED_INTERFACE = 43


@dataclass(frozen=True, slots=True)
class Request:
    """A PDU to send, together with what its reply must look like.

    Immutable: one object serves every poll of a block. Made by the functions below and by `rare`.

    Attributes:
        unit: 0..255; 0 is broadcast on a serial line, where no reply comes.
        pdu: Function code and data.
        reply_size: Bytes of the normal reply PDU; 0 when only the reply itself tells (functions 24 and 43).
        echo: What the normal reply PDU must start with: function and byte count for reads, all of it
            for writes.
        writes: Whether the request changes the device.
        payload_at: Where in the normal reply PDU the payload begins.
    """

    unit: int
    pdu: bytes
    reply_size: int
    echo: bytes
    writes: bool
    payload_at: int = 1

    @property
    def function(self) -> int:
        """The function code."""
        return self.pdu[0]

    @property
    def broadcast(self) -> bool:
        """Whether every unit of a serial line takes this request and none replies (MSL 2.1)."""
        return self.unit == 0


class Data(msgspec.Struct, frozen=True):
    """The normal reply: register or bit bytes as on the wire, `b""` for a confirmed write."""

    payload: bytes


class Refusal(msgspec.Struct, frozen=True):
    """An exception reply (MAP 7): the device is alive and said no. A value, not a Python exception."""

    code: int

    @property
    def name(self) -> str:
        """The exception code in words, `exception_<code>` for codes the specification does not name."""
        return _EXCEPTION_NAMES.get(self.code) or f"exception_{self.code}"


def match(request: Request, pdu: bytes) -> Data | Refusal | None:
    """Say what `pdu` answers to `request`; None when it cannot be the reply to it.

    Function, exact size, byte count and the echoed part of a write must agree; an exception reply is
    exactly two bytes and repeats the function of the request.
    """
    size = len(pdu)
    if pdu.startswith(request.echo) and size == (request.reply_size or reply_length(pdu)):
        return Data(pdu[request.payload_at :])
    if size == 2 and pdu[0] == request.pdu[0] | 0x80 and pdu[1]:
        return Refusal(pdu[1])
    return None


def read_bits(unit: int, function: int, address: int, count: int) -> Request:
    """Build functions 1 and 2: read 1..2000 coils or discrete inputs (MAP 6.1, 6.2).

    Raises:
        ValueError: A number is outside what the specification allows; the text says which and the range.
    """
    if function not in {Function.READ_COILS, Function.READ_DISCRETE_INPUTS}:
        raise ValueError(f"function {function} does not read bits: use 1 (coils) or 2 (discrete inputs)")
    _check_range(unit, address, count, MOST_BITS_READ)
    size = (count + 7) // 8
    return Request(unit, pack(">BHH", function, address, count), 2 + size, bytes((function, size)), False, 2)


def read_registers(unit: int, function: int, address: int, count: int) -> Request:
    """Build functions 3 and 4: read 1..125 holding or input registers (MAP 6.3, 6.4).

    Raises:
        ValueError: A number is outside what the specification allows; the text says which and the range.
    """
    if function not in {Function.READ_HOLDING_REGISTERS, Function.READ_INPUT_REGISTERS}:
        raise ValueError(f"function {function} does not read registers: use 3 (holding) or 4 (input)")
    _check_range(unit, address, count, MOST_REGISTERS_READ)
    size = 2 * count
    return Request(unit, pack(">BHH", function, address, count), 2 + size, bytes((function, size)), False, 2)


def write_coil(unit: int, address: int, on: bool) -> Request:  # noqa: FBT001 - the value itself
    """Build function 5: switch one coil (MAP 6.5). Raises ValueError like `read_bits`."""
    _check_range(unit, address, 1, 1)
    return _write(unit, pack(">BHH", Function.WRITE_SINGLE_COIL, address, 0xFF00 if on else 0))


def write_register(unit: int, address: int, value: int) -> Request:
    """Build function 6: write one holding register (MAP 6.6). Raises ValueError like `read_bits`."""
    _check_range(unit, address, 1, 1)
    _check_words("value", (value,))
    return _write(unit, pack(">BHH", Function.WRITE_SINGLE_REGISTER, address, value))


def write_coils(unit: int, address: int, bits: Sequence[bool]) -> Request:
    """Build function 15: switch 1..1968 coils (MAP 6.11). Raises ValueError like `read_bits`."""
    count = len(bits)
    _check_range(unit, address, count, MOST_BITS_WRITTEN)
    head = pack(">BHH", Function.WRITE_MULTIPLE_COILS, address, count)
    packed = sum(1 << index for index, bit in enumerate(bits) if bit)
    size = (count + 7) // 8
    return _write(unit, head + bytes((size,)) + packed.to_bytes(size, "little"), head)


def write_registers(unit: int, address: int, values: Sequence[int]) -> Request:
    """Build function 16: write 1..123 holding registers (MAP 6.12). Raises ValueError like `read_bits`."""
    count = len(values)
    _check_range(unit, address, count, MOST_REGISTERS_WRITTEN)
    _check_words("value", values)
    head = pack(">BHH", Function.WRITE_MULTIPLE_REGISTERS, address, count)
    return _write(unit, head + pack(f">B{count}H", 2 * count, *values), head)


def mask_write(unit: int, address: int, and_mask: int, or_mask: int) -> Request:
    """Build function 22: register = (register & and_mask) | (or_mask & ~and_mask) (MAP 6.16).

    Raises:
        ValueError: A number is outside what the specification allows; the text says which and the range.
    """
    _check_range(unit, address, 1, 1)
    _check_words("mask", (and_mask, or_mask))
    return _write(unit, pack(">BHHH", Function.MASK_WRITE_REGISTER, address, and_mask, or_mask))


def read_write_registers(
    unit: int, read_address: int, read_count: int, write_address: int, values: Sequence[int]
) -> Request:
    """Build function 23: write 1..121 holding registers, then read 1..125 of them (MAP 6.17).

    Raises:
        ValueError: A number is outside what the specification allows; the text says which and the range.
    """
    count = len(values)
    _check_range(unit, read_address, read_count, MOST_REGISTERS_READ)
    _check_range(unit, write_address, count, MOST_REGISTERS_WRITTEN_WITH_READ)
    _check_words("value", values)
    function = Function.READ_WRITE_MULTIPLE_REGISTERS
    pdu = pack(f">BHHHHB{count}H", function, read_address, read_count, write_address, count, 2 * count, *values)
    size = 2 * read_count
    return Request(unit, pdu, 2 + size, bytes((function, size)), True, 2)


def check_unit(unit: int) -> None:
    """Raise ValueError unless `unit` fits the one byte it has on the wire."""
    if not 0 <= unit <= 0xFF:
        raise ValueError(f"unit {unit} is outside 0..255")


def check_address(address: int) -> None:
    """Raise ValueError unless `address` is a zero-based Modbus address."""
    if not 0 <= address < _SPACE:
        raise ValueError(f"address {address} is outside 0..65535")


def _write(unit: int, pdu: bytes, echo: bytes | None = None) -> Request:
    echo = echo or pdu
    return Request(unit, pdu, len(echo), echo, True, len(echo))


def _check_range(unit: int, address: int, count: int, most: int) -> None:
    check_unit(unit)
    check_address(address)
    if not 1 <= count <= most:
        raise ValueError(f"count {count} is outside 1..{most}")
    if address + count > _SPACE:
        raise ValueError(f"address {address} with count {count} goes beyond 65535")


def _check_words(what: str, values: Sequence[int]) -> None:
    for value in values:
        if not 0 <= value <= 0xFFFF:
            raise ValueError(f"{what} {value} does not fit a register: 0..65535")
