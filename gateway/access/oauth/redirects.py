"""Where a browser may be sent back to: registered URIs, letter by letter (RFC 9700, 2.1; RFC 8252, 7)."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from gateway.core.errors import GatewayError, invalid

_LONGEST = 512
# What may stand in a URI (RFC 3986, 2), without the fragment's mark: nothing that could end a header, a policy or an
# attribute early.
_LETTERS = re.compile(r"[A-Za-z0-9:/?\[\]@!$&'()*+=._~%-]+", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9a-f:.]*:[0-9a-f:.]*", re.ASCII)
# Of programs installed on a device (RFC 8252, 7.1): a domain name turned round. It keeps out javascript: and the like.
_PRIVATE_USE = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+", re.ASCII)
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def check_redirect(uri: str) -> str:
    """See that a URI can be registered.

    Raises:
        GatewayError: INVALID, with what would be right.
    """
    if len(uri) > _LONGEST or _LETTERS.fullmatch(uri) is None:
        words = f"a redirect URI has 1 to {_LONGEST} of the letters of a URI, and no fragment; write others as %XX"
        raise _wrong(words, uri)
    parts = _split(uri)
    if parts is None:
        raise _wrong("this is no URI", uri)
    if parts.scheme not in {"http", "https"}:
        if _PRIVATE_USE.fullmatch(parts.scheme) is None or not uri.startswith(f"{parts.scheme}:"):
            raise _wrong(
                "write https://..., or http://127.0.0.1/... for a program on the caller's machine, or the scheme of "
                "an installed program as com.example.app:/...",
                uri,
            )
        return uri
    host = parts.hostname
    if not uri.startswith(f"{parts.scheme}://") or not host or "@" in parts.netloc or _HOST.fullmatch(host) is None:
        raise _wrong("name a host, without a user", uri)
    if parts.port == 0:
        raise _wrong("port 0 is no port", uri)
    if parts.scheme == "http" and host not in _LOOPBACK:
        raise _wrong("write https, unless it leads to the caller's own machine (http://127.0.0.1/...)", uri)
    return uri


def fits(registered: str, given: str) -> bool:
    """Whether a URI that was sent is a registered one: letter by letter, with any port on loopback (RFC 8252, 7.3).

    Args:
        registered: as ``check_redirect`` let it pass.
        given: as it was sent; it must pass ``check_redirect`` too where it differs.
    """
    if registered == given:
        return True
    one, other = _split(registered), _split(given)
    if one is None or other is None or one.scheme != "http" or one.hostname not in _LOOPBACK:
        return False
    try:
        check_redirect(given)
    except GatewayError:
        return False
    return (one.scheme, one.hostname, one.path, one.query) == (other.scheme, other.hostname, other.path, other.query)


def _split(uri: str) -> SplitResult | None:
    try:
        parts = urlsplit(uri)
        _ = parts.port, parts.hostname
    except ValueError:
        return None
    return parts


def _wrong(reason: str, uri: str) -> GatewayError:
    return invalid("redirect_uris", reason, uri[:_LONGEST])
