"""Parts of a file: Range and If-Range (RFC 9110, 13.1.5 and 14)."""

from __future__ import annotations

import re

from gateway.api.asgi import Scope, header
from gateway.api.replies import ReplyHeaders
from gateway.api.rest.problems import Problem, Source

# One range; who asks for several gets all of it, as RFC 9110, 14.2, allows.
_RANGE = re.compile(rb"bytes[ \t]*=[ \t]*([0-9]{0,15})-([0-9]{0,15})[ \t]*")


def part_of(scope: Scope, size: int, tag: bytes) -> tuple[int, int] | None:
    """The first byte that is asked for and the one behind the last; None: all of it.

    Args:
        scope: of the request.
        size: bytes of the file.
        tag: its entity tag, a strong one.

    Raises:
        Problem: 416, there is nothing where it is asked for.
    """
    found = _RANGE.fullmatch(header(scope, b"range") or b"")
    if scope["method"] != "GET" or found is None or not _still_meant(scope, tag):
        return None
    first, last = found[1], found[2]
    if first:
        begin, end = int(first), min(int(last) + 1 if last else size, size)
        if last and int(last) < begin:
            # No range at all (14.1.1).
            return None
    elif last:
        begin, end = max(size - int(last), 0), size
    else:
        return None
    if begin >= size or begin >= end:
        raise Problem(
            416,
            "range_not_satisfiable",
            f"there are {size} bytes, and none where you ask for some.",
            source=Source("header", "Range"),
            headers=((b"content-range", b"bytes */%d" % size),),
        )
    return begin, end


def range_header(part: tuple[int, int], size: int) -> ReplyHeaders:
    """What says which part an answer has."""
    return ((b"content-range", b"bytes %d-%d/%d" % (part[0], part[1] - 1, size)),)


def _still_meant(scope: Scope, tag: bytes) -> bool:
    """Whether the caller has another part of this very file; a date says too little, and none is told."""
    if all(name != b"if-range" for name, _ in scope["headers"]):
        return True
    return header(scope, b"if-range") == tag
