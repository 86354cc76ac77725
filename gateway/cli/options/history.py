"""The options of ``ferrule history``."""

from __future__ import annotations

import argparse

from gateway.cli.options.connection import add_connection
from gateway.cli.options.seconds import seconds

FEW_ROWS = 20
DEFAULT_WATCH_S, LEAST_WATCH_S = 2.0, 0.5

EXAMPLES = """\
examples:
  ferrule history boiler/meter/voltage                          the last hour
  ferrule history boiler/meter/voltage --since 1d --resolution 15m
  ferrule history boiler/meter/voltage --since 10m --watch      the last ten minutes, until Ctrl-C
  ferrule history boiler/meter/energy --since 2026-11-01T00:00:00Z --until 2026-11-08T00:00:00Z --csv > energy.csv

A resolution sums up stretches of that length: value is their mean."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ferrule history``."""
    parser.epilog = EXAMPLES
    parser.add_argument("tag", metavar="TAG", help="line/device/tag")
    parser.add_argument("--since", default="1h", metavar="T", help="so long ago (1h, 7d), or a time (default 1h)")
    parser.add_argument("--until", metavar="T", help="the same (default now)")
    parser.add_argument("--resolution", metavar="D", help="sum up, such as 1m or 1h")
    parser.add_argument("--all", action="store_true", help=f"all rows; by default a terminal gets the last {FEW_ROWS}")
    parser.add_argument(
        "--watch",
        type=seconds(LEAST_WATCH_S),
        nargs="?",
        const=DEFAULT_WATCH_S,
        metavar="SECONDS",
        help=f"again and again (default every {DEFAULT_WATCH_S:g} s); as CSV and JSON what is new, one object a line",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="as CSV (RFC 4180)")
    form.add_argument("--json", action="store_true", help="as JSON")
    add_connection(parser)
