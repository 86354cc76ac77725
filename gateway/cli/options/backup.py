"""The options of ``ferrule backup``."""

from __future__ import annotations

import argparse
from pathlib import Path

from gateway.cli.main import DEFAULT_CONFIG, add_state

EXAMPLES = """\
examples:
  ferrule backup /media/stick/boiler-room.backup           also while the gateway runs
  ferrule backup before-update.backup --state state --config ferrule.toml

The file holds the keys of the gateway: who has it can issue tokens. Its mode is 0600; keep it so.
It is read again and compared before it gets its name. ferrule restore puts it back, also onto a newer version."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ferrule backup``."""
    parser.epilog = EXAMPLES
    parser.add_argument("file", type=Path, metavar="FILE", help="the backup to make; nothing may be there")
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help=f"the configuration (default: that of the gateway that runs, else {DEFAULT_CONFIG} if it is there)",
    )
    parser.add_argument("--json", action="store_true", help="print the manifest as JSON")
    add_state(parser)
