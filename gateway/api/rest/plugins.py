"""``/v1/plugins``: the registry (D-103, D-104). Documents are those of JSON:API 1.1 (ruling 8)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import msgspec
import trio
from msgspec import UNSET

from gateway.api.rest.etags import check_match, etag_header, etag_of
from gateway.api.rest.paging import numbered
from gateway.api.rest.plugin_models import (
    PLUGINS,
    Plugin,
    PluginBody,
    PluginChanges,
    PluginQuery,
    changed,
    plugin_resource,
    release_of,
    state_of,
    wanted,
)
from gateway.api.rest.route import Answer, Call, Form, Route, listed
from gateway.api.rest.shapes import Nothing
from gateway.core.plugins import KeptPlugin, Release
from gateway.core.ports import Json
from gateway.plugins.registry.registry import Registry

_ONE = f"{PLUGINS}/{{plugin_id}}"
# A schema of a configuration may have half of it.
_LARGEST = 64 * 1024

_Bare = Call[None, Nothing]
_Change = Call[PluginBody, Nothing] | Call[PluginChanges, Nothing] | _Bare


class PluginRoutes:
    """What can be asked of plugins.

    Args:
        registry: has them.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        # Between a look at the state and its change nobody else changes it.
        self._changing = trio.Lock()

    async def list(self, call: Call[None, PluginQuery]) -> Answer:
        """GET: those that are wanted."""
        found, total = await self._registry.list(wanted(call.query))
        rows = [plugin_resource(plugin, whole=False) for plugin in found]
        return listed(numbered(rows, total, call.query, call.target))

    async def publish(self, call: Call[PluginBody, Nothing]) -> Answer:
        """POST: another one."""
        plugin = await self._registry.publish(call.origin.principal, release_of(call.body))
        answer = answered(plugin)
        place = (b"location", f"{PLUGINS}/{plugin.id}".encode())
        return Answer(data=answer.data, headers=(*answer.headers, place), target=plugin.id)

    async def get(self, call: _Bare) -> Answer:
        """GET: one."""
        return answered(await self._registry.get(call.path["plugin_id"]))

    async def replace(self, call: Call[PluginBody, Nothing]) -> Answer:
        """PUT: say everything anew."""
        async with self._changing:
            plugin = await self._seen(call)
            return await self._change(call, plugin, release_of(call.body))

    async def patch(self, call: Call[PluginChanges, Nothing]) -> Answer:
        """PATCH: say some of it anew."""
        async with self._changing:
            plugin = await self._seen(call)
            return await self._change(call, plugin, changed(plugin.release, call.body))

    async def _seen(self, call: _Change) -> KeptPlugin:
        """A plugin, whose state the caller knows where it says which one it means."""
        plugin = await self._registry.get(call.path["plugin_id"])
        check_match(call.origin.scope, etag_of(state_of(plugin)))
        return plugin

    async def _change(self, call: _Change, plugin: KeptPlugin, release: Release) -> Answer:
        return answered(await self._registry.change(call.origin.principal, plugin.id, release))


def answered(plugin: KeptPlugin, status: int | None = None) -> Answer:
    """The answer that is one plugin."""
    return Answer(data=plugin_resource(plugin), status=status, headers=etag_header(etag_of(state_of(plugin))))


def _what(call: Call[PluginBody, Nothing]) -> Mapping[str, Json]:
    return {"name": call.body.name, "version": call.body.version}


def _which(call: Call[PluginChanges, Nothing]) -> Mapping[str, Json]:
    given = msgspec.structs.asdict(call.body)
    return {"changed": sorted(name for name, value in given.items() if value is not UNSET)}


def registry_routes(registry: Registry) -> tuple[Route, ...]:
    """The routes of ``/v1/plugins`` itself."""
    work = PluginRoutes(registry)
    documents = partial(Route, resource="plugin", result=Plugin, takes=Form.DOCUMENT, gives=Form.DOCUMENT)
    read = partial(documents, scope="plugins:read", audited=False)
    write = partial(documents, scope="plugins:write", largest=_LARGEST)
    return (
        read(
            name="plugin.list",
            method="GET",
            path=PLUGINS,
            run=work.list,
            summary="List all available plugins in the ecosystem",
            listing=True,
            query=PluginQuery,
            origin="seed",
        ),
        write(
            name="plugin.publish",
            method="POST",
            path=PLUGINS,
            run=work.publish,
            summary="Publish a new plugin to the registry",
            status=201,
            body=PluginBody,
            noted=_what,
            origin="seed",
        ),
        read(
            name="plugin.get",
            method="GET",
            path=_ONE,
            run=work.get,
            summary="Get detailed information about a specific plugin",
            origin="seed",
        ),
        write(
            name="plugin.replace",
            method="PUT",
            path=_ONE,
            run=work.replace,
            summary="Update plugin metadata and configuration",
            body=PluginBody,
            noted=_what,
            origin="seed",
        ),
        write(
            name="plugin.change",
            method="PATCH",
            path=_ONE,
            run=work.patch,
            summary="Change some of a plugin's metadata",
            body=PluginChanges,
            noted=_which,
        ),
    )
