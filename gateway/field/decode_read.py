"""Reads registers from a port that the gateway does not own, once or several times in a row."""

from __future__ import annotations

import trio

from drivers.modbus.pdu import Data, Refusal, read_registers
from drivers.modbus.unpacking import unpack_registers
from gateway.field.address import READ_FUNCTION, Address
from gateway.field.decode import Shot
from gateway.field.scan_bus import Heard, LineLostError, OpenPort, bus_on, open_here, port_of
from gateway.lines.health import CAUSE_WORDS
from gateway.settings.line_model import LineSettings

ILLEGAL_ADDRESS = 2


class ReadError(Exception):
    """There are no registers to be had; the text says why and what to do."""


async def read_port(
    line: LineSettings,
    unit: int,
    first: Address,
    *,
    count: int,
    repeat: int,
    every: float,
    opener: OpenPort = open_here,
) -> list[Shot]:
    """Read the same registers ``repeat`` times, ``every`` seconds.

    Raises:
        ReadError: the port cannot be had, or the unit does not answer.
    """
    request = read_registers(unit, READ_FUNCTION[first.table], first.wire, count)
    shots: list[Shot] = []
    try:
        async with port_of(line, opener) as port:
            bus = bus_on(line, port)
            for number in range(repeat):
                if number:
                    await trio.sleep(every)
                heard = await bus.ask(request, line.timeout)
                if not isinstance(heard.answer, Data):
                    missing = isinstance(heard.answer, Refusal) and heard.answer.code == ILLEGAL_ADDRESS
                    raise ReadError(
                        f"{port.name}, unit {unit}, {first}: {say(heard)}{where_missing(count) if missing else ''}"
                    )
                shots.append(tuple(unpack_registers(heard.answer.payload)))
    except LineLostError as lost:
        busy = ". If it is the gateway's: --line NAME reads through it" if lost.busy else ""
        raise ReadError(f"{lost}{busy}") from None
    return shots


def where_missing(count: int) -> str:
    """What to do when a read was refused because of its addresses."""
    fewer = f"One of the {count} registers is not there: read fewer (--count), or" if count > 1 else "Try"
    return f". {fewer} another table (holding or input)"


def say(heard: Heard) -> str:
    """Why there is no data, in words."""
    if isinstance(heard.answer, Refusal):
        return f"the device refused: {heard.answer.name.replace('_', ' ')}"
    return "; ".join(CAUSE_WORDS[cause] for cause in dict.fromkeys(heard.causes)) or "no answer"


def from_hex(text: str) -> Shot:
    """Registers as a technician writes them: ``4366 199A``, ``0x4366,0x199A``.

    Raises:
        ValueError: it is not whole registers.
    """
    digits = text.replace("0x", "").replace(",", " ").replace(" ", "")
    try:
        data = bytes.fromhex(digits)
    except ValueError:
        data = b""
    if not data or len(data) % 2:
        raise ValueError(f'"{text.strip()}" are no registers: four hexadecimal digits each, such as 4366 199A')
    return tuple(unpack_registers(data))
