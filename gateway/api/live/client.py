"""One client: who it is, what it wants, and how its connection ends."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

import trio

from gateway.api.asgi import Scope
from gateway.api.live.frames import short
from gateway.api.live.interests import Wish
from gateway.api.live.outgoing import Outgoing
from gateway.core.principal import Principal

# Frames a client may send in a second, and at once.
RATE, BURST = 20.0, 40


class Close(IntEnum):
    """Close codes (RFC 6455, 7.4; those of D-130)."""

    BINARY = 1003
    UNAUTHENTICATED = 4401
    FORBIDDEN = 4403
    SLOW = 4408
    TOO_MANY = 4429


@dataclass(frozen=True, slots=True)
class Shown:
    """What somebody shows to be known.

    Attributes:
        text: a token, or an API key as ``ID:KEY``. It is in no text made of this.
        is_key: whether it is a key.
    """

    text: str
    is_key: bool = False

    def __repr__(self) -> str:
        return f"Shown(***, is_key={self.is_key})"


class Client:
    """One connection.

    Args:
        outgoing: what it is sent.
        most: frames that may wait for it.
        audience: the path family it came to.
        handshake: the scope of its handshake.

    Attributes:
        scope: of everything that is done for it but sending; it is cancelled when the connection is to end.
        ending: close code and reason, once it is to end for a reason of ours.
        principal: who it is; None before it has shown a token.
        shown: what it has shown.
        wishes: what it has subscribed to.
    """

    def __init__(self, outgoing: Outgoing, most: int, audience: str, handshake: Scope) -> None:
        self.outgoing = outgoing
        self.audience = audience
        self.handshake = handshake
        self.scope = trio.CancelScope()
        self.ending: tuple[Close, str] | None = None
        self.principal: Principal | None = None
        self.shown = Shown("")
        self.wishes: dict[tuple[str, str], Wish] = {}
        self._most = most
        self._frames = float(BURST)
        self._counted = trio.current_time()

    def deliver(self, frame: bytes) -> bool:
        """Queue a frame of an event; False: too much waits already, and the client is ended and told so."""
        if self.ending is not None:
            return False
        if self.outgoing.put(frame, self._most):
            return True
        self.outgoing.drop()
        self.end(Close.SLOW, "events came faster than they were taken: come again with resume_from")
        return False

    def say(self, frame: bytes) -> None:
        """Send an answer, behind what waits. Who does not take answers is ended like who does not take events."""
        if self.deliver(frame):
            self.outgoing.flush()

    def end(self, code: Close, reason: str) -> None:
        """Close it once what waits is sent; the first reason counts."""
        if self.ending is None:
            self.ending = code, short(reason)
            self.scope.cancel()

    def count_frame(self) -> bool:
        """Count a frame of the client; False: it is one too many."""
        now = trio.current_time()
        self._frames = min(BURST, self._frames + (now - self._counted) * RATE)
        self._counted = now
        if self._frames < 1:
            return False
        self._frames -= 1
        return True

    def with_wishes(self, wishes: Iterable[Wish]) -> dict[tuple[str, str], Wish]:
        """All it would want with these, the new ones in the place of those of the same name."""
        return self.wishes | {wish.key: wish for wish in wishes}
