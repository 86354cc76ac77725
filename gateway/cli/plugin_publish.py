"""``ferrule plugin publish``: a signed package into the registry of a gateway."""

from __future__ import annotations

import argparse
from pathlib import Path
from urllib.parse import quote

import msgspec

from gateway.cli.client import CallError, Client, Json
from gateway.cli.main import WRONG, CommandError
from gateway.cli.plugin_check import checked, tell
from gateway.cli.screen import Screen
from gateway.plugins.manifest import Manifest

PLUGINS = "/v1/plugins"
SCOPES = ("plugins:read", "plugins:write")
PACKAGE = "application/gzip"
# What a package and the registry say both.
_SHARED = ("name", "version", "description", "category", "license", "tags", "config_schema")


def run(arguments: argparse.Namespace) -> int:
    """Say what it is, and send it."""
    screen, path = Screen(), arguments.package
    manifest = _manifest(path)
    more = {name: getattr(arguments, name) for name in ("author", "homepage", "repository")}
    said = {
        **{name: msgspec.to_builtins(getattr(manifest, name)) for name in _SHARED},
        **{name: value for name, value in more.items() if value is not None},
    }
    with Client(arguments, SCOPES) as client:
        known = find_plugin(client, manifest.id)
        if known is None:
            resource: Json = {"type": "plugin", "attributes": said}
            made = client.act("POST", PLUGINS, resource)["data"]
            if made["id"] != manifest.id:
                raise CommandError(
                    f'the gateway calls "{manifest.name}" {made["id"]}, and the package says {manifest.id}: write that '
                    "as id into manifest.json, pack and sign it anew",
                    WRONG,
                )
        else:
            resource = {"type": "plugin", "id": manifest.id, "attributes": said}
            client.act("PATCH", f"{PLUGINS}/{manifest.id}", resource)
        place = f"{PLUGINS}/{manifest.id}/versions/{quote(manifest.version, safe='')}/archive"
        received = client.send(place, path.read_bytes(), PACKAGE)
    if arguments.json:
        screen.json(received.get("data", received))
        return 0
    screen.line(
        f"{manifest.id} {manifest.version} is published, and can be installed: ferrule plugin install {manifest.id}"
    )
    return 0


def find_plugin(client: Client, id_: str) -> Json | None:
    """A plugin of the registry; None: there is none of this id.

    Raises:
        CallError: it cannot be told.
    """
    try:
        found: Json = client.look(f"{PLUGINS}/{quote(id_, safe='')}")["data"]
    except CallError as error:
        if error.code == WRONG:
            return None
        raise
    return found


def _manifest(path: Path) -> Manifest:
    """What a package says of itself.

    Raises:
        CommandError: it is none, or is not signed.
    """
    if not path.is_file():
        raise CommandError(f"{path} is no package: ferrule plugin pack makes one", WRONG)
    found = checked(path)
    tell(found.errors)
    if found.errors or found.manifest is None:
        raise CommandError("nothing was published", WRONG)
    if not found.signed:
        raise CommandError(
            f"{path} is not signed, and no gateway takes it so: ferrule plugin sign {path} --key FILE", WRONG
        )
    return found.manifest
