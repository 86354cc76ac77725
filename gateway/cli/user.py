"""``ferrule user``: who may sign in, and the code for the first one (D-049, D-058)."""

from __future__ import annotations

import argparse
import getpass
import sys

from gateway.cli.client import CallError, Client, Json
from gateway.cli.main import AS_WHOM, DENIED, FAILED, WRONG, CommandError
from gateway.cli.screen import Cell, Screen

ALL = "/v1/users"
CODE = "/v1/auth/first-admin/code"
# Nobody makes somebody who may do more.
SCOPE = "*"
# As ``access.users.first_admin`` calls it; that takes long to import.
CODE_FILE = "first-admin.code"


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked."""
    screen = Screen()
    if arguments.act == "code" and not arguments.renew:
        return _show_code(screen, arguments)
    # Before anything is sent: who is asked for a password may think better of it.
    password = _password(arguments.user) if arguments.act in {"add", "password"} else None
    try:
        with Client(arguments, (SCOPE,)) as client:
            if arguments.act == "list":
                return _list(client, screen, arguments)
            if arguments.act == "code":
                return _renew_code(client, screen, arguments)
            return _change(client, screen, arguments, password)
    except CallError as error:
        if arguments.act == "list" or error.sent:
            raise
        raise CommandError(f"{error}; nothing was changed", error.code) from None


def _password(name: str) -> str:
    """The password: asked for twice on a terminal, else the first line of standard input."""
    if not sys.stdin.isatty():
        password = sys.stdin.readline().rstrip("\r\n")
        if not password:
            raise CommandError("there is no password on standard input: give it in the first line", WRONG)
        return password
    try:
        password, again = getpass.getpass(f"password for {name}: "), getpass.getpass("once more: ")
    except EOFError:
        raise CommandError("no password was given; nothing was changed", WRONG) from None
    if again != password:
        raise CommandError("the two are not the same; nothing was changed", WRONG)
    return password


def _all(client: Client) -> list[Json]:
    found: list[Json] = []
    page: Json = {"links": {"next": f"{ALL}?page[size]=100"}}
    while path := page["links"].get("next"):
        page = client.look(path)
        found += page["data"]
    return found


def _one(client: Client, name: str) -> Json:
    plain = name.strip().lower()
    for user in _all(client):
        if plain in {user["name"], user["id"]}:
            return user
    raise CommandError(f'there is no user "{name}"; ferrule user list shows who there is', WRONG)


def _list(client: Client, screen: Screen, arguments: argparse.Namespace) -> int:
    users = _all(client)
    if arguments.json:
        screen.json({"users": users, "total": len(users)})
    elif users:
        rows: list[list[Cell]] = [
            [
                user["name"],
                " ".join(user["roles"]),
                ("disabled", "yellow") if user["disabled"] else ("active", "green"),
                user["created_at"],
                user["id"],
            ]
            for user in users
        ]
        screen.table(["name", "roles", "state", "added", "id"], rows)
    else:
        screen.line("there is no user: ferrule user code shows how the first one is made", "dim")
    return 0


def _change(client: Client, screen: Screen, arguments: argparse.Namespace, password: str | None) -> int:
    if arguments.act == "add":
        data = {"name": arguments.user, "roles": arguments.role, "password": password}
        done = client.act("POST", ALL, data)["data"]
        words = f"{done['name']} may sign in as {', '.join(done['roles'])}"
    else:
        user = _one(client, arguments.user)
        path = f"{ALL}/{user['id']}"
        if arguments.act == "remove":
            client.act("DELETE", path)
            done, words = {"removed": user["id"]}, f"{user['name']} is removed; all tokens are void"
        else:
            done = client.act("PATCH", path, _changes(arguments, password))["data"]
            words = _WORDS[arguments.act].format(name=done["name"], roles=", ".join(done["roles"]))
    if arguments.json:
        screen.json(done)
    else:
        screen.line(words)
    return 0


def _changes(arguments: argparse.Namespace, password: str | None) -> dict[str, object]:
    if arguments.act == "password":
        return {"password": password}
    if arguments.act == "roles":
        return {"roles": arguments.role}
    return {"disabled": arguments.act == "disable"}


_WORDS = {
    "password": "{name} has another password; all sign-ins and tokens of before are void",
    "roles": "{name} is {roles} now",
    "disable": "{name} is disabled; all sign-ins and tokens are void. To undo it: ferrule user enable {name}",
    "enable": "{name} may sign in again",
}


def _show_code(screen: Screen, arguments: argparse.Namespace) -> int:
    path = arguments.state / CODE_FILE
    try:
        code = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        raise CommandError(
            f"{path} is not there: there is an administrator already, the code was used or tried too often, or the "
            "gateway did not start here yet. To make another one while there is no administrator: "
            "ferrule user code --renew",
            FAILED,
        ) from None
    except PermissionError as error:
        raise CommandError(f"{path}: {error.strerror}. {AS_WHOM}", DENIED) from None
    except (OSError, UnicodeDecodeError):
        raise CommandError(f"{path} cannot be read: make another code with ferrule user code --renew", FAILED) from None
    return _tell_code(screen, arguments, code)


def _renew_code(client: Client, screen: Screen, arguments: argparse.Namespace) -> int:
    return _tell_code(screen, arguments, client.act("POST", CODE)["data"]["code"])


def _tell_code(screen: Screen, arguments: argparse.Namespace, code: str) -> int:
    if arguments.json:
        screen.json({"code": code})
        return 0
    screen.line(code, "bold")
    page = "https://BOARD:3500/v1/auth/setup"
    screen.line(f"It makes the first administrator, once: at {page} in a browser, or use ferrule user add", "dim")
    return 0
