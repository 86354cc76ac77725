"""The options of ``ferrule write``."""

from __future__ import annotations

import argparse

from gateway.cli.options.connection import add_connection
from gateway.cli.options.seconds import seconds
from gateway.cli.raw_place import add_raw_place

# What the gateway takes; its own word for that would load the lines.
SHORTEST_LEASE_S = 1.0

EXAMPLES = """\
examples:
  ferrule write boiler/drive/setpoint 42.5
  ferrule write boiler/drive/setpoint 42.5 --lease 60      goes back to its safe value after a minute
  ferrule write boiler/relays/pump on
  ferrule write --line boiler --unit 3 --modicon 40108 --yes 17 0x00FF

exit codes: 0 confirmed, 3 refused (by device or gateway), 4 not_sent, 5 unknown: it was sent and nobody knows"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ferrule write``."""
    parser.epilog = EXAMPLES
    parser.add_argument(
        "words",
        nargs="+",
        metavar="TAG VALUE",
        help="a tag and its value in engineering units; of registers only values",
    )
    parser.add_argument(
        "--lease",
        type=seconds(SHORTEST_LEASE_S),
        metavar="S",
        help="seconds until the safe value of the tag follows (1 to 86400), or a duration: 90s, 1h",
    )
    parser.add_argument("--json", action="store_true", help="the outcome as JSON")
    add_raw_place(parser)
    parser.add_argument("--yes", action="store_true", help="needed to write registers: no limits of a tag protect them")
    add_connection(parser)
