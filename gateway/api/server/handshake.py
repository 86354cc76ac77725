"""The TLS handshake of one connection: who calls, and a word to those who are turned away."""

from __future__ import annotations

import contextlib
import ssl

import trio

from gateway.settings.model import LimitSettings
from gateway.streams.encrypted import Encrypted
from gateway.streams.plain import Plain

# Seconds a caller whose handshake fails has to take the alert that says why, and to leave.
_ALERT_TIME = 1.0
# RFC 8446, B.4.
_CIPHER_SUITES = {
    "TLS_AES_128_GCM_SHA256": 0x1301,
    "TLS_AES_256_GCM_SHA384": 0x1302,
    "TLS_CHACHA20_POLY1305_SHA256": 0x1303,
}
_TLS_1_3 = 0x0304
# What OpenSSL says where a request came in the place of a handshake.
_HTTP_REQUEST = "HTTP_REQUEST"
_WORDS = b"This port speaks https, and what was sent came in clear: call it by https://\n"
# The same for everybody, and nothing of the request in it: it tells no more than that this is a server.
IN_CLEAR = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b"
    % (len(_WORDS), _WORDS)
)


class HandshakeError(Exception):
    """The caller does not speak TLS 1.3, shows no certificate that will do, or takes too long."""


async def shake_hands(plain: Plain, context: ssl.SSLContext, limits: LimitSettings) -> Encrypted:
    """Do the handshake.

    Args:
        plain: the connection.
        context: with the certificate to show.
        limits: the time it may take, and that of each answer after it.

    Raises:
        HandshakeError: it failed; the caller has been told why, by an alert or in clear where it speaks in clear.
    """
    stream = Encrypted(plain, context, limits.write_time)
    fault = await _fault(stream, limits.handshake_time)
    if fault is None:
        return stream
    reason, spoken = fault
    alert = IN_CLEAR if spoken else stream.last_word()
    if alert:
        with contextlib.suppress(trio.BrokenResourceError), trio.move_on_after(_ALERT_TIME):
            await plain.send_all(alert)
            await plain.send_eof()
            # In TLS 1.3 the caller has gone on already: closing over what it has sent would cost it the alert.
            while await plain.receive_some():
                pass
    raise HandshakeError(reason)


async def _fault(stream: Encrypted, seconds: float) -> tuple[str, bool] | None:
    """Why a handshake fails, and whether because the caller speaks HTTP in clear; None: it does not fail.

    Nothing of what was raised is kept: it has the frames it came through, and those have the connection.
    """
    try:
        # Not ``fail_after``: it leaves behind what refers to itself.
        with trio.move_on_after(seconds):
            await stream.do_handshake()
            return None
    except trio.TooSlowError:
        pass
    except trio.BrokenResourceError as error:
        return str(error.__cause__ or "the caller left"), _speaks_http(error.__cause__)
    raise HandshakeError(f"not finished within {seconds:g} s")


def _speaks_http(cause: BaseException | None) -> bool:
    return isinstance(cause, ssl.SSLError) and cause.reason == _HTTP_REQUEST


def tls_extension(stream: Encrypted) -> dict[str, object]:
    """What the ASGI scope says under ``extensions["tls"]`` (ASGI TLS extension 0.2)."""
    der = stream.session.getpeercert(binary_form=True)
    cipher = stream.session.cipher()
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
