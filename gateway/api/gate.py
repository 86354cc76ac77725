"""Under which name the gateway may be called, and from which web pages (D-070).

A web page anywhere can make a browser on the LAN send requests here. A name of the page's own that is made to point to
this gateway (DNS rebinding) is refused by the Host header; a page that asks openly is refused by its Origin. Forwarded
headers (``Forwarded``, ``X-Forwarded-*``) say nothing here: anybody can write them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from ipaddress import IPv6Address

from gateway.access.tokens import AGENT_API
from gateway.api import rpc
from gateway.api.asgi import Application, Event, Receive, Scope, Send, header, problem, respond
from gateway.api.rpc_errors import FORBIDDEN
from gateway.core.events import uuid7

_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+?)\.?)(?::[0-9]{1,5})?")
_MOST_REMEMBERED = 64
_PREFLIGHT_HEADERS = (
    (b"access-control-allow-methods", b"GET, HEAD, POST, PUT, PATCH, DELETE"),
    (
        b"access-control-allow-headers",
        (
            b"authorization, content-type, accept, if-match, idempotency-key, x-request-id, x-api-version, x-api-key, "
            b"x-agent-id, x-agent-signature"
        ),
    ),
    (b"access-control-max-age", b"600"),
)
_EXPOSED = (
    b"x-request-id, x-api-version, deprecation, sunset, idempotency-replayed, etag, link, location, allow, ratelimit, "
    b"ratelimit-policy, retry-after, "
    b"www-authenticate, x-ratelimit-limit, x-ratelimit-remaining, x-ratelimit-reset, x-ratelimit-window, "
    b"x-ratelimit-retry-after"
)


class Gate:
    """Stands before an application, and lets through what is meant for this gateway.

    Args:
        app: the application.
        names: host names and addresses the gateway answers to, in lower case; ``*.`` stands for one label. A change
            is a new object.
        origins: web pages that may call, as browsers write them in ``Origin``.
        now: Unix seconds, for request ids.
        foreign: told of a WebSocket that is refused for its origin, and of that origin.
    """

    def __init__(
        self,
        app: Application,
        names: Callable[[], Collection[str]],
        origins: Collection[str],
        now: Callable[[], float],
        foreign: Callable[[Scope, str], None] | None = None,
    ) -> None:
        self._app = app
        self._foreign = foreign
        self._names = names
        self.allow(origins)
        self._now = now
        self._seen: set[bytes] = set()
        self._seen_for: Collection[str] = ()

    def allow(self, origins: Collection[str]) -> None:
        """Let these web pages call, and no others."""
        self._origins = frozenset(origin.encode() for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        host = header(scope, b"host")
        if host is not None and not self._known(host):
            shown = host.decode("latin-1")[:100]
            words = f'this gateway is not "{shown}". Call it by a name in its certificate, or add it to'
            await self._refuse(scope, send, 421, "Misdirected Request", f"{words} [server] host_names")
            return
        origin = header(scope, b"origin")
        if origin is None or origin.lower() == b"https://" + (host or b"").lower():
            await self._app(scope, receive, send)
            return
        allowed = origin in self._origins
        preflight = (
            scope["type"] == "http"
            and scope["method"] == "OPTIONS"
            and header(scope, b"access-control-request-method") is not None
        )
        if not allowed and (preflight or scope["type"] == "websocket"):
            shown = origin.decode("latin-1")[:100]
            if self._foreign is not None and scope["type"] == "websocket":
                self._foreign(scope, shown)
            words = f'web pages from "{shown}" may not call this gateway. Name the origin in [server] cors_origins'
            await self._refuse(scope, send, 403, "Forbidden", words)
        elif preflight:
            more = [*_PREFLIGHT_HEADERS, *_allowing(origin)]
            if header(scope, b"access-control-request-private-network") == b"true":
                more.append((b"access-control-allow-private-network", b"true"))
            await respond(send, 204, b"", request=uuid7(self._now()).encode(), headers=more)
        elif allowed and scope["type"] == "http":
            await self._app(scope, receive, _adding(_allowing(origin), send))
        else:
            # Without a word of ours about it the browser keeps the answer from the page.
            await self._app(scope, receive, send)

    def _known(self, host: bytes) -> bool:
        names = self._names()
        if names is not self._seen_for:
            self._seen_for, self._seen = names, set()
        if host in self._seen:
            return True
        name = host_name(host)
        known = name in names or (name is not None and f"*.{name.partition('.')[2]}" in names)
        if known and len(self._seen) < _MOST_REMEMBERED:
            self._seen.add(host)
        return known

    async def _refuse(self, scope: Scope, send: Send, status: int, title: str, detail: str) -> None:
        content_type = b"application/json"
        if scope["path"] == AGENT_API or scope["path"].startswith(f"{AGENT_API}/"):
            code, message = (FORBIDDEN, "Authorization error") if status == 403 else (rpc.INVALID_REQUEST, title)
            body = rpc.failure(None, rpc.Fault(code, message, {"reason": detail}))
        else:
            body, content_type = problem(status, title, detail), b"application/problem+json"
        to = send if scope["type"] == "http" else _instead_of_websocket(send)
        # What is left of a body is not read.
        close = ((b"connection", b"close"),)
        request = uuid7(self._now()).encode()
        await respond(to, status, body, request=request, content_type=content_type, headers=close)


def host_name(host: bytes) -> str | None:
    """The name or address in a Host header, None where there is none: ``b"[::1]:3500"`` has ``"::1"``."""
    found = _HOST.fullmatch(host.decode("latin-1"))
    if found is None:
        return None
    address, name = found.groups()
    if address is None:
        return str(name).lower()
    try:
        return str(IPv6Address(address))
    except ValueError:
        return None


def _allowing(origin: bytes) -> list[tuple[bytes, bytes]]:
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", _EXPOSED),
        (b"vary", b"origin"),
    ]


def _adding(headers: list[tuple[bytes, bytes]], send: Send) -> Send:
    async def add(event: Event) -> None:
        if event["type"] == "http.response.start":
            event = {**event, "headers": [*event.get("headers", ()), *headers]}
        await send(event)

    return add


def _instead_of_websocket(send: Send) -> Send:
    """A response where a WebSocket was asked for (ASGI, WebSocket Denial Response)."""

    async def deny(event: Event) -> None:
        await send({**event, "type": f"websocket.{event['type']}"})

    return deny
