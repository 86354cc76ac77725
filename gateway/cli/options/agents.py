"""The options of ``ferrule agents``."""

from __future__ import annotations

import argparse
from pathlib import Path

from gateway.cli.main import add_state
from gateway.cli.options.connection import add_connection

# As Enrolments has them; what makes tokens is slow to import.
DEFAULT_TTL = 86400
DEFAULT_SCOPES = "agents:read devices:read governor:read events:subscribe messaging:read messaging:write"

EXAMPLES = """\
examples:
  ferrule agents enrol --agent-id temp-sensor-001 --capabilities temperature-read
  ferrule agents enrol --agent-id press-7 --scope "devices:read devices:write" --ttl 600 > press-7.json
  ferrule agents enrol --agent-id press-8 --public-key press-8.pem
  ferrule agents list --active
  ferrule agents revoke temp-sensor-001

enrol prints one JSON object: agentId, kid, secret, token, expiresAt. Give it to the agent over a channel you trust, and
keep no copy: the token registers once, the secret signs the agent's card from then on. docs/agents.md says how."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ferrule agents``."""
    parser.epilog = EXAMPLES
    actions = parser.add_subparsers(dest="act", metavar="ACTION", required=True)
    _add_enrol(actions.add_parser("enrol", help="let an agent register, once", description="Let an agent register."))
    listed = actions.add_parser("list", help="who is registered", description="Who is registered.")
    listed.add_argument("--capability", metavar="ID", help="only those that offer exactly this one")
    listed.add_argument("--active", action="store_true", help="only those that were heard lately")
    listed.add_argument("--json", action="store_true", help="as JSON")
    revoked = actions.add_parser(
        "revoke",
        help="end all an agent has",
        description="End all tokens and open enrolments of an agent, at once, and strike it off.",
    )
    revoked.add_argument("agent", metavar="AGENT-ID", help="its id")
    revoked.add_argument("--json", action="store_true", help="as JSON")
    for action in (listed, revoked):
        add_connection(action)


def _add_enrol(parser: argparse.ArgumentParser) -> None:
    add_state(parser)
    parser.add_argument("--agent-id", required=True, metavar="ID", help="the only id that can register with it")
    parser.add_argument(
        "--capabilities", metavar="A,B", help="ids its card may offer, with commas between (default: any)"
    )
    parser.add_argument(
        "--scope",
        default=DEFAULT_SCOPES,
        metavar="SCOPES",
        help=f'what it may do, in the place of "{DEFAULT_SCOPES}"; writing needs devices:write',
    )
    parser.add_argument(
        "--ttl",
        type=int,
        default=DEFAULT_TTL,
        metavar="S",
        help=f"how long it can register, in seconds, at most 30 days (default {DEFAULT_TTL}, a day)",
    )
    parser.add_argument(
        "--public-key",
        type=Path,
        metavar="FILE",
        help="its Ed25519 public key (PEM, JWK or base64url): it signs with that, and there is no secret",
    )
