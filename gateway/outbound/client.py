"""Posts to peers, and keeps connections to them open for a while: a TLS handshake costs far more than a delivery."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

import trio

from gateway.outbound.connection import Answer, Bounds, Connection, Request, connect
from gateway.outbound.route import ClosedError, Peer, Route, UntrustedError, WireError
from gateway.outbound.trust import Trust

# Seconds a connection is kept without use; many servers close after as long.
IDLE_S = 30.0
# Connections without use that are kept, of one peer and altogether.
_MOST_IDLE_OF_ONE, _MOST_IDLE = 2, 32
DEFAULT_BOUNDS = Bounds()


@dataclass(frozen=True, slots=True)
class Posted:
    """What came of a request.

    Attributes:
        address: that was connected to; None where none was.
        answer: None where none came.
        error: why there is none, for people; None where there is one.
        untrusted: whether that is the peer's certificate.
    """

    address: str | None
    answer: Answer | None
    error: str | None = None
    untrusted: bool = False


class Client:
    """Posts to peers.

    Args:
        trust: makes TLS contexts.
        idle: seconds a connection is kept without use.
    """

    def __init__(self, trust: Trust | None = None, *, idle: float = IDLE_S) -> None:
        self._trust = trust or Trust()
        self._idle = idle
        self._kept: deque[tuple[float, Peer, Connection]] = deque()
        self._more = trio.Event()
        self._ended = False

    async def run(self) -> None:
        """Close what was kept for too long, until cancelled; then close everything."""
        try:
            while True:
                if not self._kept:
                    self._more = trio.Event()
                    await self._more.wait()
                with suppress(IndexError):
                    await trio.sleep_until(self._kept[0][0])
                while self._kept and self._kept[0][0] <= trio.current_time():
                    await self._kept.popleft()[2].aclose()
        finally:
            self._ended = True
            # Closing waits for nobody; without a shield only the first one would be closed.
            with trio.CancelScope(shield=True):
                while self._kept:
                    await self._kept.popleft()[2].aclose()

    async def post(
        self,
        peer: Peer,
        authority: str,
        request: Request,
        *,
        find: Callable[[], Awaitable[Route]],
        judge: Callable[[str], Route],
        within: float = math.inf,
        bounds: Bounds = DEFAULT_BOUNDS,
    ) -> Posted:
        """Send a request, over a kept connection or a new one.

        Args:
            peer: to whom.
            authority: as ``Host`` says it.
            request: what.
            find: looks the peer up for a new connection.
            judge: says whether an address may be used still, and how; raises what it likes where not.
            within: seconds for everything up to the head of the answer.
            bounds: how much of the answer is taken.

        Raises:
            Exception: what ``find`` raises.
        """
        stage, address = "was not looked up", None
        deadline = trio.current_time() + within
        try:
            kept = await self._take(peer, judge)
            if kept is not None:
                stage, address = "did not answer", kept.route.address
                # It may be closed in the moment it is used: nothing was heard then, and nothing is known of the peer.
                with suppress(ClosedError):
                    return await self._exchange(kept, peer, authority, request, bounds, deadline=deadline)
                stage, address = "was not looked up", None
            connection = None
            # Not ``fail_at``: it leaves behind what refers to itself.
            with trio.move_on_at(deadline):
                route = await find()
                stage, address = "was not reached", route.address
                context = await self._trust.context(route.ca) if peer.tls else None
                connection = await connect(peer, route, context)
            if connection is None:
                raise trio.TooSlowError
            stage = "did not answer"
            return await self._exchange(connection, peer, authority, request, bounds, deadline=deadline)
        except WireError as error:
            return Posted(address, None, str(error), isinstance(error, UntrustedError))
        except trio.TooSlowError:
            return Posted(address, None, f"{stage} within {within:g} s")

    async def _exchange(
        self,
        connection: Connection,
        peer: Peer,
        authority: str,
        request: Request,
        bounds: Bounds,
        *,
        deadline: float,
    ) -> Posted:
        try:
            answer = await connection.exchange(authority, request, bounds, deadline=deadline)
            return Posted(connection.route.address, answer)
        finally:
            if not connection.reusable or not self._keep(peer, connection):
                await connection.aclose()

    def _keep(self, peer: Peer, connection: Connection) -> bool:
        if (
            self._ended
            or len(self._kept) >= _MOST_IDLE
            or sum(other == peer for _, other, _ in self._kept) >= _MOST_IDLE_OF_ONE
        ):
            return False
        self._kept.append((trio.current_time() + self._idle, peer, connection))
        self._more.set()
        return True

    async def _take(self, peer: Peer, judge: Callable[[str], Route]) -> Connection | None:
        """A connection that is open, to an address that may be used still."""
        for kept in [kept for kept in self._kept if kept[1] == peer]:
            self._kept.remove(kept)
            _, _, connection = kept
            if connection.quiet and _may(connection, judge):
                return connection
            await connection.aclose()
        return None


def _may(connection: Connection, judge: Callable[[str], Route]) -> bool:
    try:
        return judge(connection.route.address) == connection.route
    except Exception:  # noqa: BLE001 - whatever it raises is raised again by looking the peer up anew
        return False
