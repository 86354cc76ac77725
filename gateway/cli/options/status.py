"""The options of ``ferrule status``."""

from __future__ import annotations

import argparse

from gateway.cli.options.connection import add_connection

EXAMPLES = """\
examples:
  ferrule status
  ferrule status --json | jq '.alerts'

exit codes: 0 the gateway answers, whatever it says; 6 it cannot be reached"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ferrule status``."""
    parser.epilog = EXAMPLES
    parser.add_argument("--json", action="store_true", help="as JSON")
    add_connection(parser)
