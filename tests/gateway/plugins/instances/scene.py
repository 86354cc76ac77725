"""A plugin that can be installed, with a configuration that has secrets, and those who install it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

from gateway.core.plugins import Release
from gateway.core.principal import Kind, Principal
from gateway.plugins.instances.order import Order
from gateway.plugins.registry.naming import slug
from gateway.storage.plugin_instances import StoredInstances
from tests.gateway.api.installed import KEY as SEALING
from tests.gateway.api.installed import Installed, behaves
from tests.gateway.api.registry import Plugins
from tests.gateway.api.services import NOON
from tests.gateway.plugins.host.fakes import Program
from tests.gateway.plugins.making import FILES, MANIFEST, package

ID = slug(MANIFEST["name"])
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "api_key": {"type": "string", "secret": True, "minLength": 3},
        "retention_days": {"type": "integer", "default": 90},
    },
    "required": ["api_key"],
    "additionalProperties": False,
}
ASKED = ["read-tags:boiler/*", "use-storage", "read-analytics"]
KEY = "sk-canary-4711"


def user(name: str, *scopes: str) -> Principal:
    return Principal(f"user:{name}", frozenset(scopes or ("instances:read", "instances:write")), Kind.USER, f"t-{name}")


ADA, BOB, BOSS = user("ada"), user("bob"), user("boss", "instances:*", "plugins:*")


async def publish(plugins: Plugins, version: str = "1.0.0", name: str = MANIFEST["name"], **members: Any) -> str:
    """Publish a version of a plugin with its package."""
    said: dict[str, Any] = {"permissions": ASKED, "config_schema": SCHEMA, **members}
    members_of = {word: MANIFEST[word] for word in ("description", "category", "license")}
    release = Release(
        name=name, version=version, tags=tuple(MANIFEST["tags"]), config_schema=said["config_schema"], **members_of
    )
    registry, id_ = plugins.parts.registry, slug(name)
    if await plugins.store.used(id_):
        await registry.change(BOSS, id_, release)
    else:
        await registry.publish(BOSS, release)
    files: Mapping[str, bytes] = {**FILES, "version.txt": version.encode()}
    left = [package(files, id=id_, name=name, version=version, **said)]

    async def piece() -> bytes:
        await trio.lowlevel.checkpoint()
        return left.pop(0) if left else b""

    await registry.receive(BOSS, id_, version, piece)
    return id_


def order(**changes: Any) -> Order:
    return Order(**{"plugin": ID, "permissions": ("read-tags:boiler/plc/*",), "config": {"api_key": KEY}, **changes})


class Site:
    """A gateway's plugins and what is installed of them.

    Args:
        directory: for files.
        before: what was there before a restart; None: nothing was.
        program: what plugins do.
        key: seals their secrets.
    """

    def __init__(self, directory: Path, before: Site | None, program: Program, key: bytes) -> None:
        self.plugins: Plugins = Plugins(directory) if before is None else before.plugins
        self.now = NOON
        self.installed = Installed(
            directory,
            self.plugins.parts.registry,
            self.plugins.store,
            lambda: self.plugins.settings,
            self._wall,
            program,
            key,
        )
        self.instances = self.installed.instances
        self.host, self.runner, self.gateway = self.installed.host, self.installed.runner, self.installed.gateway
        self.unpacked, self.rows = self.installed.unpacked, StoredInstances(self.plugins.store.database)
        self.registry = self.plugins.parts.registry

    def _wall(self) -> float:
        self.now += 1
        return self.now


@asynccontextmanager
async def running(
    directory: Path, before: Site | None = None, program: Program = behaves, key: bytes = SEALING
) -> AsyncIterator[Site]:
    """A site that runs; after another one, as it is after a restart."""
    site = Site(directory, before, program, key)
    if before is None:
        await publish(site.plugins)
    async with site.installed.running():
        yield site
