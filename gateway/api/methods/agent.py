"""``agent.register``, ``list``, ``card``, ``heartbeat``, ``unregister`` and ``revoke``."""

from __future__ import annotations

from gateway.api.dispatch import Method, method, told
from gateway.api.methods.acting import SCOPE, acting_for, named
from gateway.api.methods.rows import JsonObject, Limit, Offset, agent_row, json_object, page
from gateway.api.origin import Origin
from gateway.api.params import ParamsModel
from gateway.api.parts import AgentParts
from gateway.api.registration import Registration
from gateway.core import rfc3339
from gateway.core.audit import AuditLog
from gateway.core.errors import invalid
from gateway.core.principal import AGENT_ID
from gateway.core.roster import AgentStatus


class Register(ParamsModel, frozen=True):
    """Parameters of ``agent.register``."""

    agent_card: JsonObject


class AgentList(ParamsModel, frozen=True):
    """Parameters of ``agent.list``: those that offer a capability, those that are active or not; a page of them."""

    capability: str | None = None
    active: bool | None = None
    limit: Limit | None = None
    offset: Offset = 0


class OneAgent(ParamsModel, frozen=True):
    """Parameters of ``agent.card``, ``agent.unregister`` and ``agent.revoke``."""

    agent_id: str


class Heartbeat(ParamsModel, frozen=True):
    """Parameters of ``agent.heartbeat``.

    With ``renew`` the answer brings the next token when it is time (D-044), or says that it takes a registration.
    """

    agent_id: str
    status: str = AgentStatus.ACTIVE.value
    metrics: JsonObject | None = None
    renew: bool = False


def agent_methods(parts: AgentParts, audit: AuditLog) -> dict[str, Method]:
    """The namespace ``agent``."""
    directory, registration = parts.directory, Registration(parts, audit)

    async def register(params: Register, origin: Origin) -> object:
        agent_id, token = await registration.register(json_object(params.agent_card), origin)
        return {
            "registered": True,
            "agentId": agent_id,
            "token": token.token,
            "expiresAt": rfc3339.text(token.expires),
        }

    async def list_agents(params: AgentList) -> object:
        rows = directory.agents(params.capability, active=params.active)
        return {"agents": [agent_row(row) for row in page(rows, params.limit, params.offset)], "total": len(rows)}

    async def card(params: OneAgent) -> object:
        given = directory.registry.card(named(params.agent_id)).given
        row = directory.get(params.agent_id)
        # The gateway's own member of the card (D-039).
        return {"agentCard": {**given, "lastSeen": None if row is None else rfc3339.text(row.last_seen)}}

    async def heartbeat(params: Heartbeat, origin: Origin) -> object:
        acting_for(origin, params.agent_id)
        metrics = None if params.metrics is None else json_object(params.metrics)
        noted = directory.registry.heartbeat(params.agent_id, params.status, metrics)
        answer: dict[str, object] = {"acknowledged": True, "nextHeartbeat": rfc3339.text(noted.next_heartbeat)}
        if params.renew and origin.principal.subject == params.agent_id:
            token = registration.renewal(origin)
            if isinstance(token, str):
                answer["registerAgain"] = token
            elif token is not None:
                answer |= {"token": token.token, "expiresAt": rfc3339.text(token.expires)}
        return answer

    async def unregister(params: OneAgent, origin: Origin) -> object:
        acting_for(origin, params.agent_id)
        directory.registry.unregister(params.agent_id)
        parts.revocations.revoke_agent(params.agent_id)
        audit.note("agent.unregister", by=origin.known, peer=origin.peer, target=params.agent_id)
        await parts.facts.settle()
        return {"unregistered": True, "agentId": params.agent_id}

    async def revoke(params: OneAgent, origin: Origin) -> object:
        if AGENT_ID.fullmatch(named(params.agent_id)) is None:
            # What was never given to anybody need not be remembered for ever.
            raise invalid("agentId", "no agent can have this id", params.agent_id)
        registered = directory.get(params.agent_id) is not None
        parts.revocations.revoke_agent(params.agent_id)
        if registered:
            directory.registry.unregister(params.agent_id)
        audit.note(
            "agent.revoke",
            by=origin.known,
            peer=origin.peer,
            target=params.agent_id,
            details={"registered": registered},
        )
        await parts.facts.settle()
        return {"revoked": True, "agentId": params.agent_id, "unregistered": registered}

    return {
        # It has to take tokens that nothing else takes, so it asks for its token itself.
        "agent.register": told(Register, register, scope=None, without_token=True),
        "agent.list": method(AgentList, list_agents, scope="agents:read"),
        "agent.card": method(OneAgent, card, scope="agents:read"),
        "agent.heartbeat": told(Heartbeat, heartbeat, scope=None),
        "agent.unregister": told(OneAgent, unregister, scope=None),
        "agent.revoke": told(OneAgent, revoke, scope=SCOPE),
    }
