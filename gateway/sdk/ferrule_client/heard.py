"""What may come over a WebSocket."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Opened:
    """The handshake was accepted."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """The handshake was refused.

    Attributes:
        status: of HTTP.
        retry_after: seconds; None where nothing was said.
        body: of the answer.
    """

    status: int
    retry_after: float | None
    body: bytes


@dataclass(frozen=True, slots=True)
class Said:
    """A message came: a JSON object."""

    given: dict[str, object]


@dataclass(frozen=True, slots=True)
class Closed:
    """The other side has closed.

    Attributes:
        code: of RFC 6455 or of the gateway.
        reason: in words.
    """

    code: int
    reason: str


Heard = Opened | Rejected | Said | Closed
