"""The options of ``ferrule token``."""

from __future__ import annotations

import argparse

from gateway.cli.options.connection import add_connection

# As OperatorTokens has it; what makes tokens is slow to import.
DEFAULT_TTL = 3600

EXAMPLES = """\
examples:
  ferrule token --scope devices:read
  FERRULE_TOKEN=$(ferrule token --scope "devices:read devices:write" --ttl 600)
  ferrule token --scope devices:write --name night-shift    the audit log says operator:night-shift
  ferrule token revoke 9xTq2mVb0aYc1dEf                     as ferrule audit list --json has it beside who called
  ferrule token revoke --all                                every token of an operator"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ferrule token``."""
    parser.epilog = EXAMPLES
    parser.add_argument("act", nargs="?", choices=["revoke"], help="end a token instead of making one")
    parser.add_argument("which", nargs="?", metavar="ID", help="of revoke: the token's id (jti), or the token")
    parser.add_argument("--scope", help='what it allows, e.g. "devices:read devices:write"')
    parser.add_argument(
        "--ttl",
        type=int,
        default=DEFAULT_TTL,
        metavar="S",
        help=f"how long it is good, in seconds, at most a day (default {DEFAULT_TTL})",
    )
    parser.add_argument("--name", help="whom the audit log tells of (default: the user of the system)")
    parser.add_argument("--all", action="store_true", help="of revoke: all tokens of operators")
    parser.add_argument("--json", action="store_true", help="of revoke: as JSON")
    add_connection(parser)
