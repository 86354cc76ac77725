"""``ferrule agents``: enrol agents, list them, take away what they have (ruling 14)."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from gateway.cli.cures import unusable
from gateway.cli.main import WRONG, CommandError
from gateway.cli.minted import system_user
from gateway.cli.screen import Cell, Screen

_STYLES = {"active": "green", "idle": "green", "busy": "green", "degraded": "yellow", "maintenance": "yellow"}


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked."""
    if arguments.act == "enrol":
        return _enrol(arguments)
    if arguments.act == "list":
        return _list(arguments)
    return _revoke(arguments)


def _enrol(arguments: argparse.Namespace) -> int:
    from gateway.access.enrolment import Enrolments
    from gateway.access.keys import KeyFileError, read_root_key
    from gateway.access.scopes import parse_scopes
    from gateway.cli.acts import tell
    from gateway.core import rfc3339
    from gateway.core.errors import GatewayError

    if not arguments.state.is_dir():
        raise CommandError(
            f"{arguments.state} is no directory; name the one the gateway keeps its state in: --state DIR", WRONG
        )
    public_key = None if arguments.public_key is None else _public_key(arguments.public_key)
    try:
        scopes = parse_scopes(arguments.scope)
        given = Enrolments(read_root_key(arguments.state), time.time).issue(
            arguments.agent_id,
            None if arguments.capabilities is None else _capabilities(arguments.capabilities),
            scopes,
            arguments.ttl,
            public_key,
            name=system_user(),
        )
    except GatewayError as error:
        raise CommandError(error.reason, WRONG) from None
    except KeyFileError as error:
        raise CommandError(str(error)) from None
    except OSError as error:
        raise CommandError(f"{arguments.state}: {error.strerror}. The key there cannot be read") from None
    expires = rfc3339.text(given.expires)
    tell(
        arguments.state,
        "agent.enrol",
        given.agent_id,
        {
            "capabilities": None if arguments.capabilities is None else [*_capabilities(arguments.capabilities)],
            "scope": " ".join(sorted(scopes)),
            "pinned": public_key is not None,
            "kid": given.kid,
            "expires": expires,
        },
    )
    print(
        json.dumps(
            {
                "agentId": given.agent_id,
                "kid": given.kid,
                "secret": given.secret,
                "token": given.token,
                "expiresAt": expires,
            }
        )
    )
    return 0


def _capabilities(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(names) or any(letter.isspace() for name in names for letter in name):
        raise CommandError(
            f'--capabilities "{text}": write ids with one comma between, as in temperature-read,modbus-rtu; '
            "leave it out to allow any",
            WRONG,
        )
    return sorted(set(names))


def _public_key(path: Path) -> bytes:
    from gateway.access.jwk import PublicKeyError, read_public_key

    try:
        return read_public_key(path.read_bytes())
    except OSError as error:
        raise CommandError(unusable(path, error), WRONG) from None
    except PublicKeyError as error:
        raise CommandError(f"{path}: {error}", WRONG) from None


def _list(arguments: argparse.Namespace) -> int:
    from gateway.cli.client import Client

    filters: dict[str, object] = {"active": True} if arguments.active else {}
    if arguments.capability is not None:
        filters["capability"] = arguments.capability
    with Client(arguments, ("agents:read",)) as client:
        found = client.call("agent.list", **filters)
        agents = found["agents"]
        while len(agents) < found["total"]:
            more = client.call("agent.list", **filters, offset=len(agents))["agents"]
            if not more:
                break
            agents += more
    screen = Screen()
    if arguments.json:
        screen.json({"agents": agents, "total": len(agents)})
    elif agents:
        rows: list[list[Cell]] = [
            [
                agent["agentId"],
                agent["name"],
                agent["version"],
                (agent["status"], _STYLES.get(agent["status"], "red")),
                agent["lastSeen"],
                " ".join(agent["capabilities"]) or "-",
            ]
            for agent in agents
        ]
        screen.table(["agent", "name", "version", "status", "last seen", "capabilities"], rows)
    else:
        screen.line("no agent is registered" if not filters else "no agent is registered that fits", "dim")
    return 0


def _revoke(arguments: argparse.Namespace) -> int:
    from gateway.cli.client import CallError, Client

    try:
        with Client(arguments, ("agents:write",)) as client:
            done = client.order("agent.revoke", agentId=arguments.agent)
    except CallError as error:
        if error.sent:
            raise
        raise CommandError(f"{error}; nothing was revoked", error.code) from None
    screen = Screen()
    if arguments.json:
        screen.json(done)
        return 0
    if not done["unregistered"]:
        screen.line(
            f"{arguments.agent}: no agent of this name is registered; should one have been enrolled, its tokens and "
            "enrolments are void. To see who is: ferrule agents list",
            "yellow",
        )
        return 0
    screen.line(
        f"{arguments.agent}: its tokens and open enrolments are void. To have it back: ferrule agents enrol --agent-id "
        f"{arguments.agent}"
    )
    return 0
