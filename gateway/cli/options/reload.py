"""The options of ``ferrule reload``."""

from __future__ import annotations

import argparse
from pathlib import Path

from gateway.cli.main import add_state

EXAMPLES = """\
examples:
  ferrule check /etc/ferrule/ferrule.toml && ferrule reload
  ferrule reload --state state"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ferrule reload``."""
    parser.epilog = EXAMPLES
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="refuse unless the gateway was started with this file"
    )
    add_state(parser)
