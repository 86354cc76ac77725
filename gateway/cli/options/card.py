"""The options of ``ferrule card``."""

from __future__ import annotations

import argparse
from pathlib import Path

from gateway.cli.main import DEFAULT_CONFIG, add_state

EXAMPLES = """\
examples:
  sudo ferrule card take          after a change to /boot/ferrule/ferrule.toml by hand
  sudo ferrule card tell
  sudo ferrule card reset --yes && sudo reboot

On a board that was flashed with the SD image the first two are done by themselves: at each start, and whenever an
address or the code for the first administrator changes.

exit codes: 0 done, 1 the card or the board's own partition cannot be written, 2 a file on the card is wrong and the
last one that was right stays in force"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ferrule card``."""
    parser.epilog = EXAMPLES
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    take = actions.add_parser("take", help="take over ferrule.toml, profiles and network.toml, where they are right")
    tell = actions.add_parser("tell", help="write ferrule-info.txt: name, addresses, fingerprint, first code")
    reset = actions.add_parser(
        "reset", help="have the next start forget all that is the board's own: keys, state, backups"
    )
    reset.add_argument("--yes", action="store_true", help="it is meant")
    for action in (take, tell, reset):
        action.add_argument(
            "--card",
            type=Path,
            default=Path("/boot/ferrule"),
            metavar="DIR",
            help="where the card is (default: %(default)s)",
        )
        action.add_argument(
            "--run",
            type=Path,
            default=Path("/run"),
            metavar="DIR",
            help="for the system's services (default: %(default)s)",
        )
        action.add_argument(
            "--config",
            type=Path,
            default=DEFAULT_CONFIG,
            metavar="FILE",
            help="the configuration in force (default: %(default)s)",
        )
    add_state(tell)
