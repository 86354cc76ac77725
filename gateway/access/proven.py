"""Tokens that were proven, and their time, which is looked at with every use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gateway.access.jws import refused
from gateway.core import rfc3339
from gateway.core.principal import Principal

LEEWAY = 60
# Proven tokens that are remembered; beyond, the oldest is proven anew.
REMEMBERED = 1024


@dataclass(frozen=True, slots=True)
class Proven:
    """A token whose signature and content were checked.

    Attributes:
        principal: who shows it.
        not_before: Unix seconds.
        expires: Unix seconds.
        issued: Unix seconds; of an enrolment to the millisecond.
        epoch: of an agent's token, how often earlier ones had been voided when it was issued.
    """

    principal: Principal
    not_before: int
    expires: int
    issued: float
    epoch: int = 0


class ProvenTokens:
    """Remembers proven tokens: the work of proving is done once, that of time always.

    Args:
        wall: Unix seconds.
        synchronised: whether that clock can be trusted; while not, a refusal by time tells the caller our time.
    """

    def __init__(self, wall: Callable[[], float], synchronised: Callable[[], bool]) -> None:
        self._wall = wall
        self._synchronised = synchronised
        self._known: dict[tuple[str, str], Proven] = {}

    def find(self, token: str, audience: str) -> Principal | None:
        """Who shows a token, where that was proven before.

        Raises:
            GatewayError: UNAUTHENTICATED, it is out of its time.
        """
        proven = self._known.get((token, audience))
        if proven is None:
            return None
        self.check_time(proven)
        return proven.principal

    def keep(self, token: str, audience: str, proven: Proven) -> Principal:
        """Remember a token that has just been proven.

        Raises:
            GatewayError: UNAUTHENTICATED, it is out of its time.
        """
        self.check_time(proven)
        if len(self._known) >= REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[token, audience] = proven
        return proven.principal

    def forget(self) -> None:
        """Have every token proven anew: one of them may be void."""
        self._known.clear()

    def check_time(self, proven: Proven, grace: int = 0) -> None:
        """Refuse a token that is out of its time.

        Args:
            proven: the token.
            grace: seconds that are allowed beyond its end.

        Raises:
            GatewayError: UNAUTHENTICATED; with ``serverTime`` while our clock cannot be trusted (ruling 16).
        """
        now = self._wall()
        if now >= proven.expires + LEEWAY + grace:
            reason = "the token has expired: issue a new one"
        elif now < proven.not_before - LEEWAY:
            reason = "the token is not valid yet: compare the clocks"
        else:
            return
        if self._synchronised():
            raise refused(reason)
        raise refused(f"{reason} (the gateway's own clock is not synchronised)", {"serverTime": rfc3339.text(now)})
