"""The options of ``ferrule token``."""

from __future__ import annotations

import argparse

from gateway.cli.main import add_state

# As OperatorTokens has it; what makes tokens is slow to import.
DEFAULT_TTL = 3600

EXAMPLES = """\
examples:
  ferrule token --scope devices:read
  FERRULE_TOKEN=$(ferrule token --scope "devices:read devices:write" --ttl 600)"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ferrule token``."""
    parser.epilog = EXAMPLES
    add_state(parser)
    parser.add_argument("--scope", required=True, help='what it allows, e.g. "devices:read devices:write"')
    parser.add_argument(
        "--ttl",
        type=int,
        default=DEFAULT_TTL,
        metavar="S",
        help=f"how long it is good, in seconds, at most a day (default {DEFAULT_TTL})",
    )
