"""The options of ``ferrule audit``."""

from __future__ import annotations

import argparse
from pathlib import Path

from gateway.cli.main import add_state

FEW_ROWS = 50

EXAMPLES = """\
examples:
  ferrule audit list                                    the newest 50 entries
  ferrule audit list --since 1d --action write          writes of the last day, by tags and by registers
  ferrule audit list --who 192.168.1.77 --all
  ferrule audit list --since 2026-11-01T00:00:00Z --json > audit.json
  ferrule audit verify                                  is the log as it was written?
  ferrule audit verify --head 8192:5f0c...              and does it still hold this row, told by the gateway's log?
  ferrule audit verify --database /media/stick/audit.db a copy, with the key of this gateway

Both only read, and work while the gateway runs. verify needs the gateway's root.key; it ends with 0, or with 1 and the
number of the first row that is not as it was written."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ferrule audit``."""
    parser.epilog = EXAMPLES
    actions = parser.add_subparsers(dest="act", metavar="ACTION", required=True)
    listed = actions.add_parser("list", help="who did what", description="Who did what, the newest last.")
    listed.add_argument("--since", metavar="T", help="so long ago (1h, 7d), or a time")
    listed.add_argument("--until", metavar="T", help="the same")
    listed.add_argument("--who", metavar="TEXT", help="whose name, token or address has this in it")
    listed.add_argument("--action", metavar="TEXT", help="whose action has this in it: write, auth, agent.revoke")
    listed.add_argument("--outcome", choices=("done", "denied", "failed", "unknown"), help="that ended like this")
    listed.add_argument("--all", action="store_true", help=f"all of them, instead of the newest {FEW_ROWS}")
    verified = actions.add_parser(
        "verify", help="whether it is as it was written", description="Whether the audit log is as it was written."
    )
    verified.add_argument(
        "--head", action="append", default=[], metavar="N:HASH", help="a row that must be there, as the log told it"
    )
    for action in (listed, verified):
        action.add_argument("--json", action="store_true", help="as JSON")
        action.add_argument(
            "--database", type=Path, metavar="FILE", help="the file, where it is not audit.db in the state directory"
        )
        add_state(action)
