"""Reads everything that is not about lines: who the gateway is, where it listens, what it keeps and allows."""

from __future__ import annotations

import re
from ipaddress import ip_network
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.core.network import classify
from gateway.settings import schema
from gateway.settings.fields import Distinct, Fields, Findings, read_fields
from gateway.settings.model import (
    AccessSettings,
    AgentSettings,
    AuditLogSettings,
    CapabilityLimit,
    EventSettings,
    GatewaySettings,
    GovernorSettings,
    HistorySettings,
    HistoryTier,
    LimitSettings,
    MetricsSettings,
    ServerSettings,
    StorageSettings,
    WebhookAllow,
    WebhookSettings,
)
from gateway.settings.quantities import say_duration

if TYPE_CHECKING:
    from gateway.settings.document import Node

# What has only digits and dots was meant as an address; a dot in a name stands before the number of a VLAN: eth0.100.
_INTERFACE = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9][A-Za-z0-9_-]*(\.[0-9]{1,4})?")
# IFNAMSIZ of Linux, without the zero at the end.
_INTERFACE_LONGEST = 15
_HOST_NAME = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_ORIGIN = re.compile(r"https?://([A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*|\[[0-9a-f:]+\])(:[0-9]{1,5})?")
_HOST_PATTERN = re.compile(r"(\*\.)?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")


def read_gateway(node: Node | None, findings: Findings) -> GatewaySettings:
    """Read ``[gateway]``."""
    if node is None:
        return GatewaySettings()
    return GatewaySettings(**read_fields(node, schema.GATEWAY, findings).arguments())


def read_server(node: Node | None, findings: Findings) -> ServerSettings:
    """Read ``[server]`` and hold ``bind`` against the private-network rules."""
    if node is None:
        return ServerSettings()
    fields = read_fields(node, schema.SERVER, findings)
    if fields.given("bind") and fields.sound("bind"):
        _check_bind(fields)
    _check_elements(fields, "host_names", _HOST_NAME, 'is no host name. Write it alone, such as "gateway.example.com"')
    _check_elements(fields, "cors_origins", _ORIGIN, 'is no origin. Write it as "https://panel.example.com"')
    _check_files(fields)
    return ServerSettings(**fields.arguments(), place=fields.place("bind"))


def read_storage(node: Node | None, findings: Findings) -> StorageSettings:
    """Read ``[storage]``."""
    if node is None:
        return StorageSettings()
    return StorageSettings(**read_fields(node, schema.STORAGE, findings).arguments())


def read_history(node: Node | None, findings: Findings) -> HistorySettings:
    """Read ``[history]``."""
    if node is None:
        return HistorySettings()
    fields = read_fields(node, schema.HISTORY, findings)
    arguments = fields.arguments()
    if fields.given("tier"):
        arguments["tiers"] = _read_tiers(fields)
    return HistorySettings(**arguments)


def read_limits(node: Node | None, findings: Findings) -> LimitSettings:
    """Read ``[limits]``."""
    if node is None:
        return LimitSettings()
    fields = read_fields(node, schema.LIMITS, findings)
    names = Distinct('capability "{}" has a limit already')
    if fields.given("connections_per_address") and fields.sound("connections_per_address", "max_connections"):
        most = fields["max_connections"]
        if fields["connections_per_address"] > most:
            words = f"must not be more than max_connections, {most}. Lower it, or raise max_connections"
            fields.refuse("connections_per_address", words)
    if fields.sound("target_size", "header_size") and fields["target_size"] > fields["header_size"]:
        key = "target_size" if fields.given("target_size") else "header_size"
        fields.refuse(key, "the target is part of the header. Make target_size the smaller one")
    capabilities = []
    for table in fields.tables("capability"):
        inside = read_fields(table, schema.CAPABILITY_LIMIT, findings)
        names.check(inside, "name")
        if not inside.faulty:
            capabilities.append(CapabilityLimit(**inside.arguments()))
    return LimitSettings(**fields.arguments(), capabilities=tuple(capabilities))


def read_agents(node: Node | None, findings: Findings) -> AgentSettings:
    """Read ``[agents]``; its times must grow, or an agent would be dropped before it is called inactive."""
    if node is None:
        return AgentSettings()
    fields = read_fields(node, schema.AGENTS, findings)
    for shorter, longer in pairwise(("heartbeat", "stale", "inactive", "drop_after")):
        if fields.sound(shorter, longer) and fields[shorter] >= fields[longer]:
            if fields.given(longer):
                words = f"must be longer than {shorter}, {say_duration(fields[shorter])}. Raise it, or lower {shorter}"
                fields.refuse(longer, words)
            else:
                words = f"must be shorter than {longer}, {say_duration(fields[longer])}. Lower it, or raise {longer}"
                fields.refuse(shorter, words)
    if fields.sound("ca") and fields["ca"]:
        _count_from_here(fields, "ca")
    return AgentSettings(**fields.arguments())


def read_access(node: Node | None, findings: Findings) -> AccessSettings:
    """Read ``[access]``."""
    if node is None:
        return AccessSettings()
    return AccessSettings(**read_fields(node, schema.ACCESS, findings).arguments())


def read_governor(node: Node | None, findings: Findings) -> GovernorSettings:
    """Read ``[governor]``."""
    if node is None:
        return GovernorSettings()
    return GovernorSettings(**read_fields(node, schema.GOVERNOR, findings).arguments())


def read_audit(node: Node | None, findings: Findings) -> AuditLogSettings:
    """Read ``[audit]``."""
    if node is None:
        return AuditLogSettings()
    return AuditLogSettings(**read_fields(node, schema.AUDIT, findings).arguments())


def read_metrics(node: Node | None, findings: Findings) -> MetricsSettings:
    """Read ``[metrics]``."""
    if node is None:
        return MetricsSettings()
    return MetricsSettings(**read_fields(node, schema.METRICS, findings).arguments())


def read_events(node: Node | None, findings: Findings) -> EventSettings:
    """Read ``[events]``."""
    if node is None:
        return EventSettings()
    return EventSettings(**read_fields(node, schema.EVENTS, findings).arguments())


def read_webhook(node: Node | None, findings: Findings) -> WebhookSettings:
    """Read ``[webhook]`` and ``[[webhook.allow]]``."""
    if node is None:
        return WebhookSettings()
    allow = []
    limits = read_fields(node, schema.WEBHOOK, findings)
    for table in limits.tables("allow"):
        fields = read_fields(table, schema.WEBHOOK_ALLOW, findings)
        _check_destination(fields)
        if not fields.faulty:
            allow.append(WebhookAllow(**fields.arguments()))
    return WebhookSettings(**limits.arguments(), allow=tuple(allow))


def _check_bind(fields: Fields) -> None:
    bind = fields["bind"]
    plausible = _INTERFACE.fullmatch(bind)
    if bind in ("private", "localhost") or (plausible and len(bind) <= _INTERFACE_LONGEST):
        return
    cure = 'Write an address of this machine such as "192.168.1.10", the name of an interface, or "private"'
    try:
        found = classify(bind)
    except ValueError:
        why = "is no address and no name of an interface"
        if plausible:
            why = (
                f"is no address, and too long for an interface, whose name has at most {_INTERFACE_LONGEST} characters"
            )
        elif _HOST_NAME.fullmatch(bind) and not bind.replace(".", "").isdigit():
            why = "is a host name, not an address of this machine"
        fields.refuse("bind", f'"{bind}" {why}. {cure}')
        return
    if not found.accepted:
        fields.refuse("bind", f"{bind} is {found.words}. {cure}")


def _check_elements(fields: Fields, key: str, pattern: re.Pattern[str], words: str) -> None:
    if not fields.sound(key) or not fields.given(key):
        return
    for index, element in enumerate(fields[key]):
        if not pattern.fullmatch(element):
            fields.faulty.add(key)
            fields.findings.error(fields.node.place_of_value(key, index), f'{key}: "{element}" {words}')


def _check_files(fields: Fields) -> None:
    """Paths count from the directory of the configuration file; a certificate and its key come together."""
    if not fields.sound("certificate", "key"):
        return
    for one, other in (("certificate", "key"), ("key", "certificate")):
        if fields[one] and not fields[other]:
            fields.refuse(one, f"there is no {other} beside it. Add {other}, or remove {one}")
    for key in ("certificate", "key", "client_ca", "sdks"):
        if fields.sound(key) and fields[key]:
            _count_from_here(fields, key)


def _count_from_here(fields: Fields, key: str) -> None:
    """A path is one from the directory of the file it is written in."""
    fields.values[key] = str(Path(fields.place(key).path).parent / fields[key])


def _read_tiers(fields: Fields) -> tuple[HistoryTier, ...]:
    tiers: list[HistoryTier] = []
    for table in fields.tables("tier"):
        inside = read_fields(table, schema.HISTORY_TIER, fields.findings)
        if inside.faulty:
            continue
        tier = HistoryTier(**inside.arguments())
        if tiers and tier.resolution <= tiers[-1].resolution:
            before = say_duration(tiers[-1].resolution)
            inside.refuse("resolution", f"must be coarser than that of the tier before, {before}. Sort the tiers")
        longer = tiers[-1].retention if tiers else fields["retention"] if fields.sound("retention") else 0.0
        if tier.retention <= longer:
            words = f"a coarser tier must be kept longer than the one before it, {say_duration(longer)}"
            inside.refuse("retention", f"{words}. Make it longer, or remove the tier")
        tiers.append(tier)
    return tuple(tiers)


def _check_destination(fields: Fields) -> None:
    if fields.given("host") == fields.given("network"):
        fields.faulty.add("host")
        reason = "both host and network" if fields.given("host") else "neither host nor network"
        fields.findings.error(fields.node.place, f"[[webhook.allow]] has {reason}. Name one of them")
    if fields.given("host") and fields.sound("host") and not _HOST_PATTERN.fullmatch(fields["host"]):
        fields.refuse("host", f'"{fields["host"]}" is no host name. Write it alone, such as "*.example.com"')
    if fields.given("network") and fields.sound("network"):
        try:
            ip_network(fields["network"])
        except ValueError as error:
            fields.refuse("network", f'{error}. Write it as "192.168.10.0/24"')
    if fields.sound("ca") and fields["ca"]:
        _count_from_here(fields, "ca")
