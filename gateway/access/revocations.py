"""What was given out and no longer counts: single tokens, all tokens of an agent, enrolments that were used (D-044).

It survives a restart. What voids an agent's tokens is counted, not timed: the clock of a board may stand anywhere when
it starts, and a revocation must reach what was issued before it whatever the clock said then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gateway.access.jws import refused
from gateway.access.proven import Proven
from gateway.core.errors import GatewayError
from gateway.core.ports import FactStore, Json
from gateway.core.principal import Kind, Principal

TOKEN_REVOKED = "token_revoked"  # noqa: S105 - the name of a kind of facts
AGENT_REVOKED = "agent_revoked"
ENROLMENT_USED = "enrolment_used"
# Seconds after its end in which a token, revoked or used, is remembered: longer than it is good for anything.
REMEMBERED = 32 * 86400


@dataclass(frozen=True, slots=True)
class _Void:
    """What of an agent is void.

    Attributes:
        superseded: tokens of earlier epochs are.
        revoked: those of earlier epochs do not even tell who registers again.
        enrolments: those issued up to this moment are, Unix milliseconds.
    """

    superseded: int = 0
    revoked: int = 0
    enrolments: int = -1


_NOTHING = _Void()


class Revocations:
    """Knows which tokens are void, and tells at once who remembers proven ones. Implements ``core.ports.Owners``.

    What it knows of an agent is never forgotten: a few bytes for each id that was ever enrolled.

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
        self._tokens = _moments(facts.recall(TOKEN_REVOKED))
        self._used = _moments(facts.recall(ENROLMENT_USED))
        self._agents = {agent_id: _read(value) for agent_id, value in facts.recall(AGENT_REVOKED).items()}
        self.changed: list[Callable[[], None]] = []
        self._forget()

    def epoch(self, agent_id: str) -> int:
        """How often tokens of an agent were voided: a token is good in the epoch it was issued in."""
        return self._agents.get(agent_id, _NOTHING).superseded

    def revoke_token(self, token_id: str, expires: int) -> None:
        """Void one token.

        Args:
            token_id: its ``jti``.
            expires: its ``exp``.
        """
        self._tokens[token_id] = expires
        self._keep(TOKEN_REVOKED, token_id, expires)

    def revoke_agent(self, agent_id: str) -> None:
        """Void every token of an agent that was issued up to now, enrolments that were not used yet included."""
        epoch = self.epoch(agent_id) + 1
        self._void(agent_id, _Void(epoch, epoch, self._now()))

    def supersede(self, agent_id: str, *, enrolled: bool = False, urgent: bool = True) -> None:
        """Void the agent tokens an agent has, because it gets another; they still tell who registers again (D-044).

        Args:
            agent_id: whose.
            enrolled: it was enrolled anew: what it had before tells nothing any more. With the key of then it would
                bring back what the agent was allowed then.
            urgent: it is on disk at once, so that a power cut brings no token back; else within the flush interval.
        """
        known = self._agents.get(agent_id, _NOTHING)
        epoch = known.superseded + 1
        self._void(agent_id, _Void(epoch, epoch if enrolled else known.revoked, known.enrolments), urgent=urgent)

    def spend(self, enrolment: Principal) -> None:
        """Use an enrolment up: it registers once.

        Raises:
            GatewayError: UNAUTHENTICATED, it was used before.
        """
        if enrolment.token_id in self._used:
            raise _used(enrolment.subject)
        self._used[enrolment.token_id] = enrolment.expires
        self._keep(ENROLMENT_USED, enrolment.token_id, enrolment.expires)

    def check(self, proven: Proven, *, renewing: bool = False) -> None:
        """Refuse a token that is void.

        Args:
            proven: the token.
            renewing: let an agent's token pass that was only superseded.

        Raises:
            GatewayError: UNAUTHENTICATED.
        """
        principal = proven.principal
        void = self._agents.get(principal.subject, _NOTHING)
        if principal.token_id in self._tokens:
            raise refused("the token was revoked: issue a new one")
        if principal.kind is Kind.AGENT:
            if proven.epoch < void.revoked:
                raise _revoked(principal.subject)
            if proven.epoch < void.superseded and not renewing:
                raise refused("the agent has registered anew since, and got another token: use that one")
        elif principal.kind is Kind.ENROLMENT:
            if round(proven.issued * 1000) <= void.enrolments:
                raise _revoked(principal.subject)
            if principal.token_id in self._used:
                raise _used(principal.subject)

    def mark(self, owner: Principal) -> int:
        """See ``core.ports.Owners``."""
        return self.epoch(owner.subject) if owner.kind is Kind.AGENT else 0

    def barred(self, owner: Principal, mark: int) -> str | None:
        """See ``core.ports.Owners``: a revoked agent is barred, and so is the bearer of a revoked operator's token.

        Operators are known by nothing else. An agent that got another token is the same agent still, and who signs out
        of a program, which revokes its token, does not mean what he has registered with it.
        """
        if owner.kind is Kind.OPERATOR and owner.token_id in self._tokens:
            return f"the token of {owner.subject} it was made with was revoked"
        if owner.kind is Kind.AGENT and mark < self._agents.get(owner.subject, _NOTHING).revoked:
            return f"{owner.subject} was revoked, or enrolled with another key, since"
        return None

    def _void(self, agent_id: str, void: _Void, *, urgent: bool = True) -> None:
        self._agents[agent_id] = void
        self._keep(AGENT_REVOKED, agent_id, [void.superseded, void.revoked, void.enrolments], urgent=urgent)

    def _keep(self, kind: str, key: str, value: Json, *, urgent: bool = True) -> None:
        self._facts.remember(kind, key, value, urgent=urgent)
        self._forget()
        for tell in self.changed:
            tell()

    def _forget(self) -> None:
        """Drop tokens that have expired by themselves. A clock that may be wrong is no reason to."""
        if not self._synchronised():
            return
        ended = self._wall() - REMEMBERED
        for known, kind in ((self._tokens, TOKEN_REVOKED), (self._used, ENROLMENT_USED)):
            for key in [key for key, expires in known.items() if expires <= ended]:
                del known[key]
                self._facts.remember(kind, key, None)

    def _now(self) -> int:
        return round(self._wall() * 1000)


def _revoked(agent_id: str) -> GatewayError:
    return refused(
        f"this token of {agent_id} was revoked, or the agent was enrolled with another key since: use the token it got "
        "then, or enrol it anew (ferrule agents enrol)"
    )


def _used(agent_id: str) -> GatewayError:
    return refused(
        f"this enrolment of {agent_id} was used: register with the token you got then, or have a new one issued "
        "(ferrule agents enrol)"
    )


def _moments(facts: dict[str, Json]) -> dict[str, int]:
    return {key: value for key, value in facts.items() if type(value) is int}


def _read(value: Json) -> _Void:
    match value:
        case [int(superseded), int(revoked), int(enrolments)]:
            return _Void(superseded, revoked, enrolments)
    return _NOTHING
