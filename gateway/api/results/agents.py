"""Models of what the methods of agents, discovery and validation answer."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from gateway.api.results.model import Clock, Count, Model, Timestamp

Token = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$")]
Url = Annotated[str, Meta(pattern=r"^([Hh][Tt][Tt][Pp][Ss]|[Ww][Ss][Ss])://")]


class Registered(Model):
    """``agent.register``."""

    registered: Literal[True]
    agent_id: str
    token: Token
    expires_at: Timestamp


class Endpoint(Model):
    """``agent.list``, where an agent says it can be reached."""

    protocol: Literal["https", "wss"]
    host: str
    port: Annotated[int, Meta(ge=1, le=65535)]
    path: Annotated[str, Meta(pattern="^/")]


class Agent(Model):
    """``agent.list``, one agent."""

    agent_id: str
    name: str
    version: str
    status: Literal["active", "idle", "busy", "degraded", "maintenance", "offline", "inactive"]
    last_seen: Timestamp
    capabilities: list[str]
    endpoints: list[Endpoint]
    active: bool
    healthy: bool
    clock: Clock
    metrics: dict[str, float]

    def __post_init__(self) -> None:
        """Who is healthy is active (D-081).

        Raises:
            ValueError: it does not hold together.
        """
        if self.healthy and not self.active:
            raise ValueError("healthy, but not active")


class AgentList(Model):
    """``agent.list``."""

    agents: list[Agent]
    total: Count


class Card(Model):
    """``agent.card``: the card as it was given, with the gateway's ``lastSeen`` (D-039)."""

    agent_card: dict[str, object]

    def __post_init__(self) -> None:
        """It has the members every card has.

        Raises:
            ValueError: one is missing.
        """
        wanted = {"agentId", "name", "description", "version", "capabilities", "endpoints", "lastSeen"}
        if not wanted <= self.agent_card.keys():
            raise ValueError(f"without {sorted(wanted - self.agent_card.keys())}")


class Heartbeat(Model):
    """``agent.heartbeat``; a token comes with its end, or not at all, or else why there is none any more."""

    acknowledged: Literal[True]
    next_heartbeat: Timestamp
    token: Token | UnsetType = UNSET
    expires_at: Timestamp | UnsetType = UNSET
    register_again: str | UnsetType = UNSET

    def __post_init__(self) -> None:
        """Both or neither.

        Raises:
            ValueError: one of them alone.
        """
        if (self.token is UNSET) != (self.expires_at is UNSET):
            raise ValueError("a token without its end, or the end of none")


class Unregistered(Model):
    """``agent.unregister``."""

    unregistered: Literal[True]
    agent_id: str


class Revoked(Model):
    """``agent.revoke``."""

    revoked: Literal[True]
    agent_id: str
    unregistered: bool


class TokenRevoked(Model):
    """``token.revoke``."""

    revoked: Literal[True]
    token_id: str


class Service(Model):
    """``discovery.services``, one service."""

    service_id: str
    name: str
    type: str
    capabilities: list[str]
    endpoint: Url
    metadata: dict[str, object]
    agent_id: str | None
    expires_at: Timestamp | None


class ServiceList(Model):
    """``discovery.services``."""

    services: list[Service]
    total: Count


class Announced(Model):
    """``discovery.announce``."""

    announced: Literal[True]
    service_id: str
    expires_at: Timestamp


class Withdrawn(Model):
    """``discovery.withdraw``."""

    withdrawn: Literal[True]
    service_id: str


class Invoked(Model):
    """``capability.invoke``; what the result is, is the capability's own matter."""

    capability_id: str
    provider: str
    operation: str | None
    result: object


class AddressCheck(Model):
    """``security.validateAddress``."""

    valid: bool
    address: str
    range: str | None
    type: Literal[
        "loopback",
        "rfc1918-class-a",
        "rfc1918-class-b",
        "rfc1918-class-c",
        "link-local",
        "cgnat",
        "ula",
        "multicast",
        "unspecified",
        "documentation",
        "reserved",
        "public",
    ]
    message: Annotated[str, Meta(min_length=1)]

    def __post_init__(self) -> None:
        """What is valid is private or loopback (D-062).

        Raises:
            ValueError: it is not.
        """
        if self.valid != (self.type == "loopback" or self.type.startswith("rfc1918")):
            raise ValueError(f"{self.type} with valid {self.valid}")


class Issue(Model):
    """``security.validateCard``, one issue (D-037)."""

    field: str
    code: str
    message: Annotated[str, Meta(min_length=1)]
    severity: Literal["error", "warning"]


class CardSecurity(Model):
    """``security.validateCard``, three of its sides; without a signature nobody knows whether it is valid."""

    signature_valid: bool | None
    endpoints_secure: bool
    capabilities_valid: bool


class CardCheck(Model):
    """``security.validateCard``."""

    valid: bool
    issues: list[Issue]
    security: CardSecurity

    def __post_init__(self) -> None:
        """A card is valid where no error says otherwise.

        Raises:
            ValueError: it does not hold together.
        """
        if self.valid == any(issue.severity == "error" for issue in self.issues):
            raise ValueError(f"valid {self.valid} with these issues")
