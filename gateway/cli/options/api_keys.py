"""The options of ``ferrule key``."""

from __future__ import annotations

import argparse

from gateway.cli.options.clients import add_to_all
from gateway.cli.options.connection import add_connection

EXAMPLES = """\
examples:
  ferrule key                                              which there are
  ferrule key add logger --owner client:analytics-plugin --scope "plugins:read"
  ferrule key add visitor --owner user:anna --scope "devices:read" --ttl 7d
  ferrule key add panel --owner client:panel --scope "devices:read" --audience "/v1 /api/v1"
  ferrule key revoke key-3f2a91c07b44

The owner sends what add prints, in either of two headers:
  Authorization: ApiKey ID:KEY
  X-API-Key: ID:KEY

exit codes: 0 done; 1 it failed; 2 there is no such key, or the words are wrong; 6 the gateway cannot be reached; 7 not
allowed. docs/access.md has more; keys that sign tokens are another thing: ferrule keys."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ferrule key``."""
    parser.epilog = EXAMPLES
    parser.add_argument("--json", action="store_true", help="as JSON")
    add_connection(parser)
    actions = parser.add_subparsers(dest="act", metavar="ACTION")
    revoke = actions.add_parser("revoke", help="end one", description="End an API key at once.")
    revoke.add_argument("key", metavar="ID", help="its id, as the list shows it")
    add_to_all(
        [
            actions.add_parser("list", help="all of them", description="All API keys."),
            _add_add(actions.add_parser("add", help="make one", description="Make an API key; it is shown this once.")),
            revoke,
        ]
    )


def _add_add(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("name", metavar="NAME", help="for people")
    parser.add_argument(
        "--owner", required=True, metavar="WHO", help="whom it stands for: client:ID, user:ID, plugin:ID"
    )
    parser.add_argument("--scope", required=True, metavar="'A B'", help="what it allows; no more than its owner may")
    parser.add_argument(
        "--audience", metavar="'/v1 /api/v1'", help="which paths it opens (default: /v1); /metrics every key opens"
    )
    parser.add_argument("--ttl", metavar="TIME", help="how long it lives, as 30d or 12h (default: until it is revoked)")
    return parser
