"""What both clients make of httpx: how it is set up, and its errors in words of this kit."""

from __future__ import annotations

import ssl

import httpx

from .effects import Response
from .errors import NotTrustedError, ProtocolError, UnreachableError
from .session import USER_AGENT

# A gateway answers within 30 s, so nothing is lost by waiting a little longer than that.
ANSWER_S = 35.0
CONNECT_S = 10.0
# Longer than the 30 s between two heartbeats: a handshake for each costs the gateway more than all else they do. And
# shorter than the minute after which a gateway closes what is idle, which would break off a call that comes just then.
LIMITS = httpx.Limits(keepalive_expiry=45.0)
# The longest answer there is, ten thousand samples, has less than two megabytes.
MAX_BODY = 16 * 1024 * 1024
# Compressed, an answer of any size would fit into a few bytes.
HEADERS = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}

# Nothing went over a connection that was not made.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


def timeouts(answer: float) -> httpx.Timeout:
    """How long each step may take, where a whole answer may take so many seconds."""
    return httpx.Timeout(answer, connect=min(answer, CONNECT_S))


def failure(error: httpx.HTTPError, url: str) -> UnreachableError:
    """The exception for a call that got no answer."""
    place = str(httpx.URL(url).copy_with(path="/")).rstrip("/")
    untrusted = _certificate_error(error)
    if untrusted is not None:
        return not_trusted(place, untrusted)
    sent = not isinstance(error, _NOT_SENT)
    words = str(error) or type(error).__name__
    return UnreachableError(f"{place} {'broke off' if sent else 'cannot be reached'}: {words}", sent=sent)


def not_trusted(place: str, error: ssl.SSLCertVerificationError) -> NotTrustedError:
    """The exception for a certificate of somebody else."""
    return NotTrustedError(
        f"{place} shows a certificate the given ca does not vouch for ({error.verify_message}): it is another gateway, "
        "its authority was replaced, or the clock of this machine is wrong. Copy ca.pem anew"
    )


def late(url: str, seconds: float) -> UnreachableError:
    """The exception for an answer that did not come in time."""
    return UnreachableError(f"{url} did not answer within {seconds:g} s", sent=True)


def too_long(url: str) -> ProtocolError:
    """The exception for an answer without an end."""
    return ProtocolError(f"{url} answered with more than {MAX_BODY} bytes")


def response_of(response: httpx.Response, body: bytes) -> Response:
    """A response as the pure part knows it."""
    return Response(response.status_code, {name.lower(): value for name, value in response.headers.items()}, body)


def _certificate_error(error: BaseException) -> ssl.SSLCertVerificationError | None:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return cause
        cause = cause.__cause__ or cause.__context__
    return None
