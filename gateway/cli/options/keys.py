"""The options of ``ferrule keys``."""

from __future__ import annotations

import argparse

from gateway.cli.main import add_state

EXAMPLES = """\
examples:
  ferrule keys show
  ferrule keys rotate && ferrule reload
  ferrule keys rotate --end-all && ferrule reload     after a token or a token key got into wrong hands,
                                                      or after ferrule restore

The keys that sign tokens have generations, of which the newest signs and the one before it still counts. After one
step every token lives on to its end; after another one, tokens of before the first are void. Rotate at most once in
30 days and no enrolment is cut short, at most once a day and no token is. Agents' secrets stay as they are."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ferrule keys``."""
    parser.epilog = EXAMPLES
    actions = parser.add_subparsers(dest="act", metavar="ACTION", required=True)
    shown = actions.add_parser("show", help="which keys count", description="Which keys count.")
    shown.add_argument("--json", action="store_true", help="as JSON")
    rotated = actions.add_parser("rotate", help="sign with new keys", description="Sign tokens with new keys.")
    rotated.add_argument(
        "--end-all",
        action="store_true",
        help="leap to keys that never were in use: every token and enrolment given out is void",
    )
    for action in (shown, rotated):
        add_state(action)
