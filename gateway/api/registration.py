"""How an agent gets in: its token, its card, its signature, and what is void from then on (D-034, D-043, D-044)."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.access.agent_tokens import AgentToken
from gateway.access.jws import refused
from gateway.access.signature import HEADER
from gateway.access.tokens import AGENT_API
from gateway.agents.card import Card, validate_card
from gateway.agents.grant import Grant
from gateway.agents.issues import refusal
from gateway.api.identity import check_agent_id
from gateway.api.origin import Origin
from gateway.api.parts import AgentParts
from gateway.core import rfc3339
from gateway.core.audit import AuditLog
from gateway.core.errors import Code, GatewayError
from gateway.core.ports import Json
from gateway.core.principal import OPERATOR, AgentKey, Kind, Principal

# The share of a token's life in which an agent that asks for it is given the next one with a heartbeat.
LAST_PART = 0.2
# Days after which an agent has to prove again that it has its key. A token alone, in whoever's hands, goes no further
# (docs/decisions/0010-tokens-end.md).
RENEWED_FOR_DAYS = 30
# Capabilities of a card that the audit log names.
MOST_NOTED = 8


class Registration:
    """Takes agents in.

    Args:
        parts: what that takes.
        audit: is told of every registration.
    """

    def __init__(self, parts: AgentParts, audit: AuditLog) -> None:
        self._parts = parts
        self._audit = audit

    async def register(self, given: Mapping[str, Json], origin: Origin) -> tuple[str, AgentToken]:
        """Register whoever shows a card, or give it the next token. Returns its id and the token.

        Args:
            given: the card as it was sent.
            origin: of the call.

        Raises:
            GatewayError: UNAUTHENTICATED for a token or a signature that does not count; FORBIDDEN for the card of
                another, or for capabilities it was not enrolled for; INVALID or NOT_PRIVATE for a card that is none;
                UNAVAILABLE when there are as many agents as there may be.
        """
        parts = self._parts
        principal, key = self._newcomer(origin)
        enrolled = principal.kind is Kind.ENROLMENT
        registry = parts.directory.registry
        settles = enrolled or registry.settles(principal.subject)
        card = self._card(given, origin, principal, key, urgent=settles)
        again = registry.get(card.agent_id) is not None
        grant = self._grant(principal, key)
        settles = settles or registry.changes(card, grant)
        registry.admit(card, grant)
        # What cannot be put into a token must not void the one there is.
        parts.tokens.issue(card.agent_id, card.capabilities, grant.scopes, key)
        # Also of an agent that is not known: it may have been dropped, and its tokens live on.
        parts.revocations.supersede(card.agent_id, enrolled=enrolled, urgent=settles)
        if enrolled:
            parts.revocations.spend(principal)
        token = parts.tokens.issue(card.agent_id, card.capabilities, grant.scopes, key)
        registry.register(card, grant)
        self._audit.note(
            "agent.register",
            by=principal,
            peer=origin.peer,
            target=card.agent_id,
            details={
                "kid": key.kid,
                # More would leave no room for the rest.
                "capabilities": list(card.capabilities[:MOST_NOTED]),
                "capabilityCount": len(card.capabilities),
                "again": again,
                "issued": token.token_id,
                # Enrolling takes no gateway that runs, so this is where it is told.
                **({"enrolledBy": f"{OPERATOR}:{principal.name}"} if principal.name else {}),
            },
        )
        if settles:
            await parts.facts.settle()
        return card.agent_id, token

    def renewal(self, origin: Origin) -> AgentToken | str | None:
        """The next token of an agent whose token has not long to live; None for others (D-044).

        The old one stays good until its end: the answer may be lost.

        Returns:
            In the place of a token, why there is none, where the agent has not shown its key for too long.
        """
        principal, tokens, now = origin.principal, self._parts.tokens, self._parts.now()
        if principal.kind is not Kind.AGENT or principal.key is None:
            return None
        if principal.expires - now >= LAST_PART * tokens.ttl:
            return None
        if now - principal.signed >= RENEWED_FOR_DAYS * 86400:
            return (
                f"this agent signed its card {RENEWED_FOR_DAYS} days ago or longer: register again, with a fresh "
                "signature, before the token ends"
            )
        token = tokens.issue(
            principal.subject, principal.capabilities, principal.scopes, principal.key, principal.signed
        )
        self._audit.note(
            "agent.renew",
            by=principal,
            peer=origin.peer,
            target=principal.subject,
            details={"issued": token.token_id, "signed": rfc3339.text(principal.signed)},
        )
        return token

    def _newcomer(self, origin: Origin) -> tuple[Principal, AgentKey]:
        principal = self._parts.bearer.verify_for_renewal(origin.token, AGENT_API)
        if principal.key is None:
            raise GatewayError(
                Code.FORBIDDEN, "agents register with an enrolment of their own: ferrule agents enrol --agent-id ID"
            )
        stated = origin.agent_id
        if stated is None:
            raise GatewayError(Code.UNAUTHENTICATED, "X-Agent-ID is missing: send the id of the agent")
        check_agent_id(stated, principal)
        return principal, principal.key

    def _card(
        self, given: Mapping[str, Json], origin: Origin, principal: Principal, key: AgentKey, *, urgent: bool
    ) -> Card:
        signature = origin.signature
        if signature is None:
            raise GatewayError(Code.UNAUTHENTICATED, f"{HEADER} is missing: sign the card with the agent's key")
        check = validate_card(given, local_peer=origin.local)
        if check.card is None:
            raise refusal(check.issues, "agentCard") or AssertionError("a card without issues is sound")
        self._parts.signatures.check(signature, given, principal.subject, key, urgent=urgent)
        return check.card

    def _grant(self, principal: Principal, key: AgentKey) -> Grant:
        if principal.kind is Kind.ENROLMENT:
            return Grant(principal.capabilities, principal.granted, key)
        registry = self._parts.directory.registry
        if registry.get(principal.subject) is None:
            # It was dropped meanwhile; its token says what it had.
            return Grant(principal.capabilities, principal.scopes, key)
        grant = registry.grant(principal.subject)
        if grant.key != key:
            raise refused(f"{principal.subject} was enrolled with another key since: use the token it got then")
        return grant
