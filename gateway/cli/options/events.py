"""The options of ``ferrule events``."""

from __future__ import annotations

import argparse

from gateway.cli.options.connection import add_connection

FEW_ROWS = 50

EXAMPLES = """\
examples:
  ferrule events                                           of the last hour, the newest 50
  ferrule events --since 1d --type 'alarm:*' --all
  ferrule events --follow --type 'device:*'                and go on until Ctrl-C
  ferrule events --json --follow | jq -r '.data.message // empty'

Shown is what the gateway keeps, and so no tag:changed unless a webhook wants it. docs/events.md has all types."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ferrule events``."""
    parser.epilog = EXAMPLES
    parser.add_argument("--since", default="1h", metavar="T", help="so long ago (1h, 7d), or a time (default 1h)")
    parser.add_argument("--type", metavar="PATTERN", help="only types that fit: alarm:raised, 'device:*'")
    parser.add_argument("--all", action="store_true", help=f"all of them, instead of the newest {FEW_ROWS}")
    parser.add_argument("--follow", action="store_true", help="go on until Ctrl-C")
    parser.add_argument("--json", action="store_true", help="as JSON, one object a line")
    add_connection(parser)
