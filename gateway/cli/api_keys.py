"""``ferrule key``: API keys, for programs that cannot ask for tokens (D-052)."""

from __future__ import annotations

import argparse
from urllib.parse import quote

from gateway.cli.client import CallError, Client
from gateway.cli.clients import SCOPES, every
from gateway.cli.main import WRONG, CommandError
from gateway.cli.screen import Screen

ALL = "/v1/auth/api-keys"
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked."""
    act: str = arguments.act or "list"
    try:
        with Client(arguments, SCOPES) as client:
            return _ACTS[act](client, Screen(), arguments)
    except CallError as error:
        if act == "list" or error.sent:
            raise
        raise CommandError(f"{error}; nothing was changed", error.code) from None


def _list(client: Client, screen: Screen, arguments: argparse.Namespace) -> int:
    found = every(client, ALL)
    if arguments.json:
        screen.json({"keys": found, "total": len(found)})
    elif found:
        screen.table(
            ["id", "name", "owner", "for", "scopes", "expires", "last used"],
            [
                [
                    one["key_id"],
                    one["name"],
                    one["owner"],
                    " ".join(one["audience"]),
                    " ".join(one["scopes"]),
                    one["expires_at"] or "-",
                    one["last_used_at"] or "-",
                ]
                for one in found
            ],
        )
    else:
        screen.line("there is no API key: ferrule key add --help", "dim")
    return 0


def _add(client: Client, screen: Screen, arguments: argparse.Namespace) -> int:
    data: dict[str, object] = {
        "name": arguments.name,
        "owner": arguments.owner,
        "scopes": arguments.scope.split(),
    }
    if arguments.audience is not None:
        data["audience"] = arguments.audience.split()
    if arguments.ttl is not None:
        data["ttl"] = _seconds(arguments.ttl)
    made = client.act("POST", ALL, data)["data"]
    if arguments.json:
        screen.json(made)
        return 0
    screen.line(f"{made['key_id']} stands for {made['owner']}, until {made['expires_at'] or 'it is revoked'}")
    screen.line(f"X-API-Key: {made['api_key']}", "bold")
    screen.line("It is not shown again.")
    return 0


def _seconds(text: str) -> int:
    number, unit = text[:-1], text[-1:]
    if unit not in _UNITS or not (number.isascii() and number.isdigit()) or not int(number):
        raise CommandError(f'--ttl "{text}" is no time: write 45s, 90m, 12h or 30d; nothing was changed', WRONG)
    return int(number) * _UNITS[unit]


def _revoke(client: Client, screen: Screen, arguments: argparse.Namespace) -> int:
    client.act("DELETE", f"{ALL}/{quote(arguments.key, safe='')}")
    if arguments.json:
        screen.json({"revoked": arguments.key})
    else:
        screen.line(f"{arguments.key} is revoked")
    return 0


_ACTS = {"list": _list, "add": _add, "revoke": _revoke}
