"""The options of ``ferrule webhooks``."""

from __future__ import annotations

import argparse
from pathlib import Path

from gateway.cli.options.connection import add_connection

FEW_ROWS = 25
STATUSES = ("waiting", "delivered", "dead", "cancelled")

EXAMPLES = """\
examples:
  ferrule webhooks                                         how each of them fares
  ferrule webhooks show 7c1f4a                             all there is to know of one of them
  ferrule webhooks add https://192.168.1.20/in --events 'alarm:*,device:down'
  ferrule webhooks test 7c1f4a                             the end of its id, as the list shows it, or its host
  ferrule webhooks deliveries 7c1f4a --status dead
  ferrule webhooks deliveries 7c1f4a 3d7c1f4a2b11          each attempt of one delivery, and why it failed
  ferrule webhooks redeliver 7c1f4a --since 2h             what happened meanwhile, once more
  ferrule webhooks rotate 7c1f4a                           the secret before counts for another day

exit codes: 0 done, of test: delivered; 1 it failed; 2 there is no such webhook, or the words are wrong; 6 the gateway
cannot be reached; 7 not allowed, such as a URL that no [[webhook.allow]] names. docs/webhooks.md has more."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ferrule webhooks``."""
    parser.epilog = EXAMPLES
    parser.add_argument("--json", action="store_true", help="as JSON")
    add_connection(parser)
    actions = parser.add_subparsers(dest="act", metavar="ACTION")
    made = [
        actions.add_parser("list", help="all of them", description="All webhooks, and how they fare."),
        _one(actions.add_parser("show", help="all there is to know of one", description="One webhook in full.")),
        _add_add(actions.add_parser("add", help="register one", description="Register a webhook.")),
        _one(actions.add_parser("test", help="send webhook:test now", description="Send webhook:test to one now.")),
        _one(actions.add_parser("pause", help="deliver nothing for a while", description="Deliver nothing to one.")),
        _one(
            actions.add_parser(
                "resume", help="go on", description="Deliver again, from where it stopped; also what was disabled."
            )
        ),
        _add_deliveries(
            actions.add_parser(
                "deliveries",
                help="what became of events",
                description="What became of events, newest first; of one delivery: every attempt.",
            )
        ),
        _add_redeliver(
            actions.add_parser(
                "redeliver",
                help="deliver again",
                description="Deliver one event again, or all that happened in some time.",
            )
        ),
        _add_secret(
            _one(
                actions.add_parser(
                    "rotate",
                    help="another secret",
                    description="Sign with another secret, shown this once; the one before signs too for a day.",
                )
            )
        ),
        _one(actions.add_parser("remove", help="end one", description="End a webhook, with all that waits for it.")),
    ]
    for action in made:
        action.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="as JSON")
        add_connection(action)
        for option in action._actions:  # noqa: SLF001 - argparse has no other way to its options
            # What is not said here is what was said in front of the action.
            if option.dest in {"state", "url", "ca", "client_cert", "token", "timeout"}:
                option.default = argparse.SUPPRESS


def _one(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("webhook", metavar="ID", help="its id, the end of that, or its host where only one goes there")
    return parser


def _add_add(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("where", metavar="URL", help="where to: https://HOST/PATH, allowed by a [[webhook.allow]]")
    parser.add_argument(
        "--events", required=True, metavar="A,B", help="patterns of types, with commas between: 'alarm:*,device:down'"
    )
    _add_secret(parser)
    parser.add_argument("--ordered", action="store_true", help="events of the same thing wait for each other")
    parser.add_argument("--format", choices=("seed", "cloudevents"), default="seed", help="of the body (default seed)")
    parser.add_argument("--description", default="", metavar="TEXT", help="for people")
    return parser


def _add_secret(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument(
        "--secret-file", type=Path, metavar="FILE", help="a secret of your own; without it the gateway makes one"
    )
    return parser


def _add_deliveries(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    _one(parser)
    parser.add_argument(
        "delivery", nargs="?", metavar="DELIVERY", help="this one, with each attempt: its id, or an end"
    )
    parser.add_argument("--status", choices=STATUSES, help="only these")
    parser.add_argument("--all", action="store_true", help=f"all of them, instead of the newest {FEW_ROWS}")
    return parser


def _add_redeliver(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    _one(parser)
    parser.add_argument("delivery", nargs="?", metavar="DELIVERY", help="this one: its id, or the end of it")
    parser.add_argument("--since", metavar="T", help="or what happened since: so long ago (2h), or a time")
    parser.add_argument("--until", metavar="T", help="until then (default: now)")
    return parser
