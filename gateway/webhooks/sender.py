"""Sends one attempt to where it may go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gateway.outbound.client import Client, Posted
from gateway.outbound.connection import Request
from gateway.outbound.route import Peer, Route
from gateway.webhooks.destination import Destination
from gateway.webhooks.egress import Egress, EgressRefusedError, NotResolvedError
from gateway.webhooks.signing import Parcel

# What those answer that stand before the receiver.
_ON_THE_WAY = frozenset({502, 503, 504})


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of one attempt.

    Attributes:
        address: that was connected to; None where none was.
        status: of the answer; None where there was none.
        headers: of the answer, names in small letters.
        body: its beginning.
        error: why there was no answer; None where there was one.
        refused: whether the configuration does not let it go there.
    """

    address: str | None
    status: int | None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    error: str | None = None
    refused: bool = False

    @property
    def delivered(self) -> bool:
        """Whether the receiver took it: only 2xx says so (D-145)."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def unreached(self) -> bool:
        """Whether nobody looked at the event: what failed is the way there."""
        return never_reached(self.status)


def never_reached(status: int | None) -> bool:
    """Whether an attempt with this status, or without an answer, failed on the way."""
    return status is None or status in _ON_THE_WAY


class Send(Protocol):
    """Sends a parcel; never raises but when it is cancelled."""

    async def __call__(self, destination: Destination, parcel: Parcel, turn: int, within: float) -> Sent:
        """Send it.

        Args:
            destination: where to.
            parcel: headers and body.
            turn: which address of several.
            within: seconds until the answer must be there.
        """
        ...


class Sender:
    """Sends over the network.

    Args:
        client: keeps connections.
        egress: says where to.
        agent: value of ``User-Agent``.
    """

    def __init__(self, client: Client, egress: Egress, agent: str) -> None:
        self._client = client
        self._egress = egress
        self._agent = agent

    async def __call__(self, destination: Destination, parcel: Parcel, turn: int, within: float) -> Sent:
        """See `Send`."""

        async def find() -> Route:
            return await self._egress.find(destination, turn)

        def judge(address: str) -> Route:
            self._egress.look(destination)
            return self._egress.judge(destination, address)

        headers = (*parcel.headers, ("user-agent", self._agent), ("accept", "*/*"))
        try:
            posted = await self._client.post(
                Peer(destination.host, destination.port, destination.scheme == "https"),
                destination.authority,
                Request(destination.target, headers, parcel.body),
                find=find,
                judge=judge,
                within=within,
            )
        except EgressRefusedError as error:
            return Sent(None, None, error=str(error), refused=True)
        except NotResolvedError as error:
            return Sent(None, None, error=str(error))
        return _sent(destination, posted)


def _sent(destination: Destination, posted: Posted) -> Sent:
    if posted.answer is None:
        return Sent(posted.address, None, error=f"{destination.host} {posted.error}")
    answer = posted.answer
    return Sent(posted.address, answer.status, answer.headers, answer.body)
