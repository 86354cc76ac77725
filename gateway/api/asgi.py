"""The few pieces of ASGI that the API needs: a request with a bounded body, a response in one send."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

import trio

from gateway.core.events import uuid7

# The ASGI specification, 3.0: scopes and events are dictionaries whose members depend on their type.
Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

# What the server tells the application of the time it has: an extension of the ASGI scope. Beside the times it has
# ``more``, which is told the seconds that a request under way needs.
TIMES = "ferrule.times"
# Seconds that the application has waited for the body of a request: they are the caller's, not ours.
WAITED = "ferrule.waited"
# What server and application tell each other of the caller: an extension of the ASGI scope. Both members are called
# without arguments: ``gone`` says whether nobody takes the answer any more, ``known`` is told that somebody has proven
# who he is.
CALLER = "ferrule.caller"
# Whether the whole body is there, so that receiving it takes no time.
WHOLE = "ferrule.whole"
# The headers of a request by name, beside the list they were made of.
INDEX = "ferrule.headers"
# Seconds in which a body must be complete, unless the server says otherwise.
BODY_TIME = 15.0
# Seconds within which a request is answered, whatever the field does.
ANSWER_TIME = 30.0
_REQUEST_ID_LENGTH = 128
_REQUEST_ID_LETTERS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")


class BodyError(Exception):
    """The body cannot be had.

    Attributes:
        status: the HTTP status that says so.
        reason: the same for people.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Disconnected(Exception):  # noqa: N818 - not an error of anybody: the caller has left
    """Nobody waits for an answer any more."""


def index_of(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes | None]:
    """Headers by name; None for what stands more than once."""
    index: dict[bytes, bytes | None] = {}
    for name, value in headers:
        index[name] = None if name in index else bytes(value)
    return index


def header(scope: Scope, name: bytes) -> bytes | None:
    """The value of a header (name in lower case), None where it is missing or stands more than once."""
    headers = scope["headers"]
    known: tuple[object, dict[bytes, bytes | None]] | None = scope.get(INDEX)
    if known is None or known[0] is not headers:
        # Made with the first look: each request is looked at several times.
        known = scope[INDEX] = headers, index_of(headers)
    return known[1].get(name)


def becomes_known(scope: Scope) -> None:
    """Tell the server that the caller has proven who he is."""
    known: Callable[[], None] | None = scope.get("extensions", {}).get(CALLER, {}).get("known")
    if known is not None:
        known()


def request_id(scope: Scope, now: float) -> bytes:
    """The caller's ``X-Request-ID`` where it is short and plain, else a new one."""
    given = header(scope, b"x-request-id")
    if given and len(given) <= _REQUEST_ID_LENGTH and _REQUEST_ID_LETTERS.issuperset(given):
        return given
    return uuid7(now).encode()


def time_limit(scope: Scope, name: str, default: float) -> float:
    """Seconds the server gives a request for its ``body`` or its ``answer``."""
    return float(scope.get("extensions", {}).get(TIMES, {}).get(name, default))


def needs_longer(scope: Scope, seconds: float) -> float:
    """Have the server wait so long for the rest of a request, and for its answer.

    Only for callers that are known, and where somebody else sees to it that they do not dawdle.

    Returns:
        When that time is over, on the run loop's clock.
    """
    more: Callable[[float], None] | None = scope.get("extensions", {}).get(TIMES, {}).get("more")
    if more is not None:
        more(seconds)
    return trio.current_time() + seconds


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The whole body, at most ``limit`` bytes, within ``[limits] body_time``.

    What is left of a body that is refused is for the server to read and throw away.

    Raises:
        BodyError: 413 or 408.
        Disconnected: the caller left before the end.
    """
    length = header(scope, b"content-length")
    if length is not None and (len(length) >= 16 or int(length) > limit):
        raise _too_long(limit)
    if scope.get(WHOLE, False):
        return await _receive_body(receive, limit)
    time = time_limit(scope, "body", BODY_TIME)
    with trio.move_on_after(time):
        return await _receive_body(receive, limit)
    raise BodyError(408, f"the request body was not complete within {time:g} s")


async def _receive_body(receive: Receive, limit: int) -> bytes:
    body: bytes | bytearray = b""
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise Disconnected
        piece = event.get("body", b"")
        if len(body) + len(piece) > limit:
            raise _too_long(limit)
        if not body:
            body = piece
        else:
            if isinstance(body, bytes):
                # Pieces of a byte each must not be kept as a million objects.
                body = bytearray(body)
            body += piece
        if not event.get("more_body", False):
            return bytes(body)


def _too_long(limit: int) -> BodyError:
    return BodyError(413, f"the request body is longer than {limit} bytes ([limits] body_size)")


async def respond(
    send: Send,
    status: int,
    body: bytes,
    *,
    request: bytes,
    content_type: bytes = b"application/json",
    headers: Iterable[tuple[bytes, bytes]] = (),
) -> None:
    """Send a whole response. Nothing of this API may be cached."""
    start: Headers = [(b"cache-control", b"no-store"), (b"x-request-id", request), *headers]
    if status != 204:
        start += [(b"content-type", content_type), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body})


def problem(status: int, title: str, detail: str, type_: str | None = None) -> bytes:
    """A problem document (RFC 9457): the error form outside ``/api/v1``."""
    type_ = type_ or f"/problems/{title.lower().replace(' ', '-')}"
    return json.dumps({"type": type_, "title": title, "status": status, "detail": detail}).encode()
