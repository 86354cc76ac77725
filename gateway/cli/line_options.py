"""The line that a place and its options describe, for tools that work without the gateway."""

from __future__ import annotations

import argparse

from gateway.cli.main import WRONG, CommandError
from gateway.cli.options.serial import SERIAL_OPTIONS
from gateway.settings.line_model import LineSettings, Parity, Transport

MODBUS_PORT = 502


def refuse_serial(arguments: argparse.Namespace, place: str) -> None:
    """A line of the gateway is set as its configuration says: what is said otherwise would be ignored.

    Raises:
        CommandError: something is.
    """
    said = [name for name in SERIAL_OPTIONS if getattr(arguments, name) not in {None, False}]
    if said:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in said)
        raise CommandError(
            f"{place} is set as the gateway's configuration says: leave {options} out, or name the port while no "
            "gateway has it",
            WRONG,
        )


def is_place(text: str) -> bool:
    """Whether a word is a device path or an address, and not the name of a line."""
    return "/" in text or ":" in text or text == "localhost" or text.count(".") == 3


def line_of(place: str, arguments: argparse.Namespace) -> LineSettings:
    """The line a place and the options describe.

    Args:
        place: device path, or ``HOST`` or ``HOST:PORT``.
        arguments: of ``add_serial``.

    Raises:
        CommandError: it is neither, or the options do not fit it.
    """
    if "/" in place:
        usual: Parity = "even" if arguments.ascii else "none"
        parity: Parity = arguments.parity or usual
        if not arguments.ascii and arguments.bytesize == 7:
            raise CommandError("RTU needs 8 data bits: leave --bytesize out, or add --ascii", WRONG)
        return LineSettings(
            name="tool",
            transport="ascii" if arguments.ascii else "rtu",
            port=place,
            baudrate=arguments.baudrate or 19200,
            bytesize=arguments.bytesize or (7 if arguments.ascii else 8),
            parity=parity,
            stopbits=arguments.stopbits or (2 if parity == "none" else 1),
            echo=arguments.echo,
        )
    if arguments.ascii:
        raise CommandError("--ascii is for serial ports: Modbus ASCII over a network is not known here", WRONG)
    host, _, port = place.rpartition(":") if place.count(":") == 1 else (place, "", str(MODBUS_PORT))
    if not port.isascii() or not port.isdecimal() or not 0 < int(port) <= 0xFFFF:
        raise CommandError(f'"{place}" is no address: write HOST or HOST:PORT, such as 192.168.1.10:502', WRONG)
    transport: Transport = "rtu-over-tcp" if arguments.rtu_over_tcp else "tcp"
    return LineSettings(name="tool", transport=transport, host=host, tcp_port=int(port))
