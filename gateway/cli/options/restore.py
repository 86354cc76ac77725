"""The options of ``ferrule restore``."""

from __future__ import annotations

import argparse
from pathlib import Path

from gateway.cli.main import DEFAULT_CONFIG, add_state

EXAMPLES = """\
examples:
  ferrule restore boiler-room.backup --check               only say what it holds, and whether it is sound
  systemctl stop ferrule && ferrule restore boiler-room.backup && systemctl start ferrule
  ferrule restore before-update.backup --state state --config ferrule.toml

What was there is kept: the state in before-restore-DATE of the state directory, each file of the configuration that
differs beside the new one. A backup of an older version is taken over when the gateway starts; one of a newer version
is refused. What was revoked or rotated after the backup was made counts again: ferrule keys rotate --end-all ends it,
and then agents are enrolled again."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ferrule restore``."""
    parser.epilog = EXAMPLES
    parser.add_argument("file", type=Path, metavar="FILE", help="the backup")
    parser.add_argument("--check", action="store_true", help="compare it with its manifest, and change nothing")
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--config",
        type=Path,
        default=DEFAULT_CONFIG,
        metavar="FILE",
        help=f"where the configuration goes; profiles go beside it (default {DEFAULT_CONFIG})",
    )
    where.add_argument("--keep-config", action="store_true", help="leave the configuration as it is")
    parser.add_argument("--json", action="store_true", help="print the manifest, and what was done, as JSON")
    add_state(parser)
