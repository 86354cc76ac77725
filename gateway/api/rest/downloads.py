"""Files that callers fetch, whole or in parts, and can check (RFC 9110, 14; RFC 9530)."""

from __future__ import annotations

import base64
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import trio

from gateway.api.asgi import Scope
from gateway.api.replies import ReplyHeaders
from gateway.api.rest.ranges import part_of, range_header
from gateway.api.rest.route import Answer, File
from gateway.api.streaming import NextPiece, Stream

GZIP = b"application/gzip"
# What others wrote is text to look at: nothing of it is carried out, loaded or taken for something else.
AS_TEXT: ReplyHeaders = (
    (b"content-security-policy", b"default-src 'none'; sandbox"),
    (b"x-content-type-options", b"nosniff"),
)
_PIECE = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A file on the disk that is given out.

    Attributes:
        place: where it is.
        name: what the caller may call it.
        size: bytes.
        sha256: of them, hexadecimal.
        content_type: of it.
    """

    place: Path
    name: str
    size: int
    sha256: str
    content_type: bytes = GZIP


def download(scope: Scope, file: Download, taken: Callable[[], Awaitable[None]]) -> Answer:
    """The answer with a file, or with the part of it that is asked for.

    Args:
        scope: of the request.
        file: which.
        taken: told when the caller has all of it.

    Raises:
        Problem: 416, there is nothing where it is asked for.
    """
    tag = b'"%b"' % file.sha256.encode()
    part = part_of(scope, file.size, tag)
    begin, end = part or (0, file.size)

    async def sent() -> None:
        # Who fetches it in parts has it with the last of them.
        if end == file.size:
            await taken()

    stream = Stream(length=end - begin, opened=partial(_opened, file.place, begin, end), taken=sent)
    headers = (*_described_as(file, tag), *(() if part is None else range_header(part, file.size)))
    return Answer(
        file=File(content_type=file.content_type, stream=stream), status=200 if part is None else 206, headers=headers
    )


def _described_as(file: Download, tag: bytes) -> ReplyHeaders:
    digest = base64.b64encode(bytes.fromhex(file.sha256))
    return (
        (b"accept-ranges", b"bytes"),
        (b"content-disposition", f'attachment; filename="{file.name}"'.encode()),
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
