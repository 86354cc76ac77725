"""The options of ``ferrule scan``."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from gateway.cli.options.connection import add_connection
from gateway.cli.options.seconds import seconds
from gateway.cli.options.serial import add_serial
from gateway.field.scan_usual import LISTEN_S, PATIENCE_S

_RANGE = re.compile(r"(\d+)(?:-(\d+))?")

EXAMPLES = """\
examples:
  ferrule scan /dev/serial/by-id/usb-FTDI-if00     all usual rates and parities, units 1 to 247
  ferrule scan /dev/ttyAMA0 --baudrate 19200 --parity even --units 1-32
  ferrule scan /dev/ttyUSB0 --ascii --units 1-32   Modbus ASCII, 7E1 first
  ferrule scan 192.168.1.10:502                    the units behind a Modbus TCP server
  ferrule scan boiler                              a line of the running gateway, which pauses meanwhile
  ferrule scan /dev/ttyUSB0 --write found.toml     a configuration to begin with

It listens first: where another master talks it says so and asks nothing. Then each unit is sent one read of holding
register 0, which changes nothing. Ctrl-C ends it; what was found is shown.

exit codes: 0 devices found, 1 none or the port cannot be had, 8 found, but something is wrong; 130 broken off"""


def _units(text: str) -> list[int]:
    units: list[int] = []
    for part in text.split(","):
        found = _RANGE.fullmatch(part.strip())
        if found is None:
            raise argparse.ArgumentTypeError(f'"{text}" are no units: write them as 1-32,40')
        low, high = int(found[1]), int(found[2] or found[1])
        if not 1 <= low <= high <= 255:
            raise argparse.ArgumentTypeError(f"{part}: units are 1 to 247, behind TCP to 255")
        units.extend(range(low, high + 1))
    return list(dict.fromkeys(units))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ferrule scan``."""
    parser.epilog = EXAMPLES
    parser.add_argument("place", metavar="PLACE", help="port, HOST[:PORT], or a line of the running gateway")
    parser.add_argument("--units", type=_units, default=list(range(1, 248)), metavar="LIST", help="default 1-247")
    parser.add_argument(
        "--timeout-per-unit", type=seconds(0.01, 60), default=PATIENCE_S, metavar="S", help=f"default {PATIENCE_S:g} s"
    )
    parser.add_argument(
        "--listen",
        type=seconds(0, 3600),
        default=LISTEN_S,
        metavar="S",
        help=f"seconds to listen first (default {LISTEN_S:g})",
    )
    parser.add_argument("--every-setting", action="store_true", help="go on with other rates after devices were found")
    parser.add_argument("--disturb", action="store_true", help="ask although another master talks")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write a configuration; never over a file")
    parser.add_argument("--name", default="bus", metavar="NAME", help="what it calls the line (default bus)")
    parser.add_argument("--json", action="store_true", help="as JSON")
    add_serial(parser)
    add_connection(parser)
