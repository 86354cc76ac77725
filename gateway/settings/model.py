"""What the configuration says, as values. Durations are seconds, sizes are bytes, addresses count from zero.

The defaults stand here and nowhere else. Everything is checked before one of these is made from a file, so
that a reader of a `Settings` need not doubt it. Two of them are equal when they ask for the same, wherever in
the file that is written.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from gateway.settings.access_model import AccessSettings
from gateway.settings.alarm_model import AlarmKind, AlarmSettings, AlarmSeverity, RateDirection
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
from gateway.settings.plugin_model import PluginSettings, PublisherSettings

if TYPE_CHECKING:
    from gateway.settings.problems import Place, Problem

__all__ = [
    "AccessSettings",
    "AgentSettings",
    "AlarmKind",
    "AlarmSettings",
    "AlarmSeverity",
    "AuditLogSettings",
    "CapabilityLimit",
    "DeviceSettings",
    "Encoding",
    "EventSettings",
    "GatewaySettings",
    "GovernorMode",
    "GovernorSettings",
    "HistorySettings",
    "HistoryTier",
    "LimitSettings",
    "LineSettings",
    "MetricsSettings",
    "Order",
    "Parity",
    "PluginSettings",
    "Priority",
    "PublisherSettings",
    "RateDirection",
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
        region: part of the world or of the company it stands in, for analytics; "": not said.
    """

    name: str = "ferrule"
    location: str = ""
    region: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Where the gateway listens.

    Attributes:
        bind: a loopback or RFC 1918 address, "localhost", the name of a network interface, or "private".
        port: of the one TLS listener; 0: any free one.
        host_names: names callers may use besides those of the certificate (D-070).
        cors_origins: web pages from these origins may call; none may unless it is named here.
        certificate: file of a certificate to show in the place of our own, empty: our own.
        key: file of its key.
        client_ca: file of the authority whose certificate every caller must show, empty: nobody need.
        require_if_match: what has an ETag under ``/v1`` is changed by PUT and PATCH only with If-Match (D-010).
        sdks: directory with the SDKs that are given out, empty: those that came with the gateway.
        place: where ``bind`` is written.
    """

    bind: str = "127.0.0.1"
    port: int = 3500
    host_names: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    certificate: str = ""
    key: str = ""
    client_ca: str = ""
    require_if_match: bool = False
    sdks: str = ""
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
    """A limit on calls of one capability, over all callers (D-092).

    Attributes:
        name: of a method (``tag.write``), or of a capability the gateway announces (``modbus-rtu``).
        requests_per_minute: of all callers together.
        burst: calls that may come at once; None: a tenth of a minute's, at least one.
    """

    name: str
    requests_per_minute: int
    burst: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSettings:
    """What callers may ask of the gateway (D-165; every answer says what is left).

    Attributes:
        requests_per_minute: of one peer address, of one operator's token, and of one client, user or plugin of OAuth.
        burst: requests one of these may make at once.
        anonymous_requests_per_minute: of one peer address without a valid token.
        anonymous_burst: requests one peer address may make at once without a valid token.
        total_requests_per_minute: of all callers together; None: as ``requests_per_minute``.
        total_burst: requests of all callers at once; None: as ``burst``.
        agent_requests_per_minute: of one agent.
        agent_burst: requests one agent may make at once.
        agent_connections: connections of one agent that have a request under way.
        max_connections: open TLS connections; at the cap one that is slow or idle makes room (ruling 18).
        connections_per_address: of them, those of one peer address; None: four fifths of them.
        handshake_time: seconds a new connection has to finish its TLS handshake.
        header_time: seconds the header of a request has, from its first byte.
        body_time: seconds the body has.
        request_time: seconds a request has as a whole, its answer included; half of it is the field's.
        write_time: seconds a caller has to take what it is sent.
        keep_alive_time: seconds a connection without a request is kept.
        ping_interval: seconds between two pings on a WebSocket.
        pong_time: seconds the peer of a WebSocket has to answer one.
        target_size: bytes of a request's target (path and query).
        header_size: bytes of a request's header, the target included.
        message_size: bytes of a message that comes over a WebSocket.
        max_agents: registered agents.
        body_size: bytes of a request body.
        event_queue: events that wait for one WebSocket; one that falls further behind is closed (D-132).
        event_connections: WebSockets of one agent, or of one operator's token.
        ratelimit_headers: send RateLimit and RateLimit-Policy (an IETF draft) beside the X-RateLimit headers.
        capabilities: limits on single capabilities.
    """

    requests_per_minute: int = 1000
    burst: int = 100
    anonymous_requests_per_minute: int = 30
    anonymous_burst: int = 30
    total_requests_per_minute: int | None = None
    total_burst: int | None = None
    agent_requests_per_minute: int = 100
    agent_burst: int = 20
    agent_connections: int = 5
    max_connections: int = 50
    connections_per_address: int | None = None
    handshake_time: float = 10.0
    header_time: float = 10.0
    body_time: float = 15.0
    request_time: float = 60.0
    write_time: float = 30.0
    keep_alive_time: float = 60.0
    ping_interval: float = 20.0
    pong_time: float = 10.0
    target_size: int = 4096
    header_size: int = 16_384
    message_size: int = 65_536
    max_agents: int = 100
    body_size: int = 1_048_576
    event_queue: int = 256
    event_connections: int = 20
    ratelimit_headers: bool = True
    capabilities: tuple[CapabilityLimit, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSettings:
    """How the gateway keeps agents and the services they announce (D-031, D-080, D-088). How many: ``max_agents``.

    Attributes:
        token_ttl: seconds the token of an agent is good for.
        heartbeat: seconds until an agent is asked for its next heartbeat.
        stale: seconds without a heartbeat after which an agent is not called healthy any more.
        inactive: seconds after which it is not called active any more.
        drop_after: seconds after which it is dropped, and its services with it.
        max_services: announced services; one agent has at most a quarter of them.
        ca: file with the authorities that certificates of agents come from; None: their capabilities are not invoked.
    """

    token_ttl: float = 3600.0
    heartbeat: float = 30.0
    stale: float = 60.0
    inactive: float = 120.0
    drop_after: float = 86400.0
    max_services: int = 200
    ca: str | None = None


GovernorMode = Literal["govern", "advise"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GovernorSettings:
    """What the governors may do: act, or only say what they would.

    Attributes:
        mode: of all levels that are not named.
        operational: may it stretch the polls of low-priority tags; None: as ``mode``, like those below.
        coordination: may it bound reads on demand.
        management: may it open ports anew, restart lines, and end the process.
        meta: may it hold the others back.
        memory_bound: bytes of memory beyond which, for long, the gateway starts anew.
    """

    mode: GovernorMode = "govern"
    operational: GovernorMode | None = None
    coordination: GovernorMode | None = None
    management: GovernorMode | None = None
    meta: GovernorMode | None = None
    memory_bound: int = 256 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLogSettings:
    """How long it is known who did what.

    Attributes:
        retention: seconds each row is kept.
        limit: bytes the log may take; the oldest rows go first, and that is told.
    """

    retention: float = 30 * 86400.0
    limit: int = 100_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsSettings:
    """What ``/metrics`` shows.

    Attributes:
        tag_series: tags, in the order of the file, that get series of their own; the others are counted only.
    """

    tag_series: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookAllow:
    """A destination webhooks may be sent to (ruling 5). Exactly one of ``host`` and ``network`` is set.

    Attributes:
        host: a host name; ``*.`` in front stands for one part of it.
        network: a network, such as 192.168.10.0/24.
        ca: file with the authority of the receiver, where it is none the system knows.
        insecure: plain http is allowed there as well.
    """

    host: str | None = None
    network: str | None = None
    ca: str | None = None
    insecure: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSettings:
    """How long events are kept, and how often tags may make some.

    Attributes:
        retention: seconds events, finished deliveries and messages that arrived are kept, for those who ask later.
        size: bytes the log of events may take; the oldest of the lowest priority go first, and that is told.
        tag_interval: seconds between two ``tag:changed`` of one tag, at the least; 0: each change is one.
    """

    retention: float = 7 * 86400.0
    size: int = 64_000_000
    tag_interval: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """Where webhooks may go (nowhere, unless allowed), and how hard they try.

    Attributes:
        max_webhooks: registered ones.
        answer_time: seconds a receiver has to take a delivery and answer.
        per_host: requests to one host at once, of all webhooks together.
        max_waiting: deliveries of one webhook that wait for their next attempt; later events stay in the log till then.
        allow: the destinations.
    """

    max_webhooks: int = 50
    answer_time: float = 15.0
    per_host: int = 2
    max_waiting: int = 100
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
    metrics: MetricsSettings = MetricsSettings()
    agents: AgentSettings = AgentSettings()
    access: AccessSettings = field(default_factory=AccessSettings)
    governor: GovernorSettings = GovernorSettings()
    audit: AuditLogSettings = AuditLogSettings()
    events: EventSettings = EventSettings()
    plugin: PluginSettings = field(default_factory=PluginSettings)
    alarms: tuple[AlarmSettings, ...] = ()
    path: Path = field(default=Path("ferrule.toml"), compare=False)
    warnings: tuple[Problem, ...] = field(default=(), compare=False)
