"""Who shows a bearer token: each is proven by the one class it says it is of, and by no other (D-030)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from gateway.access.agent_tokens import TYPE as AGENT
from gateway.access.agent_tokens import AgentTokens
from gateway.access.enrolment import TYPE as ENROLMENT
from gateway.access.enrolment import Enrolments
from gateway.access.jws import claimed, refused
from gateway.access.keys import RootKey
from gateway.access.proven import Proven, ProvenTokens
from gateway.access.revocations import Revocations
from gateway.access.tokens import TYPE as OPERATOR
from gateway.access.tokens import OperatorTokens
from gateway.core.principal import Kind, Principal

# Seconds after its end in which an agent's token still tells who registers again.
RENEWABLE = 30 * 86400


class TokenKind(Protocol):
    """One class of tokens."""

    def prove(self, token: str, audience: str) -> Proven:
        """Prove everything about a token but its time, and that it was not revoked. Raises UNAUTHENTICATED."""
        ...


class Bearer:
    """Verifies tokens of every class.

    A token that was proven costs a look into a dictionary and at the clock from then on; a revocation or a rotation of
    keys has all of them proven anew.

    Args:
        root: the keys of all classes come from it.
        operators: the class of ``op+jwt``.
        agents: the class of ``a2a+jwt``.
        enrolments: the class of ``enrol+jwt``.
        revocations: what no longer counts.
        wall: Unix seconds.
        synchronised: whether that clock can be trusted; while not, a refusal by time tells the caller our time.
    """

    def __init__(
        self,
        root: RootKey,
        *,
        operators: OperatorTokens,
        agents: AgentTokens,
        enrolments: Enrolments,
        revocations: Revocations,
        wall: Callable[[], float],
        synchronised: Callable[[], bool],
    ) -> None:
        self._classes: Mapping[str, TokenKind] = {OPERATOR: operators, AGENT: agents, ENROLMENT: enrolments}
        self._revocations = revocations
        self._proven = ProvenTokens(wall, synchronised)
        revocations.changed.append(self._proven.forget)
        root.changed.append(self._proven.forget)

    def take(self, type_: str, kind: TokenKind) -> None:
        """Learn to prove another class of tokens.

        Args:
            type_: in their header.
            kind: proves them.
        """
        self._classes = {**self._classes, type_: kind}

    def forget(self) -> None:
        """Have every token proven anew: somebody may do something else than before."""
        self._proven.forget()

    def verify(self, token: str, audience: str) -> Principal:
        """Tell who calls.

        Args:
            token: as it stood after ``Bearer``.
            audience: the path family that was called, ``PLUGIN_API`` or ``AGENT_API``.

        Raises:
            GatewayError: UNAUTHENTICATED, with a reason that says no more than the caller may know.
        """
        return self._proven.find(token, audience) or self._proven.keep(token, audience, self._prove(token, audience))

    def verify_for_renewal(self, token: str, audience: str) -> Principal:
        """Tell who registers: as ``verify``, but an agent's token may be superseded, or have expired up to 30 days ago.

        An agent that was off, or that never got the answer with its next token, comes back with the last one it has.
        That proves nothing but which agent it was given to: take it only along with a fresh signature of the card by
        ``principal.key``, which ``CardSignatures.check`` proves.

        Args:
            token: as it stood after ``Bearer``.
            audience: the path family that was called.

        Raises:
            GatewayError: UNAUTHENTICATED.
        """
        proven = self._prove(token, audience, renewing=True)
        self._proven.check_time(proven, RENEWABLE if proven.principal.kind is Kind.AGENT else 0)
        return proven.principal

    def _prove(self, token: str, audience: str, *, renewing: bool = False) -> Proven:
        kind = self._classes.get(claimed(token).type)
        if kind is None:
            raise refused("this is no token of this gateway: issue a new one")
        proven = kind.prove(token, audience)
        self._revocations.check(proven, renewing=renewing)
        return proven
