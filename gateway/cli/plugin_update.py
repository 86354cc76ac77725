"""``ferrule plugin update``: another version of an installed plugin, or other permissions."""

from __future__ import annotations

import argparse

from gateway.cli.client import CallError, Client, Json
from gateway.cli.main import FAILED, WRONG, CommandError
from gateway.cli.plugin_install import SCOPES, granted_of, manifest_of, version_of
from gateway.cli.plugin_instance import settled, tell_state
from gateway.cli.plugin_list import INSTANCES, one_of, plugin_of
from gateway.cli.plugin_publish import find_plugin
from gateway.cli.screen import Screen
from gateway.plugins.host.permissions import covered


def run(arguments: argparse.Namespace) -> int:
    """Change it; a running one is started anew."""
    screen = Screen()
    with Client(arguments, SCOPES) as client:
        found = one_of(client, arguments.instance)
        plugin = find_plugin(client, plugin_of(found))
        if plugin is None:
            raise CommandError(f"the plugin {plugin_of(found)} is published no more", WRONG)
        version = version_of(plugin, arguments.version)
        asked = manifest_of(client, plugin["id"], version).permissions
        before: list[str] = found["attributes"]["permissions"]
        attributes: Json = {"version": version["version"], "permissions": before}
        if arguments.grant_all or arguments.grant is not None:
            attributes["permissions"] = list(granted_of(asked, arguments))
        elif gone := covered(asked, before):
            words = (
                f"version {version['version']} does not ask for {', '.join(gone)} any more: say what it may, --grant"
            )
            raise CommandError(f"{words} or --grant-all; nothing was changed", WRONG)
        data: Json = {"type": "plugin-instance", "id": found["id"], "attributes": attributes}
        try:
            done = client.act("PATCH", f"{INSTANCES}/{found['id']}", data)["data"]
        except CallError as error:
            if error.sent:
                raise
            raise CommandError(f"{error}; nothing was changed", error.code) from None
        done = settled(client, done)
    if arguments.json:
        screen.json(done)
        return FAILED if done["attributes"]["status"] == "error" else 0
    about = done["attributes"]
    may = ", ".join(about["permissions"]) or "no permissions"
    screen.line(f"{done['id']}: {plugin['id']} {about['version']} with {may}")
    more = [one for one in asked if covered(about["permissions"], [one])]
    if more:
        screen.line(f"it also asks for {', '.join(more)}, which is not granted", "dim")
    return tell_state(screen, done)
