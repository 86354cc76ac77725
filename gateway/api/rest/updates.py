"""``/v1/system/update``: a board that was flashed is sent another system, and says what became of it."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from gateway.api.asgi import Scope
from gateway.api.request import CLOSE
from gateway.api.rest.problems import Problem, Source
from gateway.api.rest.route import Answer, Call, Form, Route
from gateway.api.rest.shapes import Nothing
from gateway.api.rest.uploads import Pace, Upload

UPDATE = "/v1/system/update"
# Bytes of a bundle: more than a slot holds.
LARGEST = 512 * 1024 * 1024
# Minutes over a poor Wi-Fi are fine, and so is a card that takes its time to keep it all.
PACE = Pace(rate=32 * 1024, silence=30.0, rest=120.0)
# RFC 9530, of this one algorithm; others may stand beside it.
_DIGEST_SIZE = 32
_DIGEST = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]*):\s*(?=,|$)")

_Bare = Call[None, Nothing]


class SystemRow(msgspec.Struct, frozen=True, kw_only=True):
    """A system: ``built`` is when its sources were, ``build`` tells it from every other."""

    version: str
    built: str
    build: str


class RunningRow(msgspec.Struct, frozen=True, kw_only=True):
    """The system that runs, and the slot it runs from; null is what is not known."""

    slot: str | None
    version: str | None
    built: str | None
    build: str | None


class WaitingRow(msgspec.Struct, frozen=True, kw_only=True):
    """A bundle that was sent, and that the update has not taken yet; null is what is not known."""

    asked_by: str | None
    at: str | None
    sha256: str | None
    size: int | None


class UpdateRow(msgspec.Struct, frozen=True, kw_only=True):
    """How updates stand. Where the board was not flashed there are none, and all but that is null.

    ``lines``: those whose devices answered before, and have to on trial. ``asked_by``: who sent it; null: it was given
    on the board.
    """

    flashed: bool
    phase: (
        Annotated[str, Meta(description="idle, installing, restarting, on_trial, kept, fell_back or refused")] | None
    ) = None
    since: str | None = None
    reason: str | None = None
    before: SystemRow | None = None
    target: SystemRow | None = None
    lines: tuple[str, ...] | None = None
    asked_by: str | None = None
    running: RunningRow | None = None
    waiting: WaitingRow | None = None


class Board(Protocol):
    """The service; see ``gateway.appliance.sent``."""

    async def standing(self) -> UpdateRow:
        """How updates stand."""
        ...

    async def receive(
        self, by: str, piece: Callable[[], Awaitable[bytes]], *, size: int | None, said: str | None
    ) -> str:
        """Take a bundle, for the update that runs as root.

        Args:
            by: who sends it.
            piece: the next bytes, none at the end. What it raises ends it, and nothing is left of what came.
            size: bytes that will come; None: nobody knows.
            said: the SHA-256 it has by the sender, in hex; None: he does not say.

        Returns:
            Its SHA-256, in hex.

        Raises:
            GatewayError: CONFLICT, this is no time or no board for it; INVALID, it is no bundle, or not what the sender
                says; UNAVAILABLE, there is no room.
        """
        ...


class UpdateRoutes:
    """What can be asked of it.

    Args:
        board: takes bundles.
    """

    def __init__(self, board: Board) -> None:
        self._board = board

    async def look(self, _: _Bare) -> Answer:
        """GET: how updates stand."""
        return Answer(data=await self._board.standing())

    async def send(self, call: Call[Upload, Nothing]) -> Answer:
        """PUT: the bundle."""
        body, by = call.body, call.origin.principal.known_as
        sha256 = await self._board.receive(by, body.piece, size=body.size, said=_said(call.origin.scope))
        return Answer(data=await self._board.standing(), target=f"sha256:{sha256}")


def _said(scope: Scope) -> str | None:
    """The SHA-256 that the body has by ``Content-Digest``, in hex; None where nothing is said of it.

    Raises:
        Problem: 400, it cannot be read, or has none of that algorithm: who wants a check is to have it.
    """
    given = ",".join(value.decode("latin-1") for name, value in scope["headers"] if name == b"content-digest")
    if not given:
        return None
    found = _DIGEST.search(given)
    try:
        digest = b"" if found is None else base64.b64decode(found[1], validate=True)
    except binascii.Error:
        digest = b""
    if len(digest) != _DIGEST_SIZE:
        raise Problem(
            400,
            "unknown_digest",
            "Content-Digest is sha-256=:BASE64: with the SHA-256 of the body (RFC 9530), or left out.",
            source=Source("header", "Content-Digest"),
            headers=CLOSE,
        )
    return digest.hex()


def update_routes(board: Board) -> tuple[Route, ...]:
    """The routes of updates.

    Args:
        board: takes bundles.
    """
    work = UpdateRoutes(board)
    return (
        Route(
            name="update.get",
            method="GET",
            path=UPDATE,
            run=work.look,
            scope="system:read",
            summary="How updates of the board stand",
            resource="update",
            result=UpdateRow,
            audited=False,
        ),
        Route(
            name="update.send",
            method="PUT",
            path=UPDATE,
            run=work.send,
            scope="system:update",
            summary="Send the board a signed bundle with another system",
            resource="update",
            result=UpdateRow,
            status=202,
            takes=Form.FILE,
            accepts=("application/octet-stream",),
            largest=LARGEST,
            pace=PACE,
        ),
    )
