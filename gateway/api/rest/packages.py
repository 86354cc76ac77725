"""Packages of plugins over HTTP: sent, fetched whole or in parts, and read about (D-101, D-102, D-107)."""

from __future__ import annotations

import base64
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import structlog
import trio

from gateway.api.replies import ReplyHeaders
from gateway.api.rest.plugin_models import PLUGINS, Plugin
from gateway.api.rest.plugins import answered
from gateway.api.rest.ranges import part_of, range_header
from gateway.api.rest.route import Answer, Call, File, Form, Route
from gateway.api.rest.shapes import Nothing
from gateway.api.rest.uploads import Upload
from gateway.api.streaming import NextPiece, Stream
from gateway.core.errors import GatewayError
from gateway.core.plugins import Archive, KeptPlugin
from gateway.core.ports import Json
from gateway.plugins.bounds import BOUNDS
from gateway.plugins.registry.registry import Registry

log = structlog.stdlib.get_logger(__name__)

_ONE = f"{PLUGINS}/{{plugin_id}}"
_ARCHIVE = f"{_ONE}/versions/{{version}}/archive"
_GZIP = b"application/gzip"
_PIECE = 64 * 1024
# What others wrote is text to look at: nothing of it is carried out, loaded or taken for something else.
_AS_TEXT: ReplyHeaders = (
    (b"content-security-policy", b"default-src 'none'; sandbox"),
    (b"x-content-type-options", b"nosniff"),
)

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
        return Answer(file=File(content_type=b"text/plain; charset=utf-8", body=text.encode()), headers=_AS_TEXT)

    async def _fetch(self, call: _Bare, version: str | None) -> Answer:
        plugin = call.path["plugin_id"]
        found, archive, place = await self._registry.archive(plugin, version)
        tag = b'"%b"' % archive.sha256.encode()
        part = part_of(call.origin.scope, archive.size, tag)
        begin, end = part or (0, archive.size)

        async def taken() -> None:
            # Who fetches it in parts has it with the last of them.
            if end == archive.size:
                try:
                    await self._registry.downloaded(plugin)
                except GatewayError as error:
                    # The caller has it all the same.
                    log.warning("download not counted", plugin=plugin, error=error.reason)

        stream = Stream(length=end - begin, opened=partial(_opened, place, begin, end), taken=taken)
        headers = (
            *_described_as(f"{plugin}-{found.version}.tar.gz", archive, tag),
            *(() if part is None else range_header(part, archive.size)),
        )
        return Answer(
            file=File(content_type=_GZIP, stream=stream), status=200 if part is None else 206, headers=headers
        )


def _described_as(name: str, archive: Archive, tag: bytes) -> ReplyHeaders:
    digest = base64.b64encode(bytes.fromhex(archive.sha256))
    return (
        (b"accept-ranges", b"bytes"),
        (b"content-disposition", f'attachment; filename="{name}"'.encode()),
        (b"etag", tag),
        (b"repr-digest", b"sha-256=:%b:" % digest),
        (b"x-content-type-options", b"nosniff"),
    )


@asynccontextmanager
async def _opened(place: Path, begin: int, end: int) -> AsyncIterator[NextPiece]:
    """A part of a file, piece by piece."""
    descriptor = await trio.to_thread.run_sync(os.open, place, os.O_RDONLY | os.O_CLOEXEC)
    at = begin

    async def piece() -> bytes:
        nonlocal at
        data = await trio.to_thread.run_sync(os.pread, descriptor, min(_PIECE, end - at), at)
        at += len(data)
        return data

    try:
        yield piece
    finally:
        os.close(descriptor)


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
            origin="seed",
        ),
    )
