"""What calls about agents and services are answered with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from .members import Members


class AgentStatus(StrEnum):
    """What an agent says of itself in a heartbeat."""

    ACTIVE = "active"
    IDLE = "idle"
    BUSY = "busy"
    DEGRADED = "degraded"
    MAINTENANCE = "maintenance"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class Registration:
    """The agent is registered.

    Attributes:
        agent_id: as whom.
        token: its bearer token from now on; the client uses it by itself.
        expires_at: until when, by the gateway's clock.
    """

    agent_id: str
    token: str = field(repr=False)
    expires_at: datetime

    @classmethod
    def read(cls, result: object) -> Registration:
        """Read the result of `agent.register`."""
        given = Members(result, "agent.register")
        return cls(given.text("agentId"), given.text("token"), given.moment("expiresAt"))


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The gateway heard the agent.

    Attributes:
        next_heartbeat: when it expects the next one, by its clock.
        wait: seconds until then, whatever this machine's clock shows.
        renewed: the answer held a new token, which the client uses from now on.
        register_again: why there is no new token any more: register, with a fresh signature. `keep_alive` does so.
    """

    next_heartbeat: datetime
    wait: float
    renewed: bool
    register_again: str | None = None


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent that is registered.

    Attributes:
        agent_id: its id.
        name: for people.
        version: of the agent.
        status: its own word while it is heard of, `inactive` once it fell silent.
        last_seen: when it was heard last, by the gateway's clock.
        capabilities: ids of what it can do.
        endpoints: where it is called, as its card has them.
    """

    agent_id: str
    name: str
    version: str
    status: str
    last_seen: datetime | None
    capabilities: tuple[str, ...]
    endpoints: tuple[Mapping[str, object], ...]

    @classmethod
    def read(cls, given: Members) -> Agent:
        """Read one agent of `agent.list`."""
        return cls(
            given.text("agentId"),
            given.text("name"),
            given.text("version"),
            given.text("status"),
            given.moment_or_none("lastSeen"),
            given.texts("capabilities"),
            tuple(endpoint.given for endpoint in given.objects("endpoints")),
        )


@dataclass(frozen=True, slots=True)
class Agents:
    """What `list_agents` found: those of this answer, and how many there are."""

    agents: tuple[Agent, ...]
    total: int

    @classmethod
    def read(cls, result: object) -> Agents:
        """Read the result of `agent.list`."""
        given = Members(result, "agent.list")
        return cls(tuple(map(Agent.read, given.objects("agents"))), given.whole("total"))


@dataclass(frozen=True, slots=True)
class Service:
    """A service somebody announced, or one of the gateway's own.

    Attributes:
        service_id: its name among services.
        name: for people.
        type: what it is: `protocol-gateway`, `device`, `data-logger` ...
        capabilities: what it can do.
        endpoint: where it is called; None where nothing is said.
        metadata: what else is said, `location` above all.
    """

    service_id: str
    name: str
    type: str
    capabilities: tuple[str, ...]
    endpoint: str | None
    metadata: Mapping[str, object]

    @classmethod
    def read(cls, given: Members) -> Service:
        """Read one service of `discovery.services`."""
        metadata = given.given.get("metadata")
        return cls(
            given.text("serviceId"),
            given.text("name"),
            given.text("type"),
            given.texts("capabilities"),
            given.text_or_none("endpoint"),
            metadata if isinstance(metadata, dict) else {},
        )


@dataclass(frozen=True, slots=True)
class Services:
    """What was found.

    Attributes:
        services: those of this answer.
        total: how many there are.
    """

    services: tuple[Service, ...]
    total: int

    @classmethod
    def read(cls, result: object) -> Services:
        """Read the result of `discovery.services`."""
        given = Members(result, "discovery.services")
        return cls(tuple(map(Service.read, given.objects("services"))), given.whole("total"))


@dataclass(frozen=True, slots=True)
class Announced:
    """A service is announced.

    Attributes:
        service_id: its name.
        expires_at: until when, by the gateway's clock, unless it is announced again.
        wait: seconds until then, whatever this machine's clock shows.
    """

    service_id: str
    expires_at: datetime
    wait: float


@dataclass(frozen=True, slots=True)
class AddressCheck:
    """What the gateway makes of an address.

    Attributes:
        valid: an agent may live there.
        address: in its normal form.
        range: the network it is in; None for a public address.
        type: `rfc1918-class-a`, `-b` or `-c`, `loopback`, `public` ...
        message: in words.
    """

    valid: bool
    address: str
    range: str | None
    type: str
    message: str

    @classmethod
    def read(cls, result: object) -> AddressCheck:
        """Read the result of `security.validateAddress`."""
        given = Members(result, "security.validateAddress")
        return cls(
            given.truth("valid"),
            given.text("address"),
            given.text_or_none("range"),
            given.text("type"),
            given.text("message"),
        )


@dataclass(frozen=True, slots=True)
class CardIssue:
    """One thing about a card.

    Attributes:
        field: where, such as `capabilities[2].version`.
        code: what kind of thing.
        message: in words.
        severity: `error`, or `warning`, which refuses nothing.
    """

    field: str
    code: str
    message: str
    severity: str


@dataclass(frozen=True, slots=True)
class CardCheck:
    """What the gateway makes of a card.

    Attributes:
        valid: it could be registered.
        issues: everything that is wrong or odd.
        signature_valid: of the signature sent along; None where none was.
        endpoints_secure: all endpoints are https or wss on private addresses.
        capabilities_valid: all capabilities are as they must be.
    """

    valid: bool
    issues: tuple[CardIssue, ...]
    signature_valid: bool | None
    endpoints_secure: bool | None
    capabilities_valid: bool | None

    @classmethod
    def read(cls, result: object) -> CardCheck:
        """Read the result of `security.validateCard`."""
        given = Members(result, "security.validateCard")
        security = given.inner("security")
        issues = tuple(
            CardIssue(issue.text("field"), issue.text("code"), issue.text("message"), issue.text("severity"))
            for issue in given.objects("issues")
        )
        return cls(
            given.truth("valid"),
            issues,
            security.truth_or_none("signatureValid"),
            security.truth_or_none("endpointsSecure"),
            security.truth_or_none("capabilitiesValid"),
        )
