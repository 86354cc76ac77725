"""The options of ``ferrule client``."""

from __future__ import annotations

import argparse

from gateway.cli.options.connection import add_connection

EXAMPLES = """\
examples:
  ferrule client                                           which there are
  ferrule client add "line dashboard" --role viewer
  ferrule client add analytics --id analytics-plugin --scope "plugins:read plugins:write"
  ferrule client add "desk app" --public --role viewer --redirect http://127.0.0.1/callback
  ferrule client disable client-3f2a91c07b44               it gets no tokens, and those it has are void
  ferrule client rotate client-3f2a91c07b44                another secret; the one before and its tokens are void

exit codes: 0 done; 1 it failed; 2 there is no such client, or the words are wrong; 6 the gateway cannot be reached; 7
not allowed. docs/access.md has more."""

_CONNECTION = frozenset({"state", "url", "ca", "client_cert", "token", "timeout"})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ferrule client``."""
    parser.epilog = EXAMPLES
    parser.add_argument("--json", action="store_true", help="as JSON")
    add_connection(parser)
    actions = parser.add_subparsers(dest="act", metavar="ACTION")
    add_to_all(
        [
            actions.add_parser("list", help="all of them", description="All clients of OAuth."),
            _add_add(
                actions.add_parser(
                    "add", help="register one", description="Register a client; its secret is shown this once."
                )
            ),
            _one(actions.add_parser("show", help="one of them", description="Show a client.")),
            _one(
                actions.add_parser(
                    "rotate",
                    help="another secret",
                    description="Give a client another secret, shown once; the one before and its tokens end.",
                )
            ),
            _one(
                actions.add_parser(
                    "disable", help="no tokens for it", description="Give a client no tokens, and void those it has."
                )
            ),
            _one(actions.add_parser("enable", help="tokens again", description="Give a client tokens again.")),
            _one(actions.add_parser("remove", help="end one", description="Remove a client; its tokens are void.")),
        ]
    )


def add_to_all(actions: list[argparse.ArgumentParser]) -> None:
    """Let the common options stand behind the action, too."""
    for action in actions:
        action.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="as JSON")
        add_connection(action)
        for option in action._actions:  # noqa: SLF001 - argparse has no other way to its options
            # What is not said here is what was said in front of the action.
            if option.dest in _CONNECTION:
                option.default = argparse.SUPPRESS


def _one(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("client", metavar="ID", help="its id, as the list shows it")
    return parser


def _add_add(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("name", metavar="NAME", help="for people, on the consent page too")
    parser.add_argument("--id", metavar="ID", help="its client_id; one is made where none is given")
    parser.add_argument(
        "--role", action="append", default=[], metavar="ROLE", help="what it may be allowed; may be given several times"
    )
    parser.add_argument("--scope", default="", metavar="'A B'", help="the same by scopes, beside its roles")
    parser.add_argument("--public", action="store_true", help="it cannot keep a secret: an app, or a page in a browser")
    parser.add_argument(
        "--redirect", action="append", default=[], metavar="URI", help="where a browser may be sent back to"
    )
    parser.add_argument("--rate-limit", type=int, metavar="N", help="calls a minute, fewer than everybody has")
    return parser
