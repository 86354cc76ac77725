"""The options of ``ferrule decode``."""

from __future__ import annotations

import argparse

from gateway.cli.options.connection import add_connection
from gateway.cli.options.seconds import seconds
from gateway.cli.options.serial import add_serial
from gateway.field.decode import TYPES

EXAMPLES = """\
examples:
  ferrule decode 4366 199A                         registers as hexadecimal
  ferrule decode 199A 4366 / 1A02 4366             the same registers, read twice: / parts the reads
  ferrule decode --line boiler --unit 3 --modicon 30001 --count 12 --repeat 5
  ferrule decode --port /dev/serial/by-id/usb-FTDI-if00 --baudrate 9600 --unit 3 --modicon 40108 --count 4
  ferrule decode --port 192.168.1.10:502 --unit 1 --table input --address 0 --count 20 --type float32

Reading several times while values move makes the answer surer: what is read in the wrong order jumps."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ferrule decode``."""
    parser.epilog = EXAMPLES
    parser.add_argument("hex", nargs="*", metavar="HEX", help="registers as four hexadecimal digits each")
    place = parser.add_argument_group("where to read them, if they are not given")
    place.add_argument("--line", metavar="NAME", help="a line of the running gateway")
    place.add_argument("--port", metavar="PLACE", help="a port or HOST:PORT that the gateway does not own")
    place.add_argument("--unit", type=int, metavar="N", help="the unit on it")
    place.add_argument("--table", choices=("holding", "input"), help="the Modbus table (default holding)")
    place.add_argument("--address", metavar="A", help="from zero, as on the wire: 107 or 0x6B")
    place.add_argument("--modicon", metavar="M", help="the number of a manual instead of table and address: 40108")
    place.add_argument("--count", type=int, default=10, metavar="C", help="how many registers (default 10)")
    place.add_argument("--repeat", type=int, default=1, metavar="N", help="read so many times (default 1)")
    place.add_argument("--every", type=seconds(), default=1.0, metavar="S", help="seconds between reads (default 1)")
    parser.add_argument(
        "--type", action="append", choices=TYPES, default=[], metavar="T", help=f"known to be one of {', '.join(TYPES)}"
    )
    parser.add_argument("--all", action="store_true", help="every type and order at every register")
    parser.add_argument("--json", action="store_true", help="as JSON")
    add_serial(parser)
    add_connection(parser)
