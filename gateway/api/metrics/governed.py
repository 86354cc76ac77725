"""Agents, governors and alerts as metrics."""

from __future__ import annotations

from collections import Counter

import trio

from gateway.api.metrics.exposition import Family, label_text
from gateway.api.parts import GovernorParts
from gateway.core.alerts import Severity
from gateway.core.roster import AgentCounts


def agent_families(counts: AgentCounts) -> list[Family]:
    """How many agents there are."""
    family = Family("ferrule_agents", "gauge", "Agents: registered, of these active, of these healthy.")
    for state, number in (("registered", counts.total), ("active", counts.active), ("healthy", counts.healthy)):
        family.add(number, label_text(state=state))
    return [family]


def governor_families(parts: GovernorParts) -> list[Family]:
    """How the governors are, what of theirs is in force, and what somebody should see to."""
    governors, now = parts.governors, trio.current_time()
    health = Family("ferrule_governor_health", "gauge", "Health of a level, 0 to 100; none while it is not active.")
    for name in governors.pulses:
        health.add(governors.health(name, now), label_text(level=str(name)))
    force = Family("ferrule_governor_actions_in_force", "gauge", "Actions of a level that stand.")
    standing = Counter(action.level for action in governors.door.in_force())
    for name in governors.pulses:
        force.add(standing[name], label_text(level=str(name)))
    alerts = Family("ferrule_alerts", "gauge", "Alerts that stand, by severity.")
    severities = Counter(alert.severity for alert in parts.alerts.standing())
    for severity in Severity:
        alerts.add(severities[severity], label_text(severity=str(severity)))
    return [health, force, alerts]
