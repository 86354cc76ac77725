"""What the events of agents say: that they come and go, and what they write to each other."""

from __future__ import annotations

from typing import Literal

from gateway.core.catalogue_type import EventData, EventType


class AgentEvent(EventData):
    """An agent was forgotten.

    Attributes:
        agentId: of the agent.
        name: for people.
        version: of the agent, semantic.
        lastSeen: when it was last heard.
    """

    agentId: str  # noqa: N815 - as the seed spells it
    name: str
    version: str
    lastSeen: str  # noqa: N815 - as the seed spells it


class AgentRegistered(AgentEvent):
    """An agent registered its card.

    Attributes:
        agentId: of the agent.
        name: for people.
        version: of the agent, semantic.
        lastSeen: when it registered.
        capabilities: ids of what it offers.
        again: whether it was registered before.
    """

    capabilities: list[str]
    again: bool


class AgentPresence(AgentEvent):
    """What the heartbeats of an agent say of it changed.

    Attributes:
        agentId: of the agent.
        name: for people.
        version: of the agent, semantic.
        lastSeen: when it was last heard.
        status: what it last said of itself.
    """

    status: Literal["active", "idle", "busy", "degraded", "maintenance", "offline"]


class MessageReceived(EventData):
    """A message to an agent is on the disk, and waits for it.

    Attributes:
        message_id: names it when it is acknowledged.
        from_agent: id of the agent that wrote it, or the subject of an operator.
        to_agent: id of the agent it is for.
        content: text.
        priority: ``low``, ``regular`` (which senders may call ``normal``), ``high`` or ``urgent``.
        category: a word of the sender's.
        correlation_id: of the sender's, to tie answers to questions; null where there is none.
        expires_at: after this it is no longer there.
    """

    message_id: str
    from_agent: str
    to_agent: str
    content: str
    priority: Literal["low", "regular", "high", "urgent"]
    category: str
    correlation_id: str | None
    expires_at: str


def _lifecycle(name: str, summary: str, data: type[AgentEvent]) -> EventType:
    return EventType(name, summary, data, "agents:read", "agent:lifecycle", key=("agentId",))


AGENTS = (
    _lifecycle("agent:registered", "An agent registered, for the first time or again.", AgentRegistered),
    _lifecycle("agent:active", "An agent is heard again, or says that it is no longer offline.", AgentPresence),
    _lifecycle("agent:stale", "No heartbeat of an agent for `[agents] stale`.", AgentPresence),
    _lifecycle("agent:inactive", "No heartbeat for longer, or the agent said that it goes offline.", AgentPresence),
    _lifecycle("agent:expired", "An agent was silent for so long that it was forgotten.", AgentEvent),
    _lifecycle("agent:unregistered", "An agent was unregistered.", AgentEvent),
    EventType(
        "message:received",
        "A message to an agent was accepted. Its sender and the agent it is for receive this, and who may everything.",
        MessageReceived,
        "messaging:read",
        "agent:messages",
        key=("to_agent",),
    ),
)
