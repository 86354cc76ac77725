"""Answers that are sent piece by piece: what they are, and whether they arrived."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from gateway.api.asgi import CALLER, Disconnected, Event, Scope, Send

NextPiece = Callable[[], Awaitable[bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A body that is not in memory as a whole.

    Attributes:
        length: bytes.
        opened: opens it; within that, each call brings the next piece, and none comes after ``length`` bytes.
        taken: told when the caller was sent all of it.
    """

    length: int
    opened: Callable[[], AbstractAsyncContextManager[NextPiece]]
    taken: Callable[[], Awaitable[None]]


async def respond_streaming(
    send: Send,
    scope: Scope,
    status: int,
    stream: Stream,
    *,
    request: bytes,
    content_type: bytes,
    headers: Iterable[tuple[bytes, bytes]],
) -> None:
    """Send a response whose body comes piece by piece.

    Args:
        send: takes its parts.
        scope: of the request; HEAD gets no body.
        status: of HTTP.
        stream: the body.
        request: its id.
        content_type: of the body.
        headers: more of them.

    Raises:
        Disconnected: the caller left before the end.
        OSError: the body is shorter than it was said to be, or cannot be read; the caller sees that some is lacking.
    """
    start: Event = {
        "type": "http.response.start",
        "status": status,
        "headers": [
            (b"cache-control", b"no-store"),
            (b"x-request-id", request),
            *headers,
            (b"content-type", content_type),
            (b"content-length", b"%d" % stream.length),
        ],
    }
    if scope["method"] == "HEAD":
        await send(start)
        await send({"type": "http.response.body", "body": b""})
        return
    async with stream.opened() as piece:
        await send(start)
        left = stream.length
        while left:
            data = await piece()
            if not data:
                raise OSError(f"a body ended {left} bytes early")
            left -= len(data)
            await send({"type": "http.response.body", "body": data, "more_body": left > 0})
            if _gone(scope):
                raise Disconnected
    await stream.taken()


def _gone(scope: Scope) -> bool:
    gone: Callable[[], bool] | None = scope.get("extensions", {}).get(CALLER, {}).get("gone")
    return gone is not None and gone()
