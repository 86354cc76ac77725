"""``ferrule token``: a bearer token for an operator (ruling 13), and the end of one."""

from __future__ import annotations

import argparse
import base64
import json

from gateway.access.generation import GenerationError, end_operators
from gateway.access.keys import KeyFileError, read_root_key
from gateway.access.scopes import parse_scopes
from gateway.cli.acts import tell
from gateway.cli.main import AS_WHOM, DENIED, FAILED, WRONG, CommandError, fail
from gateway.cli.minted import mint, system_user
from gateway.cli.screen import Screen
from gateway.core.errors import GatewayError
from gateway.core.ports import Json
from gateway.state_lock import owner_of

# Who ends what may do everything must be allowed everything.
REVOKING = ("*",)


def run(arguments: argparse.Namespace) -> int:
    """Print a token, or revoke."""
    if arguments.act == "revoke":
        return _revoke(arguments)
    if arguments.scope is None:
        return fail('what is it to allow? --scope "devices:read devices:write"', WRONG)
    if not arguments.state.is_dir():
        # Making it here would give a key that no gateway has, and a token that none takes.
        return fail(
            f"{arguments.state} is no directory; name the one the gateway keeps its state in: --state DIR", WRONG
        )
    try:
        name = system_user() if arguments.name is None else arguments.name
        scopes = parse_scopes(arguments.scope)
        token = mint(arguments.state, scopes, arguments.ttl, name)
    except GatewayError as error:
        return fail(error.reason, WRONG)
    except KeyFileError as error:
        return fail(str(error))
    except OSError as error:
        return fail(f"{arguments.state}: {error.strerror}. The key there cannot be read")
    details: dict[str, Json] = {"name": name, "scope": " ".join(sorted(scopes)), "ttl": arguments.ttl}
    tell(arguments.state, "token.mint", _id_of(token), details)
    print(token)
    return 0


def _revoke(arguments: argparse.Namespace) -> int:
    from gateway.cli.client import CallError, Client

    if arguments.all == (arguments.which is not None):
        raise CommandError(
            "name one token, by its id in ferrule audit list or as it was printed, or say --all for all of operators",
            WRONG,
        )
    screen = Screen()
    if arguments.all:
        return _end_all(screen, arguments)
    try:
        with Client(arguments, REVOKING) as client:
            done = client.order("token.revoke", tokenId=_id_of(arguments.which))
    except CommandError as error:
        if isinstance(error, CallError) and error.sent:
            raise
        raise CommandError(f"{error}; nothing was revoked", error.code) from None
    if arguments.json:
        screen.json(done)
    else:
        screen.line(
            f"the token {done['tokenId']} is void, should there be one: tokens are known by nothing but themselves"
        )
    return 0


def _end_all(screen: Screen, arguments: argparse.Namespace) -> int:
    """By the keys, which the clock does not matter to; it takes no gateway that runs."""
    state = arguments.state
    try:
        read_root_key(state)
        end_operators(state)
    except (KeyFileError, GenerationError) as error:
        raise CommandError(f"{error}; nothing was revoked", FAILED) from None
    except OSError as error:
        raise CommandError(
            f"{error.filename or state}: {error.strerror}. {AS_WHOM}; nothing was revoked", DENIED
        ) from None
    tell(state, "token.revoke", "all of operators")
    try:
        owner_of(state)
        running = True
    except OSError:
        running = False
    except ValueError:
        running = True
    if arguments.json:
        screen.json({"revoked": True, "tokenId": None, "reloadNeeded": running})
        return 0
    screen.line("all tokens of operators are void; those of agents, clients and people are as they were")
    if running:
        screen.line("the gateway that runs takes that up with: ferrule reload", "yellow")
    return 0


def _id_of(which: str) -> str:
    """A token's id, also out of the token itself."""
    parts = which.strip().split(".")
    if len(parts) != 3:
        return which.strip()
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return str(claims["jti"])
    except (ValueError, KeyError, TypeError):
        raise CommandError("this is neither a token nor the id of one", WRONG) from None
