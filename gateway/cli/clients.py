"""``ferrule client``: the programs that may ask for tokens."""

from __future__ import annotations

import argparse
from urllib.parse import quote

from gateway.cli.client import CallError, Client, Json
from gateway.cli.main import CommandError
from gateway.cli.screen import Cell, Screen

ALL = "/v1/clients"
# Nobody gives what it has not itself, and whoever reads the key of this board has everything.
SCOPES = ("*",)


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked."""
    act: str = arguments.act or "list"
    try:
        with Client(arguments, SCOPES) as client:
            return _ACTS[act](client, Screen(), arguments)
    except CallError as error:
        if act in {"list", "show"} or error.sent:
            raise
        raise CommandError(f"{error}; nothing was changed", error.code) from None


def every(client: Client, path: str) -> list[Json]:
    """All rows of a list, page by page."""
    found: list[Json] = []
    page: Json = {"links": {"next": f"{path}?page[size]=100"}}
    while following := page["links"].get("next"):
        page = client.look(following)
        found += page["data"]
    return found


def _place(arguments: argparse.Namespace) -> str:
    return f"{ALL}/{quote(arguments.client, safe='')}"


def _list(client: Client, screen: Screen, arguments: argparse.Namespace) -> int:
    found = every(client, ALL)
    if arguments.json:
        screen.json({"clients": found, "total": len(found)})
    elif found:
        screen.table(["id", "name", "kind", "state", "roles and scopes", "last token"], [_row(one) for one in found])
    else:
        screen.line("no client is registered: ferrule client add --help", "dim")
    return 0


def _row(client: Json) -> list[Cell]:
    return [
        client["client_id"],
        client["name"],
        client["kind"],
        ("disabled", "red") if client["disabled"] else ("active", "green"),
        " ".join([*client["roles"], *client["scopes"]]),
        client["last_used_at"] or "-",
    ]


def _show(client: Client, screen: Screen, arguments: argparse.Namespace) -> int:
    found = client.look(_place(arguments))["data"]
    if arguments.json:
        screen.json(found)
        return 0
    state = "disabled" if found["disabled"] else "active"
    screen.line(f"{found['client_id']} ({found['name']}): {found['kind']}, {state}")
    for name, value in {
        "roles": " ".join(found["roles"]),
        "scopes": " ".join(found["scopes"]),
        "may have": found["allowance"],
        "redirects to": " ".join(found["redirect_uris"]),
        "calls a minute": found["rate_limit"],
        "registered": found["created_at"],
        "last token": found["last_used_at"],
    }.items():
        screen.line(f"  {name}: {value or '-'}")
    if found["first"]:
        screen.line("  its secret stands in admin.json in the state directory", "dim")
    return 0


def _add(client: Client, screen: Screen, arguments: argparse.Namespace) -> int:
    data: dict[str, object] = {
        "name": arguments.name,
        "kind": "public" if arguments.public else "confidential",
        "roles": arguments.role,
        "scopes": arguments.scope.split(),
        "redirect_uris": arguments.redirect,
    }
    if arguments.id is not None:
        data["client_id"] = arguments.id
    if arguments.rate_limit is not None:
        data["rate_limit"] = arguments.rate_limit
    made = client.act("POST", ALL, data)["data"]
    if arguments.json:
        screen.json(made)
        return 0
    screen.line(f"{made['client_id']} ({made['name']}) may have: {made['allowance']}")
    _show_secret(client, screen, made)
    return 0


def _rotate(client: Client, screen: Screen, arguments: argparse.Namespace) -> int:
    made = client.act("POST", f"{_place(arguments)}/rotate-secret")["data"]
    if arguments.json:
        screen.json(made)
        return 0
    screen.line(f"{made['client_id']} has another secret; the one before and its tokens are void")
    _show_secret(client, screen, made)
    return 0


def _show_secret(client: Client, screen: Screen, made: Json) -> None:
    if "client_secret" not in made:
        screen.line("it has no secret: it signs people in, by the authorization code with PKCE")
        return
    screen.line(f"client_secret: {made['client_secret']}", "bold")
    screen.line("It is not shown again. A token is had by it at:")
    screen.line(f"  POST {client.url}/v1/auth/token  grant_type=client_credentials")


def _switch(client: Client, screen: Screen, arguments: argparse.Namespace) -> int:
    off = arguments.act == "disable"
    done = client.act("PATCH", _place(arguments), {"disabled": off})["data"]
    if arguments.json:
        screen.json(done)
        return 0
    screen.line(
        f"{done['client_id']} gets no tokens, and those it had are void"
        if off
        else f"{done['client_id']} gets tokens again"
    )
    return 0


def _remove(client: Client, screen: Screen, arguments: argparse.Namespace) -> int:
    client.act("DELETE", _place(arguments))
    if arguments.json:
        screen.json({"removed": arguments.client})
    else:
        screen.line(f"{arguments.client} is removed, and its tokens are void")
    return 0


_ACTS = {
    "list": _list,
    "add": _add,
    "show": _show,
    "rotate": _rotate,
    "disable": _switch,
    "enable": _switch,
    "remove": _remove,
}
