"""Every key of the configuration and of device profiles, with what its value may be."""

from __future__ import annotations

from typing import get_args

from gateway.settings import model
from gateway.settings.fields import Schema
from gateway.settings.kinds import (
    Address,
    Choice,
    Duration,
    Flag,
    Kind,
    ListOf,
    Name,
    Number,
    Pattern,
    RawNumber,
    Scalar,
    Size,
    Terminator,
    Text,
    UnitNumber,
    Whole,
)

DAY = 86400.0
YEAR = 366 * DAY
POLL = Duration(0.01, DAY, {"background": None})
LONGER = Text(longest=2000)
# How manuals print the order of the four bytes of a number, A being the most significant.
_LETTERS = {"ABCD": ("big", "big"), "CDAB": ("little", "big"), "BADC": ("big", "little"), "DCBA": ("little", "little")}
ORDER = Choice(
    get_args(model.Order),
    {
        letters: f'Write word_order = "{words}", byte_order = "{octets}"'
        for letters, (words, octets) in _LETTERS.items()
    },
)
ENCODING = Choice(get_args(model.Encoding))

GATEWAY = Schema("[gateway]", {"name": Name(), "location": Text(), "region": Text()}, model.GatewaySettings)

SERVER = Schema(
    "[server]",
    {
        "bind": Text(),
        "port": Whole(0, 65535),
        "host_names": ListOf(Text(), longest=100),
        "cors_origins": ListOf(Text(), longest=100),
        "certificate": Text(),
        "key": Text(),
        "client_ca": Text(),
        "require_if_match": Flag(),
        "sdks": Text(),
    },
    model.ServerSettings,
)

STORAGE = Schema(
    "[storage]",
    {"write_budget": Size(1_000_000, 10**13), "database_limit": Size(10_000_000, 10**13)},
    model.StorageSettings,
)

HISTORY = Schema(
    "[history]",
    {"enabled": Flag(), "retention": Duration(60, 20 * YEAR), "flush_interval": Duration(1, 3600)},
    model.HistorySettings,
    tables={"tier": "many"},
    renamed={"tier": "tiers"},
)

HISTORY_TIER = Schema(
    "[[history.tier]]",
    {"resolution": Duration(1, DAY), "retention": Duration(60, 20 * YEAR)},
    model.HistoryTier,
    required=frozenset({"resolution", "retention"}),
)

LIMITS = Schema(
    "[limits]",
    {
        "requests_per_minute": Whole(1, 1_000_000),
        "burst": Whole(1, 1_000_000),
        "anonymous_requests_per_minute": Whole(1, 1_000_000),
        "anonymous_burst": Whole(1, 1_000_000),
        "total_requests_per_minute": Whole(1, 10_000_000),
        "total_burst": Whole(1, 10_000_000),
        "agent_requests_per_minute": Whole(1, 1_000_000),
        "agent_burst": Whole(1, 1_000_000),
        "agent_connections": Whole(1, 10_000),
        "max_connections": Whole(1, 10_000),
        "connections_per_address": Whole(1, 10_000),
        "handshake_time": Duration(0.5, 60),
        "header_time": Duration(0.5, 300),
        "body_time": Duration(0.5, 3600),
        "request_time": Duration(1, 3600),
        "write_time": Duration(0.5, 3600),
        "keep_alive_time": Duration(0.5, 3600),
        "ping_interval": Duration(1, 3600),
        "pong_time": Duration(0.5, 3600),
        "target_size": Size(256, 2**16),
        "header_size": Size(1024, 2**20),
        "message_size": Size(1024, 64 * 2**20),
        "max_agents": Whole(1, 100_000),
        "body_size": Size(1024, 64 * 2**20),
        "event_queue": Whole(16, 10_000),
        "event_connections": Whole(1, 10_000),
        "ratelimit_headers": Flag(),
    },
    model.LimitSettings,
    tables={"capability": "many"},
    renamed={"capability": "capabilities"},
)

CAPABILITY_LIMIT = Schema(
    "[[limits.capability]]",
    # Agents name their capabilities, and may at greater length.
    {"name": Name(longest=128), "requests_per_minute": Whole(1, 1_000_000), "burst": Whole(1, 1_000_000)},
    model.CapabilityLimit,
    required=frozenset({"name", "requests_per_minute"}),
)

AGENTS = Schema(
    "[agents]",
    {
        "token_ttl": Duration(60, DAY),
        "heartbeat": Duration(1, DAY),
        "stale": Duration(1, DAY),
        "inactive": Duration(1, DAY),
        "drop_after": Duration(60, YEAR),
        "max_services": Whole(1, 100_000),
        "ca": Text(),
    },
    model.AgentSettings,
)

ACCESS = Schema(
    "[access]",
    {
        "token_ttl": Duration(60, DAY),
        "max_clients": Whole(1, 10_000),
        "max_keys": Whole(0, 10_000),
        "login": Flag(),
        "refresh_idle": Duration(60, YEAR),
        "refresh_longest": Duration(60, YEAR),
    },
    model.AccessSettings,
)

GOVERNOR_MODE = Choice(get_args(model.GovernorMode))

GOVERNOR = Schema(
    "[governor]",
    {
        "mode": GOVERNOR_MODE,
        "operational": GOVERNOR_MODE,
        "coordination": GOVERNOR_MODE,
        "management": GOVERNOR_MODE,
        "meta": GOVERNOR_MODE,
        "memory_bound": Size(64 * 2**20, 64 * 2**30),
    },
    model.GovernorSettings,
)

AUDIT = Schema(
    "[audit]", {"retention": Duration(DAY, 20 * YEAR), "limit": Size(1_000_000, 10**12)}, model.AuditLogSettings
)

METRICS = Schema("[metrics]", {"tag_series": Whole(0, 100_000)}, model.MetricsSettings)

EVENTS = Schema(
    "[events]",
    {
        "retention": Duration(3600, YEAR),
        "size": Size(1_000_000, 10**11),
        "tag_interval": Duration(0, 3600),
    },
    model.EventSettings,
)

WEBHOOK = Schema(
    "[webhook]",
    {
        "max_webhooks": Whole(0, 1000),
        "answer_time": Duration(1, 60),
        "per_host": Whole(1, 32),
        "max_waiting": Whole(1, 10_000),
    },
    model.WebhookSettings,
    tables={"allow": "many"},
)

WEBHOOK_ALLOW = Schema(
    "[[webhook.allow]]",
    {"host": Text(), "network": Text(), "ca": Text(), "insecure": Flag()},
    model.WebhookAllow,
)

ALARM = Schema(
    "[[alarm]]",
    {
        "name": Name(),
        "tag": Text(),
        "high": Number(),
        "low": Number(),
        "rate": Number(0),
        "per": Duration(1, DAY),
        "direction": Choice(get_args(model.RateDirection)),
        "stale": Duration(1, 30 * DAY),
        "not_good": Flag(),
        "equals": Scalar(),
        "device_down": Text(),
        "hysteresis": Number(0),
        "delay": Duration(0, DAY),
        "off_delay": Duration(0, DAY),
        "severity": Choice(get_args(model.AlarmSeverity)),
        "message": Text(),
        "enabled": Flag(),
    },
    model.AlarmSettings,
    required=frozenset({"name"}),
)

ROOT = Schema(
    "the file",
    {},
    model.Settings,
    tables={
        "gateway": "one",
        "server": "one",
        "storage": "one",
        "history": "one",
        "limits": "one",
        "agents": "one",
        "access": "one",
        "governor": "one",
        "audit": "one",
        "events": "one",
        "webhook": "one",
        "plugin": "one",
        "metrics": "one",
        "alarm": "many",
        "line": "many",
    },
    renamed={"line": "lines", "alarm": "alarms"},
)

LINE = Schema(
    "[[line]]",
    {
        "name": Name(),
        "transport": Choice(get_args(model.Transport)),
        "description": LONGER,
        "port": Text(),
        "baudrate": Whole(50, 4_000_000),
        "bytesize": Choice((7, 8)),
        "parity": Choice(get_args(model.Parity)),
        "stopbits": Choice((1, 2)),
        "low_latency": Flag(),
        "echo": Flag(),
        "host": Text(),
        "tcp_port": Whole(1, 65535),
        "timeout": Duration(0.01, 60),
        "gap": Duration(0, 1),
        "turnaround": Duration(0, 10),
        "request_delay": Duration(0, 10),
        "silent_share": Number(0.01, 0.5),
        "reconnect_min": Duration(0.05, 3600),
        "reconnect_max": Duration(0.05, 3600),
        "allow_broadcast": Flag(),
        "broadcast_delay": Duration(0, 10),
        "writable": Flag(),
    },
    model.LineSettings,
    required=frozenset({"name", "transport"}),
    tables={"rs485": "switch", "raw": "one", "device": "many", "tag": "many"},
    renamed={"device": "devices", "tag": "tags"},
)

RS485 = Schema(
    "[line.rs485]",
    {
        "rts_on_send": Flag(),
        "rts_after_send": Flag(),
        "delay_before": Duration(0, 0.1),
        "delay_after": Duration(0, 0.1),
    },
    model.Rs485Settings,
)

RAW = Schema(
    "[line.raw]",
    {
        "mode": Choice(get_args(model.RawMode)),
        "terminator": Terminator(),
        "idle": Duration(0.001, 60),
        "length": Whole(1, 65536),
        "max_length": Whole(1, 65536),
        "encoding": ENCODING,
    },
    model.RawSettings,
)

RAW_TAG = Schema(
    "[[line.tag]]",
    {
        "name": Name(),
        "description": LONGER,
        "pattern": Pattern(),
        "columns": ListOf(Whole(1, 65536), exactly=2),
        "type": Choice(get_args(model.RawType)),
        "scale": Number(),
        "offset": Number(),
        "units": Text(longest=40),
        "minimum": Number(),
        "maximum": Number(),
        "deadband": Number(0),
        "baseline": Flag(),
        "stale_after": Duration(0.1, 30 * DAY),
    },
    model.RawTagSettings,
    required=frozenset({"name"}),
)

# What a profile may say about its device, as defaults for the configuration that uses it.
DEVICE_HABITS: dict[str, Kind] = {
    "timeout": Duration(0.01, 60),
    "max_registers": Whole(1, 125),
    "max_bits": Whole(1, 2000),
    "max_hole": Whole(0, 124),
    "write_function": Choice(get_args(model.WriteFunction)),
    "word_order": ORDER,
    "byte_order": ORDER,
    "poll": POLL,
}

DEVICE = Schema(
    "[[line.device]]",
    {
        "name": Name(),
        "unit": UnitNumber(),
        "description": LONGER,
        "profile": Name(),
        "include": ListOf(Name()),
        "exclude": ListOf(Name()),
        **DEVICE_HABITS,
    },
    model.DeviceSettings,
    required=frozenset({"name", "unit"}),
    tables={"tag": "many"},
    renamed={"tag": "tags"},
)

TAG = Schema(
    "[[line.device.tag]]",
    {
        "name": Name(),
        "description": LONGER,
        "table": Choice(get_args(model.Table)),
        "address": Address(),
        "type": Choice(get_args(model.TagType)),
        "length": Whole(1, 125),
        "bit": Whole(0, 63),
        "width": Whole(1, 64),
        "byte": Choice(("low", "high")),
        "encoding": ENCODING,
        "word_order": ORDER,
        "byte_order": ORDER,
        "scale": Number(),
        "offset": Number(),
        "units": Text(longest=40),
        "sentinels": ListOf(RawNumber(), longest=32),
        "minimum": Number(),
        "maximum": Number(),
        "poll": POLL,
        "priority": Choice(get_args(model.Priority)),
        "deadband": Number(0),
        "baseline": Flag(),
        "stale_after": Duration(0.1, 30 * DAY),
        "writable": Flag(),
        "readback": Flag(),
        "safe": Scalar(),
        "source": LONGER,
    },
    model.TagSettings,
    required=frozenset({"name", "table", "address"}),
)
