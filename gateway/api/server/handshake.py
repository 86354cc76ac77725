"""The TLS handshake of one connection: who calls, and a word to those who are turned away."""

from __future__ import annotations

import contextlib
import ssl
from typing import cast

import trio

# Seconds a caller whose handshake fails has to take the alert that says why, and to leave.
_ALERT_TIME = 1.0
# RFC 8446, B.4.
_CIPHER_SUITES = {
    "TLS_AES_128_GCM_SHA256": 0x1301,
    "TLS_AES_256_GCM_SHA384": 0x1302,
    "TLS_CHACHA20_POLY1305_SHA256": 0x1303,
}
_TLS_1_3 = 0x0304

Plain = trio.SocketStream
Encrypted = trio.SSLStream[trio.SocketStream]


class HandshakeError(Exception):
    """The caller does not speak TLS 1.3, shows no certificate that will do, or takes too long."""


class _Outgoing:
    """Stands for a context while a stream is made of it, to keep hold of what the stream would send.

    trio drops the alert that OpenSSL has written when a handshake fails.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self.waiting = ssl.MemoryBIO()

    def wrap_bio(
        self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *, server_side: bool, server_hostname: str | None
    ) -> ssl.SSLObject:
        """Make the TLS side of a connection."""
        self.waiting = outgoing
        return self._context.wrap_bio(incoming, outgoing, server_side=server_side, server_hostname=server_hostname)


async def shake_hands(plain: Plain, context: ssl.SSLContext, seconds: float) -> Encrypted:
    """Do the handshake.

    Args:
        plain: the connection.
        context: with the certificate to show.
        seconds: it may take.

    Raises:
        HandshakeError: it failed; the caller has been sent the alert that says why.
    """
    outgoing = _Outgoing(context)
    stream = trio.SSLStream(plain, cast("ssl.SSLContext", outgoing), server_side=True, https_compatible=True)
    try:
        with trio.fail_after(seconds):
            await stream.do_handshake()
    except trio.TooSlowError:
        raise HandshakeError(f"not finished within {seconds:g} s") from None
    except trio.BrokenResourceError as error:
        reason = str(error.__cause__ or "the caller left")
    else:
        return stream
    alert = outgoing.waiting.read()
    if alert:
        with contextlib.suppress(trio.BrokenResourceError), trio.move_on_after(_ALERT_TIME):
            await plain.send_all(alert)
            await plain.send_eof()
            # In TLS 1.3 the caller has gone on already: closing over what it has sent would cost it the alert.
            while await plain.receive_some():
                pass
    raise HandshakeError(reason)


def tls_extension(stream: Encrypted) -> dict[str, object]:
    """What the ASGI scope says under ``extensions["tls"]`` (ASGI TLS extension 0.2)."""
    der = stream.getpeercert(binary_form=True)
    cipher = stream.cipher()
    return {
        "server_cert": None,
        "client_cert_chain": [ssl.DER_cert_to_PEM_cert(der)] if isinstance(der, bytes) else [],
        "client_cert_name": _name(der) if isinstance(der, bytes) else None,
        "client_cert_error": None,
        "tls_version": _TLS_1_3,
        "cipher_suite": _CIPHER_SUITES.get(cipher[0]) if cipher else None,
    }


def _name(der: bytes) -> str:
    """The subject in the form of RFC 4514."""
    from cryptography.x509 import load_der_x509_certificate  # noqa: PLC0415 - needed with [server] client_ca only

    return load_der_x509_certificate(der).subject.rfc4514_string()
