"""One POST to an address, over TLS: no names are looked up, no redirects followed, no proxies asked."""

from __future__ import annotations

import ssl

import h11
import trio

_CHUNK = 16 * 1024

Stream = trio.SSLStream[trio.SocketStream]


class WireError(Exception):
    """There is no answer; the text says why."""


class UntrustedError(WireError):
    """Its certificate is not one to trust here; waiting mends nothing."""


async def reach(host: str, port: int, context: ssl.SSLContext) -> Stream:
    """Open a connection that is proven; nothing is asked yet. The caller sets the time limit, and closes it.

    Args:
        host: an address; the certificate must be for it.
        port: TCP port.
        context: knows whom to trust.

    Raises:
        UntrustedError: it shows a certificate that is not trusted, or not for this address.
        WireError: not reached.
    """
    try:
        stream = await trio.open_ssl_over_tcp_stream(host, port, ssl_context=context, https_compatible=True)
    except OSError as error:
        raise WireError(f"was not reached: {error.strerror or error}") from None
    try:
        await stream.do_handshake()
    except trio.BrokenResourceError as error:
        await trio.aclose_forcefully(stream)
        if isinstance(error.__cause__, ssl.SSLCertVerificationError):
            raise UntrustedError(f"shows a certificate that is not trusted: {error.__cause__.verify_message}") from None
        raise WireError(f"was not reached: {error.__cause__ or 'the connection broke'}") from None
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    return stream


async def post(stream: Stream, authority: str, path: str, body: bytes, largest: int) -> bytes:
    """Send JSON and take the body of the answer, whatever its status; the caller sets the time limit.

    Args:
        stream: as ``reach`` gave it.
        authority: whom it reaches, for ``Host``.
        path: begins with ``/``.
        body: JSON.
        largest: bytes that are taken of the answer.

    Raises:
        WireError: no HTTP, a redirect, too long an answer, or none.
    """
    try:
        return await _exchange(stream, authority, path, body, largest)
    except trio.BrokenResourceError as error:
        raise WireError(f"did not answer: {error.__cause__ or 'the connection broke'}") from None
    except h11.RemoteProtocolError as error:
        raise WireError(f"does not speak HTTP/1.1: {error}") from None


async def _exchange(stream: Stream, authority: str, path: str, body: bytes, largest: int) -> bytes:
    peer = h11.Connection(h11.CLIENT)
    headers = [
        ("Host", authority),
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
