"""What was given out and no longer counts: single tokens, all tokens of an agent, enrolments that were used (D-044).

Everything is remembered until the tokens in question have expired by themselves, and survives a restart.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.access.jws import refused
from gateway.access.proven import Proven
from gateway.core.errors import GatewayError
from gateway.core.ports import FactStore
from gateway.core.principal import Kind, Principal

TOKEN_REVOKED = "token_revoked"  # noqa: S105 - the name of a kind of facts
AGENT_REVOKED = "agent_revoked"
AGENT_SUPERSEDED = "agent_superseded"
ENROLMENTS_REVOKED = "enrolments_revoked"
ENROLMENT_USED = "enrolment_used"
# No token of an agent lives longer, nor is it good for renewal any more.
LONGEST_LIFE = 32 * 86400


class Revocations:
    """Knows which tokens are void, and tells at once who remembers proven ones.

    Attributes:
        changed: called when another token is void.

    Args:
        facts: where it is kept; urgent, so that a power cut brings no token back.
        wall: Unix seconds.
        synchronised: whether that clock can be trusted; while not, nothing is forgotten.
    """

    def __init__(self, facts: FactStore, wall: Callable[[], float], synchronised: Callable[[], bool]) -> None:
        self._facts = facts
        self._wall = wall
        self._synchronised = synchronised
        self._tokens = _whole(facts, TOKEN_REVOKED)
        self._agents = _whole(facts, AGENT_REVOKED)
        self._superseded = _whole(facts, AGENT_SUPERSEDED)
        self._enrolments = _whole(facts, ENROLMENTS_REVOKED)
        self._used = _whole(facts, ENROLMENT_USED)
        # The last stamp of each agent: a clock that is set back must not put a revocation before what it voids.
        self._stamped: dict[str, int] = {}
        self.changed: list[Callable[[], None]] = []
        self._forget()

    def stamp(self, agent_id: str) -> float:
        """When a token for an agent counts as issued: now, but after the last revocation of its tokens.

        A clock that was set back, or two steps within a millisecond, must not void what is given out afterwards.
        """
        stamp = max(self._now(), self._void_until(agent_id) + 1)
        self._stamped[agent_id] = max(stamp, self._stamped.get(agent_id, 0))
        return stamp / 1000

    def revoke_token(self, token_id: str, expires: int) -> None:
        """Void one token.

        Args:
            token_id: its ``jti``.
            expires: its ``exp``.
        """
        self._set(self._tokens, TOKEN_REVOKED, token_id, expires)

    def revoke_agent(self, agent_id: str) -> None:
        """Void every token of an agent that was issued up to now, enrolments that were not used yet included."""
        self._set(self._agents, AGENT_REVOKED, agent_id, self._up_to_now(agent_id))
        self._set(self._enrolments, ENROLMENTS_REVOKED, agent_id, self._now())

    def supersede(self, agent_id: str) -> None:
        """Void the agent tokens an agent has, because it gets another; they still tell who registers again (D-044)."""
        self._set(self._superseded, AGENT_SUPERSEDED, agent_id, self._up_to_now(agent_id))

    def spend(self, enrolment: Principal) -> None:
        """Use an enrolment up: it registers once.

        Raises:
            GatewayError: UNAUTHENTICATED, it was used before.
        """
        if enrolment.token_id in self._used:
            raise _used(enrolment.subject)
        self._set(self._used, ENROLMENT_USED, enrolment.token_id, enrolment.expires)

    def check(self, proven: Proven, *, renewing: bool = False) -> None:
        """Refuse a token that is void.

        Args:
            proven: the token.
            renewing: let an agent's token pass that was only superseded.

        Raises:
            GatewayError: UNAUTHENTICATED.
        """
        principal = proven.principal
        if principal.token_id in self._tokens:
            raise refused("the token was revoked: issue a new one")
        if principal.kind is Kind.OPERATOR:
            return
        issued, agent_id = round(proven.issued * 1000), principal.subject
        revoked = self._enrolments if principal.kind is Kind.ENROLMENT else self._agents
        if issued <= revoked.get(agent_id, -1):
            raise refused(f"the tokens of {agent_id} were revoked: enrol it anew (ferrule agents enrol)")
        if principal.kind is Kind.ENROLMENT:
            if principal.token_id in self._used:
                raise _used(agent_id)
        elif not renewing and issued <= self._superseded.get(agent_id, -1):
            raise refused("the agent has registered anew since, and got another token: use that one")

    def _void_until(self, agent_id: str) -> int:
        return max(self._agents.get(agent_id, 0), self._superseded.get(agent_id, 0))

    def _up_to_now(self, agent_id: str) -> int:
        return max(self._now(), self._stamped.get(agent_id, 0), self._void_until(agent_id))

    def _set(self, known: dict[str, int], kind: str, key: str, value: int) -> None:
        self._forget()
        known[key] = value
        self._facts.remember(kind, key, value, urgent=True)
        for tell in self.changed:
            tell()

    def _forget(self) -> None:
        """Drop what only concerns tokens that have expired. A clock that may be wrong is no reason to."""
        if not self._synchronised():
            return
        now = self._now()
        for known, kind, unit in (
            (self._tokens, TOKEN_REVOKED, 1000),
            (self._agents, AGENT_REVOKED, 1),
            (self._superseded, AGENT_SUPERSEDED, 1),
            (self._enrolments, ENROLMENTS_REVOKED, 1),
            (self._used, ENROLMENT_USED, 1000),
        ):
            for key in [key for key, value in known.items() if value * unit + LONGEST_LIFE * 1000 <= now]:
                del known[key]
                self._facts.remember(kind, key, None)

    def _now(self) -> int:
        return round(self._wall() * 1000)


def _used(agent_id: str) -> GatewayError:
    return refused(
        f"this enrolment of {agent_id} was used: register with the token you got then, or have a new one issued "
        "(ferrule agents enrol)"
    )


def _whole(facts: FactStore, kind: str) -> dict[str, int]:
    return {key: value for key, value in facts.recall(kind).items() if type(value) is int}
