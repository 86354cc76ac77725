"""The options of ``ferrule doctor``."""

from __future__ import annotations

import argparse
from pathlib import Path

from gateway.cli.main import DEFAULT_CONFIG
from gateway.cli.options.connection import add_connection

EXAMPLES = """\
examples:
  sudo ferrule doctor                              everything, of the installed gateway
  ferrule doctor --config plant.toml --state var/plant
  ferrule doctor --json

It reads only. As root it sees more: who owns a port, and whether the gateway runs.

exit codes: 0 nothing is wrong (warnings are told), 1 there is a fault, or --strict and a warning"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ferrule doctor``."""
    parser.epilog = EXAMPLES
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help=f"the configuration (default: that of the running gateway, else {DEFAULT_CONFIG})",
    )
    parser.add_argument("--strict", action="store_true", help="a warning counts as a fault")
    parser.add_argument("--json", action="store_true", help="as JSON")
    add_connection(parser)
