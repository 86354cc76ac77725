"""``token.revoke``: what an operator gave out and is sorry for."""

from __future__ import annotations

import re

from gateway.access.tokens import MAX_TTL
from gateway.api.dispatch import Method, told
from gateway.api.origin import Origin
from gateway.api.params import ParamsModel
from gateway.api.parts import AgentParts
from gateway.core.audit import AuditLog
from gateway.core.errors import invalid

# Who ends what may do everything must be allowed everything.
SCOPE = "*"
_TOKEN_ID = re.compile(r"[A-Za-z0-9_-]{8,64}", re.ASCII)


class RevokeToken(ParamsModel, frozen=True):
    """Parameters of ``token.revoke``: one token by its ``jti``."""

    token_id: str


def token_methods(parts: AgentParts, audit: AuditLog) -> dict[str, Method]:
    """The namespace ``token``."""

    async def revoke(params: RevokeToken, origin: Origin) -> object:
        if _TOKEN_ID.fullmatch(params.token_id) is None:
            raise invalid(
                "tokenId", "this is no id of a token: the audit log has it beside who called", params.token_id
            )
        # Nobody knows its end. No token that goes by an id lives longer.
        parts.revocations.revoke_token(params.token_id, int(parts.now()) + MAX_TTL)
        audit.note("token.revoke", by=origin.known, peer=origin.peer, target=params.token_id)
        await parts.facts.settle()
        return {"revoked": True, "tokenId": params.token_id}

    return {"token.revoke": told(RevokeToken, revoke, scope=SCOPE)}
