"""One POST to an agent's address, over TLS: no names are looked up, no redirects followed, no proxies asked."""

from __future__ import annotations

import math
import ssl

from gateway.outbound.connection import Bounds, Connection, Request, connect
from gateway.outbound.route import Peer, Route, UntrustedError, WireError

__all__ = ["UntrustedError", "WireError", "post", "reach"]


async def reach(host: str, port: int, context: ssl.SSLContext) -> Connection:
    """Open a connection that is proven; nothing is asked yet. The caller sets the time limit, and closes it.

    Args:
        host: an address; the certificate must be for it.
        port: TCP port.
        context: knows whom to trust.

    Raises:
        UntrustedError: it shows a certificate that is not trusted, or not for this address.
        WireError: not reached.
    """
    return await connect(Peer(host, port), Route(host), context)


async def post(connection: Connection, authority: str, path: str, body: bytes, largest: int) -> bytes:
    """Send JSON and take the body of the answer, whatever its status; the caller sets the time limit.

    Args:
        connection: as ``reach`` gave it.
        authority: whom it reaches, for ``Host``.
        path: begins with ``/``.
        body: JSON.
        largest: bytes that are taken of the answer.

    Raises:
        WireError: no HTTP, a redirect, too long an answer, or none.
    """
    headers = (("content-type", "application/json"), ("accept", "application/json"), ("connection", "close"))
    answer = await connection.exchange(authority, Request(path, headers, body), Bounds(largest, math.inf))
    if 300 <= answer.status < 400:
        raise WireError("sent the gateway elsewhere, and it does not go there")
    if answer.fault is not None:
        raise WireError(answer.fault)
    return answer.body
