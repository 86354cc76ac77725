"""Packages of plugins over HTTP: sent, fetched whole or in parts, and read about (D-101, D-102, D-107)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import structlog

from gateway.api.rest.downloads import AS_TEXT, Download, download
from gateway.api.rest.plugin_models import PLUGINS, Plugin
from gateway.api.rest.plugins import answered
from gateway.api.rest.route import Answer, Call, File, Form, Route
from gateway.api.rest.shapes import Nothing
from gateway.api.rest.uploads import Upload
from gateway.core.errors import GatewayError
from gateway.core.plugins import KeptPlugin
from gateway.core.ports import Json
from gateway.plugins.bounds import BOUNDS
from gateway.plugins.registry.registry import Registry

log = structlog.stdlib.get_logger(__name__)

_ONE = f"{PLUGINS}/{{plugin_id}}"
_ARCHIVE = f"{_ONE}/versions/{{version}}/archive"
_Bare = Call[None, Nothing]


class PackageRoutes:
    """What can be asked of packages.

    Args:
        registry: has them.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def send(self, call: Call[Upload, Nothing]) -> Answer:
        """PUT: the package of a version; the same again changes nothing."""
        path = call.path
        plugin, new = await self._registry.receive(
            call.origin.principal, path["plugin_id"], path["version"], call.body.piece
        )
        if not new:
            return answered(plugin, 200)
        answer = answered(plugin, 201)
        place = f"{PLUGINS}/{plugin.id}/versions/{path['version']}/archive".encode()
        return Answer(data=answer.data, status=201, headers=(*answer.headers, (b"location", place)))

    async def download(self, call: _Bare) -> Answer:
        """GET: the newest package."""
        return await self._fetch(call, None)

    async def fetch(self, call: _Bare) -> Answer:
        """GET: the package of a version."""
        return await self._fetch(call, call.path["version"])

    async def docs(self, call: _Bare) -> Answer:
        """GET: the documentation that came with the newest package, else what its publisher says."""
        plugin, docs = await self._registry.docs(call.path["plugin_id"])
        text = _described(plugin) if docs is None else docs
        return Answer(file=File(content_type=b"text/plain; charset=utf-8", body=text.encode()), headers=AS_TEXT)

    async def _fetch(self, call: _Bare, version: str | None) -> Answer:
        plugin = call.path["plugin_id"]
        found, archive, place = await self._registry.archive(plugin, version)

        async def taken() -> None:
            try:
                await self._registry.downloaded(plugin)
            except GatewayError as error:
                # The caller has it all the same.
                log.warning("download not counted", plugin=plugin, error=error.reason)

        name = f"{plugin}-{found.version}.tar.gz"
        file = Download(place=place, name=name, size=archive.size, sha256=archive.sha256)
        return download(call.origin.scope, file, taken)


def _described(plugin: KeptPlugin) -> str:
    """What there is to read of a plugin without documentation."""
    release = plugin.release
    facts = {
        "Version": release.version,
        "Author": release.author,
        "Category": release.category,
        "License": release.license,
        "Homepage": release.homepage,
        "Repository": release.repository,
        "Tags": ", ".join(release.tags),
    }
    told = "\n".join(f"- {name}: {value}" for name, value in facts.items() if value)
    return f"# {release.name}\n\n{release.description}\n\n{told}\n"


def _which(call: Call[Upload, Nothing]) -> Mapping[str, Json]:
    return {"version": call.path["version"]}


def package_routes(registry: Registry) -> tuple[Route, ...]:
    """The routes of packages."""
    work = PackageRoutes(registry)
    fetch = partial(
        Route,
        method="GET",
        scope="plugins:read",
        resource="plugin",
        result=None,
        gives=Form.FILE,
        audited=False,
    )
    return (
        Route(
            name="plugin.upload",
            method="PUT",
            path=_ARCHIVE,
            run=work.send,
            scope="plugins:write",
            summary="Send the package of a version",
            resource="plugin",
            result=Plugin,
            status=201,
            also={200: "it is there already"},
            takes=Form.FILE,
            gives=Form.DOCUMENT,
            largest=BOUNDS.packed,
            noted=_which,
        ),
        fetch(name="plugin.archive", path=_ARCHIVE, run=work.fetch, summary="Fetch the package of a version"),
        fetch(
            name="plugin.download",
            path=f"{_ONE}/download",
            run=work.download,
            summary="Fetch the newest package of a plugin",
            origin="seed",
        ),
        fetch(
            name="plugin.docs",
            path=f"{_ONE}/docs",
            run=work.docs,
            summary="Read the documentation of a plugin",
            files=("text/plain",),
            origin="seed",
        ),
    )
