"""The options that say how a port is set."""

from __future__ import annotations

import argparse

from gateway.cli.options.numbers import LEAST_RATE, MOST_RATE, whole

SERIAL_OPTIONS = ("baudrate", "parity", "bytesize", "stopbits", "echo", "ascii", "rtu_over_tcp")


def add_serial(parser: argparse.ArgumentParser) -> None:
    """How a serial port is set."""
    group = parser.add_argument_group("how the port is set")
    rate = whole(LEAST_RATE, MOST_RATE, "a rate")
    group.add_argument("--baudrate", type=rate, metavar="N", help="bits a second")
    group.add_argument("--parity", choices=("none", "even", "odd"), help="parity bit")
    group.add_argument("--bytesize", type=int, choices=(7, 8), help="data bits; RTU has 8, ASCII mostly 7")
    group.add_argument("--stopbits", type=int, choices=(1, 2), help="default 2 without parity, else 1")
    group.add_argument("--echo", action="store_true", help="the adapter echoes what is sent")
    framing = group.add_mutually_exclusive_group()
    framing.add_argument("--ascii", action="store_true", help="the port speaks Modbus ASCII (7E1 unless said), not RTU")
    framing.add_argument("--rtu-over-tcp", action="store_true", help="the address speaks RTU, not Modbus TCP")
