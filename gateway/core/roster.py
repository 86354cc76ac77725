"""What the rest of the gateway may know of agents and services, without knowing who keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from gateway.core.ports import Json


class AgentStatus(StrEnum):
    """What an agent says of itself in a heartbeat (D-080)."""

    ACTIVE = "active"
    IDLE = "idle"
    BUSY = "busy"
    DEGRADED = "degraded"
    MAINTENANCE = "maintenance"
    OFFLINE = "offline"


class Presence(StrEnum):
    """What the gateway knows of an agent by its heartbeats (D-080).

    Attributes:
        ACTIVE: heard within the stale time.
        STALE: heard before that, but within the inactive time.
        INACTIVE: not heard for longer, not since the gateway was started, or it said that it goes offline.
    """

    ACTIVE = "active"
    STALE = "stale"
    INACTIVE = "inactive"


@dataclass(frozen=True, slots=True)
class AgentCounts:
    """How many agents there are; healthy <= active <= total always (D-081).

    Attributes:
        total: registered.
        active: heard within the inactive time (120 s), and not offline.
        healthy: of them, those heard within the stale time (60 s) that do not call themselves degraded.
    """

    total: int = 0
    active: int = 0
    healthy: int = 0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an agent says it can be reached. The gateway calls there for ``capability.invoke`` only, never wss (D-066).

    Attributes:
        protocol: ``https`` or ``wss``.
        host: an RFC 1918 address; of an agent on this machine a loopback address or ``localhost`` too.
        port: TCP port.
        path: begins with ``/``.
    """

    protocol: str
    host: str
    port: int
    path: str


@dataclass(frozen=True, slots=True)
class AgentRow:
    """An agent as others see it.

    Attributes:
        agent_id: unique.
        name: for people.
        version: of the agent, semantic.
        status: what it last said of itself. It is news only while ``active``: show ``shown_status`` to callers.
        presence: what its heartbeats say.
        active: counted as active (D-081).
        healthy: counted as healthy (D-081).
        last_seen: Unix seconds of the last heartbeat or registration.
        clock: whether that time can be trusted: ``synchronised`` or ``unsynchronised``.
        capabilities: ids of what it offers.
        endpoints: where it says it can be reached.
        metrics: of the last heartbeat that had any; empty where none had, and after a restart.
    """

    agent_id: str
    name: str
    version: str
    status: AgentStatus
    presence: Presence
    active: bool
    healthy: bool
    last_seen: float
    clock: str
    capabilities: tuple[str, ...]
    endpoints: tuple[Endpoint, ...]
    metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def shown_status(self) -> str:
        """Its own word while it is active; else ``offline`` where it said so, and ``inactive`` where it fell silent."""
        if self.active or self.status is AgentStatus.OFFLINE:
            return self.status.value
        return Presence.INACTIVE.value


@dataclass(frozen=True, slots=True)
class ServiceRow:
    """Something on the LAN that can be used.

    Attributes:
        service_id: unique.
        name: for people.
        type: ``protocol-gateway``, ``data-logger`` ...
        capabilities: ids of what it can do.
        endpoint: URL, https or wss, on a private address.
        metadata: ``location``, and what else the announcer says.
        owner: id of the agent that announced it; None: the gateway itself, or an operator.
        expires: Unix seconds after which it is not listed any more; None: it stays while the gateway has it.
    """

    service_id: str
    name: str
    type: str
    capabilities: tuple[str, ...]
    endpoint: str
    metadata: Mapping[str, Json] = field(default_factory=dict)
    owner: str | None = None
    expires: float | None = None


class Roster(Protocol):
    """Who is registered, and what is announced, at this moment."""

    def counts(self) -> AgentCounts:
        """How many agents there are."""
        ...

    def agents(self, capability: str | None = None, *, active: bool | None = None) -> Sequence[AgentRow]:
        """The agents, oldest registration first.

        Args:
            capability: only those that offer exactly this one (D-085).
            active: only those that are counted as active, or only the others.
        """
        ...

    def get(self, agent_id: str) -> AgentRow | None:
        """One agent, None where it is not registered."""
        ...

    def services(self, capability: str | None = None, location: str | None = None) -> Sequence[ServiceRow]:
        """The services, those of the gateway first.

        Args:
            capability: only those that offer exactly this one (D-085).
            location: only those whose ``metadata.location`` is exactly this (D-087).
        """
        ...
