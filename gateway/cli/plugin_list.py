"""``ferrule plugin list``: what is installed, or what can be."""

from __future__ import annotations

import argparse
import re

from gateway.cli.client import Client, Json
from gateway.cli.clients import every
from gateway.cli.main import WRONG, CommandError
from gateway.cli.plugin_publish import PLUGINS
from gateway.cli.screen import Cell, Screen

INSTANCES = "/v1/instances"
STYLES = {"active": "green", "error": "red", "suspended": "yellow", "initializing": "yellow"}
_WHOLE = re.compile(r"instance-[0-9a-f]{16}")
_LEAST_END = 4


def run(arguments: argparse.Namespace) -> int:
    """Show them."""
    screen = Screen()
    if getattr(arguments, "published", False):
        with Client(arguments, ("plugins:read",)) as client:
            plugins = every(client, PLUGINS)
        if arguments.json:
            screen.json({"plugins": plugins, "total": len(plugins)})
        elif plugins:
            header = ["plugin", "version", "state", "category", "downloads", "rating", "what it is"]
            screen.table(header, [_published(one) for one in plugins], right=(4, 5))
        else:
            screen.line("no plugin is published: ferrule plugin publish --help", "dim")
        return 0
    with Client(arguments, ("instances:read",)) as client:
        instances = every(client, INSTANCES)
    if arguments.json:
        screen.json({"instances": instances, "total": len(instances)})
    elif instances:
        screen.table(["id", "plugin", "version", "state", "health", "why"], [_row(one) for one in instances])
    else:
        screen.line("no plugin is installed: ferrule plugin list --published shows those that can be", "dim")
    return 0


def plugin_of(instance: Json) -> str:
    """The plugin an instance is of."""
    return str(instance["relationships"]["plugin"]["data"]["id"])


def one_of(client: Client, word: str) -> Json:
    """The instance that is meant by its id, the end of it, or its plugin.

    Raises:
        CommandError: none is, or several are.
    """
    wanted = word.lower()
    if _WHOLE.fullmatch(wanted):
        whole: Json = client.look(f"{INSTANCES}/{wanted}")["data"]
        return whole
    found = [
        one
        for one in every(client, INSTANCES)
        if plugin_of(one) == wanted or (len(wanted) >= _LEAST_END and str(one["id"]).endswith(wanted))
    ]
    if len(found) == 1:
        return found[0]
    if found:
        several = ", ".join(str(one["id"]) for one in found)
        raise CommandError(f'several instances are meant by "{word}": name one by its id: {several}', WRONG)
    raise CommandError(f'no instance "{word}": ferrule plugin list shows those that are installed', WRONG)


def _published(plugin: Json) -> list[Cell]:
    about = plugin["attributes"]
    rating = "-" if about["rating"] is None else f"{about['rating']:.1f}"
    state = about["status"]
    return [
        plugin["id"],
        about["version"],
        (state, STYLES.get(state, "")),
        about["category"],
        str(about["downloads"]),
        rating,
        about["description"],
    ]


def _row(instance: Json) -> list[Cell]:
    about = instance["attributes"]
    state, error = about["status"], about["error"]
    return [
        instance["id"],
        plugin_of(instance),
        about["version"],
        (state, STYLES.get(state, "dim")),
        about["health_status"] or "-",
        "" if error is None else error["message"],
    ]
