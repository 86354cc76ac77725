"""``ferrule plugin install``: an instance of a plugin, with what it may do."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from urllib.parse import quote

from gateway.cli.client import Client, Json
from gateway.cli.main import WRONG, CommandError
from gateway.cli.plugin_document import object_of
from gateway.cli.plugin_instance import tell_state
from gateway.cli.plugin_list import INSTANCES
from gateway.cli.plugin_publish import PLUGINS, find_plugin
from gateway.cli.screen import Screen
from gateway.core.errors import GatewayError
from gateway.plugins.bounds import BOUNDS
from gateway.plugins.host.permissions import covered, parse_permissions
from gateway.plugins.inflate import Inflated
from gateway.plugins.manifest import MANIFEST, Manifest, read_manifest
from gateway.plugins.refusal import PackageError
from gateway.plugins.tar import Tar

SCOPES = ("plugins:read", "instances:read", "instances:write")


def run(arguments: argparse.Namespace) -> int:
    """Install it."""
    screen = Screen()
    config = {} if arguments.config is None else object_of(arguments.config)
    with Client(arguments, SCOPES) as client:
        plugin = find_plugin(client, arguments.plugin)
        if plugin is None:
            words = f'no plugin "{arguments.plugin}" is published: ferrule plugin list --published shows those that are'
            raise CommandError(words, WRONG)
        version = version_of(plugin, arguments.version)
        asked = manifest_of(client, arguments.plugin, version).permissions
        granted = granted_of(asked, arguments)
        attributes: Json = {"config": config, "permissions": list(granted), "version": version["version"]}
        if arguments.region is not None:
            attributes["region"] = arguments.region
        of: Json = {"plugin": {"data": {"type": "plugin", "id": plugin["id"]}}}
        data: Json = {"type": "plugin-instance", "attributes": attributes, "relationships": of}
        made = client.act("POST", INSTANCES, data)["data"]
        if arguments.activate:
            made = client.act("POST", f"{INSTANCES}/{made['id']}/activate")["data"]
    if arguments.json:
        screen.json(made)
        return 0
    screen.line(f"{made['id']}: {plugin['id']} {version['version']} with {', '.join(granted) or 'no permissions'}")
    if not arguments.activate:
        screen.line(f"It is inactive: ferrule plugin activate {plugin['id']}")
        return 0
    return tell_state(screen, made)


def version_of(plugin: Json, wanted: str | None) -> Json:
    """The version that is meant, or the newest that has a package.

    Raises:
        CommandError: it has no package.
    """
    versions: list[Json] = [one for one in plugin["attributes"]["versions"] if one["archive"]]
    found = [one for one in versions if wanted in {None, one["version"]}]
    if not found:
        known = ", ".join(str(one["version"]) for one in versions) or "none"
        of = "" if wanted is None else f" of {wanted}"
        raise CommandError(f"{plugin['id']} has no package{of}; there are: {known}", WRONG)
    newest = plugin["attributes"]["version"]
    return next((one for one in found if one["version"] == newest), found[-1])


def manifest_of(client: Client, plugin: str, version: Json) -> Manifest:
    """What the package says of itself. The last byte is left out: nobody counts that for a download.

    Raises:
        CommandError: it cannot be told.
    """
    path = f"{PLUGINS}/{quote(plugin, safe='')}/versions/{quote(version['version'], safe='')}/archive"
    beginning = client.fetch(path, max(1, int(version["size"]) - 1))
    try:
        tar = Tar(Inflated(iter((beginning,)), BOUNDS), BOUNDS)
        found = tar.next()
        if found is None or found[0] != MANIFEST:
            raise CommandError(f"the package of {plugin} begins with no {MANIFEST}")
        return read_manifest(b"".join(tar.read()))
    except PackageError as error:
        raise CommandError(f"the package of {plugin} cannot be read: {error}") from None


def granted_of(asked: Sequence[str], arguments: argparse.Namespace) -> tuple[str, ...]:
    """What it may do; who installs it says so, every time.

    Raises:
        CommandError: nothing was said; or more than was asked for.
    """
    if arguments.grant_all or (not asked and arguments.grant is None):
        return tuple(asked)
    if arguments.grant is None:
        words = "".join(f"\n  {one}" for one in asked)
        raise CommandError(f"it asks to be allowed:{words}\nGrant all of it, --grant-all, or some, --grant ...", WRONG)
    try:
        parse_permissions(arguments.grant)
    except GatewayError as error:
        raise CommandError(f"--grant {error.provided}: {error.reason}", WRONG) from None
    if more := covered(asked, arguments.grant):
        raise CommandError(f"--grant {more[0]}: it does not ask for it, and gets no more than that", WRONG)
    return tuple(arguments.grant)
