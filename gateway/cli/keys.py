"""``ferrule keys``: show and rotate the keys that sign tokens (D-045)."""

from __future__ import annotations

import argparse
from pathlib import Path

from gateway.access.agent_tokens import PURPOSE as AGENT
from gateway.access.enrolment import PURPOSE as ENROLMENT
from gateway.access.generation import rotate
from gateway.access.keys import KeyFileError, RootKey, read_root_key
from gateway.access.oauth.access_tokens import PURPOSE as CLIENT
from gateway.access.tokens import PURPOSE as OPERATOR
from gateway.cli.acts import tell
from gateway.cli.main import WRONG, CommandError
from gateway.cli.screen import Screen
from gateway.state_lock import owner_of

CLASSES = {"operators": OPERATOR, "agents": AGENT, "enrolments": ENROLMENT, "clients": CLIENT}


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked."""
    state: Path = arguments.state
    if not state.is_dir():
        raise CommandError(f"{state} is no directory; name the one the gateway keeps its state in: --state DIR", WRONG)
    if arguments.act == "show":
        return _show(_root(state), as_json=arguments.json)
    _root(state)
    try:
        generation = rotate(state, end_all=arguments.end_all).number
    except OSError as error:
        raise CommandError(
            f"{error.filename or state}: {error.strerror}. Run this as the user the gateway runs as, or as root; the "
            "keys are as they were"
        ) from None
    tell(state, "keys.rotate", details={"generation": generation, "endAll": arguments.end_all})
    screen = Screen()
    what = (
        "every token given out before is void" if arguments.end_all else "tokens of the generation before still count"
    )
    screen.line(f"tokens are signed with keys of generation {generation}; {what}")
    if _is_running(state):
        screen.line("the gateway that runs takes them up with: ferrule reload", "yellow")
    return 0


def _root(state: Path) -> RootKey:
    try:
        return read_root_key(state)
    except KeyFileError as error:
        raise CommandError(str(error)) from None
    except OSError as error:
        raise CommandError(f"{state}: {error.strerror}. The key there cannot be read") from None


def _show(root: RootKey, *, as_json: bool) -> int:
    keys = {name: [key.kid for key in root.token_keys(purpose)] for name, purpose in CLASSES.items()}
    screen = Screen()
    if as_json:
        screen.json(
            {
                "gatewayId": root.gateway_id,
                "generation": root.generation,
                "keys": [{"tokens": name, "signs": kids[0], "verifies": kids} for name, kids in keys.items()],
            }
        )
        return 0
    screen.line(f"{root.gateway_id}, generation {root.generation}")
    screen.table(
        ["tokens of", "signed with", "also taken"],
        [[name, kids[0], kids[1] if len(kids) > 1 else "-"] for name, kids in keys.items()],
    )
    return 0


def _is_running(state: Path) -> bool:
    try:
        owner_of(state)
    except ValueError:
        return True
    except OSError:
        return False
    return True
