"""One POST to an address, over TLS: no names are looked up, no redirects followed, no proxies asked."""

from __future__ import annotations

import ssl

import h11
import trio

_CHUNK = 16 * 1024


class WireError(Exception):
    """There is no answer; the text says why."""


async def post(host: str, port: int, path: str, body: bytes, context: ssl.SSLContext, largest: int) -> bytes:  # noqa: PLR0917 - one request
    """Send JSON and take the body of the answer, whatever its status; the caller sets the time limit.

    Args:
        host: an address; the certificate must be for it.
        port: TCP port.
        path: begins with ``/``.
        body: JSON.
        context: knows whom to trust.
        largest: bytes that are taken of the answer.

    Raises:
        WireError: not reached, not trusted, no HTTP, a redirect, or too long an answer.
    """
    try:
        stream = await trio.open_ssl_over_tcp_stream(host, port, ssl_context=context, https_compatible=True)
    except OSError as error:
        raise WireError(f"was not reached: {error.strerror or error}") from None
    async with stream:
        try:
            await stream.do_handshake()
            return await _exchange(stream, f"[{host}]" if ":" in host else host, port, path, body, largest)
        except trio.BrokenResourceError as error:
            raise WireError(f"was not reached: {error.__cause__ or 'the connection broke'}") from None
        except h11.RemoteProtocolError as error:
            raise WireError(f"does not speak HTTP/1.1: {error}") from None


async def _exchange(  # noqa: PLR0917 - the same
    stream: trio.SSLStream[trio.SocketStream], host: str, port: int, path: str, body: bytes, largest: int
) -> bytes:
    peer = h11.Connection(h11.CLIENT)
    headers = [
        ("Host", f"{host}:{port}"),
        ("Content-Type", "application/json"),
        ("Accept", "application/json"),
        ("Content-Length", str(len(body))),
        ("Connection", "close"),
    ]
    request = peer.send(h11.Request(method="POST", target=path, headers=headers)) or b""
    await stream.send_all(request + (peer.send(h11.Data(data=body)) or b"") + (peer.send(h11.EndOfMessage()) or b""))
    answer = bytearray()
    while True:
        event = peer.next_event()
        if event is h11.NEED_DATA:
            peer.receive_data(bytes(await stream.receive_some(_CHUNK)))
        elif isinstance(event, h11.Response) and 300 <= event.status_code < 400:
            raise WireError("sent the gateway elsewhere, and it does not go there")
        elif isinstance(event, h11.Data):
            answer += event.data
            if len(answer) > largest:
                raise WireError(f"answered with more than {largest} bytes")
        elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
            return bytes(answer)
