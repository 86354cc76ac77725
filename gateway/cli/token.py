"""``ferrule token``: a bearer token for an operator (ruling 13)."""

from __future__ import annotations

import argparse
import time

from gateway.access.keys import KeyFileError, read_root_key
from gateway.access.scopes import parse_scopes
from gateway.access.tokens import OperatorTokens
from gateway.cli.main import WRONG, fail
from gateway.core.errors import GatewayError


def run(arguments: argparse.Namespace) -> int:
    """Print a token."""
    if not arguments.state.is_dir():
        # Making it here would give a key that no gateway has, and a token that none takes.
        return fail(
            f"{arguments.state} is no directory; name the one the gateway keeps its state in: --state DIR", WRONG
        )
    try:
        scopes = parse_scopes(arguments.scope)
        root = read_root_key(arguments.state)
        # The key file is at hand, so the clock of this board is the gateway's own.
        token = OperatorTokens(root, time.time, lambda: True).issue(scopes, arguments.ttl)
    except GatewayError as error:
        return fail(error.reason, WRONG)
    except KeyFileError as error:
        return fail(str(error))
    except OSError as error:
        return fail(f"{arguments.state}: {error.strerror}. The key there cannot be read")
    print(token)
    return 0
