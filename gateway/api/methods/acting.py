"""Who may act for an agent: the agent itself, and whoever holds ``agents:write`` (rulings 13 and 24)."""

from __future__ import annotations

from gateway.api.origin import Origin
from gateway.core.errors import Code, GatewayError, invalid
from gateway.core.principal import Kind

SCOPE = "agents:write"


def named(agent_id: str) -> str:
    """The id of an agent, as a parameter.

    Raises:
        GatewayError: INVALID for none.
    """
    if not agent_id:
        raise invalid("agentId", "Agent ID must be a non-empty string", agent_id)
    return agent_id


def acting_for(origin: Origin, agent_id: str) -> None:
    """Let a call pass that is the agent's own, or of somebody who may act for agents.

    Raises:
        GatewayError: INVALID for no id at all; FORBIDDEN.
    """
    principal = origin.principal
    named(agent_id)
    if principal.kind is Kind.AGENT and principal.subject == agent_id:
        return
    if not principal.may(SCOPE):
        raise GatewayError(
            Code.FORBIDDEN,
            f"this takes the token of the agent it is about, or one with the scope {SCOPE}",
            details={"requiredScope": SCOPE},
        )
