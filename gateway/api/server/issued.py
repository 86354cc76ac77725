"""What is asked of who makes certificates, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate and its key, both PEM, and when it is valid in Unix seconds."""

    certificate: bytes
    key: bytes
    not_before: float
    not_after: float


@dataclass(frozen=True, slots=True)
class Order:
    """A server certificate that is wanted.

    Attributes:
        label: tells this gateway's authority from others, where one must be made.
        names: the certificate is to be good for.
        now: Unix seconds.
        authority: certificate of the authority, PEM; None: there is none.
        authority_key: its key, PEM.
    """

    label: str
    names: list[str]
    now: float
    authority: bytes | None
    authority_key: bytes | None


@dataclass(frozen=True, slots=True)
class Made:
    """What was made.

    Attributes:
        leaf: the server certificate.
        authority: a new one, where that was needed.
        why: the one that was there could not be used; None where there was none.
    """

    leaf: Issued
    authority: Issued | None = None
    why: str | None = None
