"""The options of ``ferrule run``."""

from __future__ import annotations

import argparse
from pathlib import Path

from gateway.cli.main import DEFAULT_CONFIG, add_state

EXAMPLES = """\
examples:
  ferrule run                                              as the service does it
  ferrule run --config ferrule.toml --state state"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ferrule run``."""
    parser.epilog = EXAMPLES
    parser.add_argument(
        "--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE", help=f"configuration (default {DEFAULT_CONFIG})"
    )
    add_state(parser)
