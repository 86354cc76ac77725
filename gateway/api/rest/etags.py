"""Changes that are made only to what the caller has seen: ETag and If-Match (D-010; RFC 9110, 8.8.3 and 13.1.1)."""

from __future__ import annotations

import hashlib
import re

import msgspec

from gateway.api.asgi import Scope
from gateway.api.replies import ReplyHeaders
from gateway.api.rest.problems import Problem, Source

# Of a request whose change must say which state it means (``[server] require_if_match``).
NEEDED = "ferrule.if_match"

_TAGS = re.compile(rb'\s*(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"\s*(?:,\s*(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"\s*)*')
_TAG = re.compile(rb'(W/)?("[^"]*")')
_ENCODER = msgspec.json.Encoder(order="deterministic")


def etag_of(state: object) -> bytes:
    """The entity tag of a state: the same one for the same members, over restarts too."""
    return b'"%b"' % hashlib.sha256(_ENCODER.encode(state)).hexdigest()[:32].encode()


def etag_header(tag: bytes) -> ReplyHeaders:
    """The tag for the answer."""
    return ((b"etag", tag),)


def check_match(scope: Scope, tag: bytes) -> None:
    """See that the caller means the state there is, where it says which one it means.

    Args:
        scope: of the request.
        tag: of the state there is.

    Raises:
        Problem: 412, another one; 400, no entity tag; 428, none is named although one must be.
    """
    given = b",".join(value for name, value in scope["headers"] if name == b"if-match").strip()
    if not given and scope.get(NEEDED, False) and scope["method"] in {"PUT", "PATCH"}:
        raise Problem(
            428,
            "precondition_required",
            "this gateway takes no such change without If-Match: read it, and send its ETag with the change.",
            headers=etag_header(tag),
            source=_IF_MATCH,
        )
    if not given or given == b"*":
        return
    if _TAGS.fullmatch(given) is None:
        raise Problem(400, "invalid", 'If-Match: send the ETag as it came, with its quotes, or "*".', source=_IF_MATCH)
    # A weak tag never matches here (RFC 9110, 13.1.1).
    if tag not in {found for weak, found in _TAG.findall(given) if not weak}:
        raise Problem(
            412,
            "changed",
            "it was changed since you read it: read it again, and send its ETag with the change.",
            source=_IF_MATCH,
        )


_IF_MATCH = Source("header", "If-Match")
