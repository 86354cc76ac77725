"""The options of ``ferrule check``."""

from __future__ import annotations

import argparse
from pathlib import Path

from gateway.cli.options.connection import add_connection

EXAMPLES = """\
examples:
  ferrule check ferrule.toml
  ferrule check --blocks ferrule.toml                      every request, what it costs, and all its tags
  ferrule check --bus ferrule.toml                         ask each device for each tag: value or reason

exit codes: 0 it can be run, 2 it cannot, with FILE:LINE:COLUMN of every mistake; 8 with --bus: a tag has no value"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ferrule check``."""
    parser.epilog = EXAMPLES
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="the configuration; docs/configuration.md says its keys"
    )
    parser.add_argument("--blocks", action="store_true", help="also show every request, what it costs and all its tags")
    parser.add_argument(
        "--bus",
        action="store_true",
        help="try every tag on the wire, through the running gateway where it has the line; else nothing is touched",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--quiet", action="store_true", help="only say what is wrong")
    form.add_argument("--json", action="store_true", help="as JSON, with every request")
    add_connection(parser)
