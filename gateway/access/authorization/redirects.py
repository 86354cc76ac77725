"""Where a browser is sent back to: one of the client's URIs, and what is said of it (RFC 6749, 3.1.2)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from gateway.access.oauth.redirects import fits

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def chosen(registered: Iterable[str], given: str | None) -> str | None:
    """The URI to send a browser to; None: none that is proven.

    Args:
        registered: those of the client.
        given: that of the request; None: it may be left out where there is only one.
    """
    known = tuple(registered)
    if given is None:
        return known[0] if len(known) == 1 else None
    return given if any(fits(one, given) for one in known) else None


def with_parameters(uri: str, parameters: Iterable[tuple[str, str]]) -> str:
    """A redirect URI with the parameters of an answer; a query of its own stays."""
    joint = "&" if "?" in uri else "?"
    return f"{uri}{joint}{urlencode(list(parameters), errors='replace')}"


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a redirect URI leads, for people and for policies.

    Attributes:
        shown: in words a person can judge.
        source: as a Content-Security-Policy names it (CSP 3, 2.3.1).
    """

    shown: str
    source: str


def destination(uri: str) -> Destination:
    """Where a proven redirect URI leads."""
    parts = urlsplit(uri)
    if parts.scheme not in {"http", "https"}:
        return Destination(f"an app on this device ({parts.scheme})", f"{parts.scheme}:")
    # A policy has no form for an IPv6 address.
    source = f"{parts.scheme}:" if "[" in parts.netloc else f"{parts.scheme}://{parts.netloc}"
    if parts.hostname in _LOOPBACK:
        return Destination(f"a program on this device ({parts.netloc})", source)
    return Destination(parts.netloc, source)
