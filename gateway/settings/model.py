"""What the configuration says, as values. Durations are seconds, sizes are bytes, addresses count from zero.

The defaults stand here and nowhere else. Everything is checked before one of these is made from a file, so
that a reader of a `Settings` need not doubt it. Two of them are equal when they ask for the same, wherever in
the file that is written.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.settings.line_model import (
    DeviceSettings,
    Encoding,
    LineSettings,
    Order,
    Parity,
    Priority,
    RawMode,
    RawSettings,
    RawTagSettings,
    RawType,
    Rs485Settings,
    Scalar,
    Table,
    TagSettings,
    TagType,
    Transport,
    WriteFunction,
)

if TYPE_CHECKING:
    from gateway.settings.problems import Place, Problem

__all__ = [
    "CapabilityLimit",
    "DeviceSettings",
    "Encoding",
    "GatewaySettings",
    "HistorySettings",
    "HistoryTier",
    "LimitSettings",
    "LineSettings",
    "Order",
    "Parity",
    "Priority",
    "RawMode",
    "RawSettings",
    "RawTagSettings",
    "RawType",
    "Rs485Settings",
    "Scalar",
    "ServerSettings",
    "Settings",
    "StorageSettings",
    "Table",
    "TagSettings",
    "TagType",
    "Transport",
    "WebhookAllow",
    "WebhookSettings",
    "WriteFunction",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """Who this gateway is.

    Attributes:
        name: its identity in events and on the LAN.
        location: where it stands, for people and for discovery.
    """

    name: str = "ferrule"
    location: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Where the gateway listens.

    Attributes:
        bind: a loopback or RFC 1918 address, "localhost", the name of a network interface, or "private".
        port: of the one TLS listener; 0: any free one.
        place: where ``bind`` is written.
    """

    bind: str = "127.0.0.1"
    port: int = 3500
    place: Place | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageSettings:
    """What the gateway may do to its storage medium.

    Attributes:
        write_budget: bytes a day that may be written.
        database_limit: bytes the database may take; history gives way first.
    """

    write_budget: int = 200_000_000
    database_limit: int = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryTier:
    """A coarser layer of the history.

    Attributes:
        resolution: seconds summed up in one sample (minimum, mean, maximum).
        retention: seconds such samples are kept.
    """

    resolution: float
    retention: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HistorySettings:
    """How long readings are kept.

    Attributes:
        enabled: keep them at all.
        retention: seconds each single change is kept.
        tiers: the layers after that, finest first.
        flush_interval: seconds between two writes to the database; what a power cut may cost.
    """

    enabled: bool = True
    retention: float = 7 * 86400.0
    tiers: tuple[HistoryTier, ...] = (
        HistoryTier(resolution=60.0, retention=90 * 86400.0),
        HistoryTier(resolution=3600.0, retention=1095 * 86400.0),
    )
    flush_interval: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityLimit:
    """A limit on calls of one capability, over all callers (D-092)."""

    name: str
    requests_per_minute: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSettings:
    """What callers may ask of the gateway (D-165; every answer says what is left).

    Attributes:
        requests_per_minute: of one peer address.
        burst: requests one peer address may make at once.
        anonymous_requests_per_minute: of one peer address without a valid token.
        agent_requests_per_minute: of one agent.
        agent_burst: requests one agent may make at once.
        agent_connections: open connections of one agent.
        max_connections: open TLS connections; at the cap the longest idle one makes room (ruling 18).
        max_agents: registered agents.
        body_size: bytes of a request body.
        capabilities: limits on single capabilities.
    """

    requests_per_minute: int = 1000
    burst: int = 100
    anonymous_requests_per_minute: int = 30
    agent_requests_per_minute: int = 100
    agent_burst: int = 20
    agent_connections: int = 5
    max_connections: int = 50
    max_agents: int = 100
    body_size: int = 1_048_576
    capabilities: tuple[CapabilityLimit, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookAllow:
    """A destination webhooks may be sent to (ruling 5). Exactly one of ``host`` and ``network`` is set."""

    host: str | None = None
    network: str | None = None
    ca: str | None = None
    insecure: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """Where webhooks may go: nowhere, unless allowed."""

    allow: tuple[WebhookAllow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The whole configuration.

    Attributes:
        path: of the file it was read from.
        warnings: what is odd but usable, in the order of the file.
    """

    gateway: GatewaySettings = GatewaySettings()
    server: ServerSettings = ServerSettings()
    lines: tuple[LineSettings, ...] = ()
    storage: StorageSettings = StorageSettings()
    history: HistorySettings = HistorySettings()
    limits: LimitSettings = LimitSettings()
    webhook: WebhookSettings = WebhookSettings()
    path: Path = field(default=Path("ferrule.toml"), compare=False)
    warnings: tuple[Problem, ...] = field(default=(), compare=False)
