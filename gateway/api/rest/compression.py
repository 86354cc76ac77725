"""Answers that are kept packed, and sent so to who can unpack them (RFC 9110, 8.4.1.3 and 12.5.3)."""

from __future__ import annotations

import re
import zlib

from gateway.api.asgi import Scope
from gateway.api.replies import Reply, ReplyHeaders

_WEIGHT = re.compile(r";\s*q\s*=\s*0(\.0*)?\s*$")


# Of zlib, for the form of gzip (RFC 1952); Python's own module for that is more to load.
_GZIP = 31


def pack(body: bytes) -> bytes:
    """A body as gzip has it, without the time of day."""
    return zlib.compress(body, wbits=_GZIP)


def unpack(packed: bytes) -> bytes:
    """The body in it."""
    return zlib.decompress(packed, wbits=_GZIP)


def packed_reply(scope: Scope, packed: bytes, content_type: bytes, headers: ReplyHeaders = ()) -> Reply:
    """The answer to a request.

    Args:
        scope: of the request.
        packed: the body, of ``pack``.
        content_type: of the body.
        headers: more of them.
    """
    headers = ((b"vary", b"Accept-Encoding"), *headers)
    if takes_gzip(scope):
        return Reply(200, packed, (*headers, (b"content-encoding", b"gzip")), content_type)
    return Reply(200, unpack(packed), headers, content_type)


def takes_gzip(scope: Scope) -> bool:
    """Whether the caller says that it unpacks gzip."""
    given = b",".join(value for name, value in scope["headers"] if name == b"accept-encoding").decode("latin-1")
    for element in given.split(","):
        name = element.partition(";")[0].strip().lower()
        if name in {"gzip", "x-gzip"}:
            return _WEIGHT.search(element) is None
    return False
