"""Who calls: a bearer token or an API key, and what an agent may say of itself beside it (D-035, D-038)."""

from __future__ import annotations

from gateway.access.oauth.api_keys import ApiKeys
from gateway.access.signature import HEADER, Use
from gateway.access.tokens import AGENT_API, PLUGIN_API
from gateway.api.asgi import Scope, becomes_known, header
from gateway.api.credentials import api_key
from gateway.api.origin import AGENT_ID, SIGNATURE, Caller, Origin, bearer_token, header_text, peer_of
from gateway.api.parts import AgentParts
from gateway.api.replies import of_agent_api, of_plugin_api
from gateway.core.errors import Code, GatewayError, as_value
from gateway.core.principal import Kind, Principal

# Methods whose parameters hold the card that is signed.
SIGNED_THEMSELVES = frozenset({"agent.register", "security.validateCard"})


class Identity:
    """Tells who calls.

    Args:
        parts: proves tokens and signatures.
        keys: proves API keys; None: there are none.
    """

    def __init__(self, parts: AgentParts, keys: ApiKeys | None = None) -> None:
        self._keys = keys
        self._bearer = parts.bearer
        self._signatures = parts.signatures
        self._registry = parts.directory.registry

    def caller(self, scope: Scope) -> Caller:
        """Who calls, by the token or key and ``X-Agent-ID``; or the error that such a call is answered with."""
        path = scope["path"]
        audience = PLUGIN_API if of_plugin_api(path) else AGENT_API
        try:
            if self._keys is not None and (key := api_key(scope)) is not None:
                named = audience if audience == PLUGIN_API or of_agent_api(path) else None
                principal = self._keys.verify(key, peer_of(scope), named)
            else:
                principal = self._bearer.verify(bearer_token(scope), audience)
            if header(scope, AGENT_ID) is not None:
                check_agent_id(header_text(scope, AGENT_ID), principal)
        except GatewayError as error:
            return as_value(error)
        becomes_known(scope)
        return principal

    def still(self, caller: Caller, scope: Scope) -> Caller:
        """The same caller, unless its token was voided since the request began: bodies and batches take their time."""
        return caller if isinstance(caller, GatewayError) else self.caller(scope)

    def vouched(self, caller: Caller, scope: Scope, method: str) -> Caller:
        """The same caller, once a signature that came along has been held against the agent's registered card.

        ``agent.register`` and ``security.validateCard`` carry the card themselves, and look at the signature alone.
        """
        if isinstance(caller, GatewayError) or method in SIGNED_THEMSELVES:
            return caller
        try:
            self._vouch(caller, Origin(caller, scope).signature or "")
        except GatewayError as error:
            return as_value(error)
        return caller

    def _vouch(self, principal: Principal, signature: str) -> None:
        if principal.kind is not Kind.AGENT or principal.key is None:
            raise GatewayError(Code.UNAUTHENTICATED, f"{HEADER} goes with the token of an agent: leave it out")
        card = self._registry.card(principal.subject)
        # It proves nothing that the token does not, so it need not be a new one for each call. But whoever saw both
        # must not be able to register with them.
        self._signatures.check(signature, card.given, principal.subject, principal.key, use=Use.SHOWN)


def signed(scope: Scope) -> bool:
    """Whether a request has a signature."""
    return header(scope, SIGNATURE) is not None


def check_agent_id(stated: str | None, principal: Principal) -> None:
    """Hold ``X-Agent-ID`` against the token.

    Raises:
        GatewayError: FORBIDDEN, they differ (D-038).
    """
    if principal.kind is Kind.OPERATOR:
        raise GatewayError(Code.FORBIDDEN, "X-Agent-ID goes with the token of an agent, and this is an operator's")
    if principal.kind not in {Kind.AGENT, Kind.ENROLMENT}:
        words = f"X-Agent-ID goes with the token of an agent, and this is that of {principal.subject}"
        raise GatewayError(Code.FORBIDDEN, words)
    if stated != principal.subject:
        raise GatewayError(
            Code.FORBIDDEN,
            f"X-Agent-ID must be that of the token, {principal.subject}",
            details={"provided": (stated or "")[:128]},
        )
