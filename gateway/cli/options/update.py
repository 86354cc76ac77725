"""The options of ``ferrule update``."""

from __future__ import annotations

import argparse
from pathlib import Path

from gateway.cli.main import DEFAULT_CONFIG
from gateway.cli.options.connection import add_connection

EXAMPLES = """\
examples:
  sudo ferrule update ferrule.raucb
  ferrule update --status
  sudo ferrule update older.raucb --allow-older --later

For boards that were flashed with the SD image. The bundle is written to the slot that does not run, read back, and
started once. The new system is kept when it has served for two minutes and devices answer again on every line where
they did before, for which it has 15 minutes; otherwise, and when the power goes off before, the board starts what it
ran until now. State and configuration are saved before: /var/lib/ferrule-backups/before-update.backup.

exit codes: 0 done, 1 it failed and the board goes on as it is, 2 the bundle is not taken: its words say why"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ferrule update``."""
    parser.epilog = EXAMPLES
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("file", type=Path, nargs="?", metavar="FILE", help="the bundle, such as ferrule.raucb")
    what.add_argument("--status", action="store_true", help="what runs, and what became of the last update")
    # What units of the image call.
    for name in ("wanted", "ended", "prove", "settle"):
        what.add_argument(f"--{name}", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--later", action="store_true", help="do not restart the board: its next start tries it")
    parser.add_argument("--allow-older", action="store_true", help="take a system that is older than the one that runs")
    parser.add_argument("--json", action="store_true", help="of --status: for programs")
    parser.add_argument(
        "--config",
        type=Path,
        default=DEFAULT_CONFIG,
        metavar="FILE",
        help="the configuration that is saved before (default: %(default)s)",
    )
    add_connection(parser)
