"""Headers of requests that were read before on the same connection.

A program that calls again and again sends the same header each time, byte for byte. What the strict parser makes of it
depends on nothing but these bytes, so it need not be asked again: there is no second parser that could read a request
in another way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import h11
from hypercorn.typing import HTTPScope

from gateway.api.asgi import INDEX, Scope, index_of
from gateway.api.server.inline import body_length

# For each connection: a program has few kinds of requests, and strangers must not fill the memory.
_MOST = 4
_LONGEST = 4096
_END = b"\r\n\r\n"
_METHODS = frozenset({b"GET", b"POST"})


@dataclass(frozen=True, slots=True)
class Head:
    """The header of a request that is answered when its body is there, and leaves the connection as it was.

    Attributes:
        length: bytes of the body.
        index: the header fields by name.
        told: what the application was told of the first such request.
    """

    length: int
    index: dict[bytes, bytes | None]
    told: Scope

    def scope(self) -> HTTPScope:
        """The ASGI scope of a request with this header; the application may do with it what it likes."""
        made = _own(self.told)
        made[INDEX] = made["headers"], self.index
        return cast("HTTPScope", made)


class Heads:
    """Those of one connection."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[bytes, Head] = {}

    def learn(self, received: bytes, request: h11.Request, scope: HTTPScope) -> None:
        """Remember a header, if it is of the plain kind.

        Args:
            received: what came, the header first.
            request: what the parser has made of it.
            scope: what the application is told of it.
        """
        length = body_length(request)
        end = received.find(_END) + len(_END)
        if length is None or not len(_END) <= end <= _LONGEST or not _is_plain(request):
            return
        if len(self._known) >= _MOST:
            del self._known[next(iter(self._known))]
        self._known[received[:end]] = Head(length, index_of(scope["headers"]), _own(cast("Scope", scope)))

    def find(self, received: bytes) -> tuple[Head, bytes] | None:
        """The header and the body of a request that has come whole, alone, and with a known header; else None."""
        end = received.find(_END) + len(_END)
        head = self._known.get(received[:end])
        return None if head is None or len(received) != end + head.length else (head, received[end:])


def _own(scope: Scope) -> Scope:
    return {**scope, "headers": scope["headers"].copy(), "extensions": scope["extensions"].copy(), "state": {}}


def _is_plain(request: h11.Request) -> bool:
    """Whether it says nothing of the connection, and asks for an answer with a body."""
    return (
        request.method in _METHODS
        and request.http_version == b"1.1"
        and request.target.startswith(b"/")
        and all(name not in {b"connection", b"upgrade"} or value == b"keep-alive" for name, value in request.headers)
    )
