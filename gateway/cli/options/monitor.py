"""The options of ``ferrule monitor``."""

from __future__ import annotations

import argparse
from pathlib import Path

from gateway.cli.options.connection import add_connection
from gateway.cli.options.numbers import MOST_UNIT, whole
from gateway.cli.options.seconds import seconds
from gateway.cli.options.serial import add_serial

EXAMPLES = """\
examples:
  ferrule monitor boiler                           a line of the running gateway, which goes on polling
  ferrule monitor boiler --unit 3 --errors         what goes wrong with one unit
  ferrule monitor boiler --save boiler.pcapng      for Wireshark, which decodes it as it is
  ferrule monitor --port /dev/ttyUSB0 --baudrate 9600 --parity even
                                                   listen where another master talks; nothing is sent

Ctrl-C ends it and sums up. Bytes are shown as on the wire, with unit and checksum.

exit codes: 0 ended, 1 the port or the line cannot be had"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ferrule monitor``."""
    parser.epilog = EXAMPLES
    parser.add_argument("line", nargs="?", metavar="LINE", help="a line of the running gateway")
    parser.add_argument("--port", metavar="DEVICE", help="a serial port that the gateway does not own, to listen on")
    parser.add_argument(
        "--unit",
        type=whole(0, MOST_UNIT, "a unit"),
        action="append",
        default=[],
        metavar="N",
        help="only this unit; repeat",
    )
    parser.add_argument("--errors", action="store_true", help="only damage, silence and refusals")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write a capture (pcapng); never over a file")
    parser.add_argument("--seconds", type=seconds(0.1), metavar="S", help="end after so long")
    parser.add_argument("--json", action="store_true", help="one object a line")
    add_serial(parser)
    add_connection(parser)
