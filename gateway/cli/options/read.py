"""The options of ``ferrule read``."""

from __future__ import annotations

import argparse

from gateway.cli.options.connection import add_connection
from gateway.cli.options.seconds import DAY_S, seconds
from gateway.cli.raw_place import add_raw_place
from gateway.field.registers import TYPES

DEFAULT_WATCH_S = 1.0

LEAST_WATCH_S = 0.1

EXAMPLES = """\
examples:
  ferrule read                                     all tags
  ferrule read boiler/meter                        all tags of a device
  ferrule read 'boiler/*/temperature' --watch      again every second, until Ctrl-C
  ferrule read --bad                               only what is not good, and why
  ferrule read boiler/meter/voltage --raw          with both notations of its address and its registers
  ferrule read --line boiler --unit 3 --modicon 40108 --count 4 --type float32

exit codes: 0 all values are good or uncertain, 8 one is bad; docs/cli.md says the others"""


def _pause(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f'"{text}" is no number of seconds; put the tags in front of --watch'
        ) from None
    if not LEAST_WATCH_S <= seconds <= DAY_S:
        raise argparse.ArgumentTypeError(f"at least {LEAST_WATCH_S:g} s, and at most a day")
    return seconds


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ferrule read``."""
    parser.epilog = EXAMPLES
    parser.add_argument("tag", nargs="*", metavar="TAG", help="line/device/tag, a pattern, a device or a line")
    parser.add_argument("--json", action="store_true", help="as JSON; with --watch one object a line")
    parser.add_argument(
        "--watch",
        type=_pause,
        nargs="?",
        const=DEFAULT_WATCH_S,
        metavar="SECONDS",
        help="again and again (default every second)",
    )
    parser.add_argument("--bad", action="store_true", help="only readings that are not good")
    parser.add_argument("--raw", action="store_true", help="with address, request and reply of each tag")
    parser.add_argument("--max-age", type=seconds(), metavar="S", help="ask the device for what is older")
    add_raw_place(parser)
    parser.add_argument("--count", type=int, metavar="C", help="how many registers or coils (default: one value)")
    parser.add_argument("--type", choices=TYPES, default=None, metavar="T", help=f"one of {', '.join(TYPES)}")
    for order in ("word", "byte"):
        parser.add_argument(f"--{order}-order", choices=("big", "little"), default="big", help="default big")
    add_connection(parser)
