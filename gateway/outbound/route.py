"""Whom to call, and where that is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Peer:
    """Whom to call.

    Attributes:
        host: its name, or its address as text: what its certificate must be for.
        port: TCP port.
        tls: False: plain http, which proves nothing and hides nothing.
    """

    host: str
    port: int
    tls: bool = True


@dataclass(frozen=True, slots=True)
class Route:
    """Where a peer is.

    Attributes:
        address: the IP address to connect to; no name is looked up any more.
        ca: file with the authority of its certificate; None: one the system knows.
    """

    address: str
    ca: str | None = None


class WireError(Exception):
    """There is no answer; the text says why."""


class UntrustedError(WireError):
    """Its certificate is not one to trust here; waiting mends nothing."""


class ClosedError(WireError):
    """The connection ended before anything of an answer came."""
