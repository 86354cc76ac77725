"""Agents examined: who is registered, who is heard, who announces what nobody can reach, who gets in whose way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from gateway.core.alerts import Severity
from gateway.core.ports import Json
from gateway.core.roster import AgentRow, Presence, Roster, ServiceRow
from gateway.governor.analysis.finding import Finding, Report
from gateway.governor.arbitration import Conflict

FULL = 0.9


def examine_agents(roster: Roster, conflicts: Sequence[Conflict], most: int) -> Report:
    """What the registry and the conflicts of the last hour show.

    Args:
        roster: who is there.
        conflicts: between writers, of the last hour.
        most: agents that may be registered.
    """
    agents, services = roster.agents(), roster.services()
    findings = [
        *_heard(agents),
        *_places(agents, most),
        *_services(agents, services),
        *_conflicts(conflicts),
    ]
    gone = [agent for agent in agents if agent.presence is Presence.INACTIVE]
    patterns = []
    if len(gone) > 1 and len(gone) == len(agents):
        patterns.append("no agent is heard any more: look at the network between them and the gateway")
    return Report(tuple(findings), tuple(patterns))


def _heard(agents: Iterable[AgentRow]) -> Iterable[Finding]:
    for agent in agents:
        component = f"agent:{agent.agent_id}"
        evidence: dict[str, Json] = {
            "status": str(agent.status),
            "presence": str(agent.presence),
            "lastSeen": agent.last_seen,
        }
        if agent.presence is Presence.INACTIVE:
            yield Finding(
                "inactive-agent",
                Severity.WARNING,
                component,
                f"{agent.agent_id} has not been heard within two minutes",
                f"See whether {agent.agent_id} runs and reaches the gateway; it is dropped when it stays away.",
                evidence,
            )
        elif agent.presence is Presence.STALE:
            yield Finding(
                "stale-agent",
                Severity.INFO,
                component,
                f"{agent.agent_id} misses heartbeats",
                f"{agent.agent_id} should send a heartbeat every 30 seconds.",
                evidence,
            )
        elif not agent.healthy:
            yield Finding(
                "degraded-agent",
                Severity.WARNING,
                component,
                f"{agent.agent_id} calls itself {agent.status}",
                "",
                evidence,
            )


def _places(agents: Sequence[AgentRow], most: int) -> Iterable[Finding]:
    if most and len(agents) >= FULL * most:
        yield Finding(
            "registry-full",
            Severity.WARNING,
            "agents",
            f"{len(agents)} of {most} places for agents are taken",
            "Unregister agents that are gone, or raise max_agents in [limits].",
            {"agents": len(agents), "most": most},
        )


def _services(agents: Iterable[AgentRow], services: Iterable[ServiceRow]) -> Iterable[Finding]:
    heard = {agent.agent_id: agent.active for agent in agents}
    for service in services:
        if service.owner is not None and not heard.get(service.owner, False):
            yield Finding(
                "orphaned-service",
                Severity.WARNING,
                f"service:{service.service_id}",
                f"{service.service_id} is announced, but its agent {service.owner} is not heard",
                f"Callers of {service.service_id} will find nobody until {service.owner} is back.",
                {"owner": service.owner},
            )


def _conflicts(conflicts: Sequence[Conflict]) -> Iterable[Finding]:
    counted = Counter((conflict.place, conflict.holder, conflict.other) for conflict in conflicts)
    for (place, holder, other), number in counted.items():
        fight = any(conflict.kind in {"fight", "kept"} and conflict.place == place for conflict in conflicts)
        yield Finding(
            "conflict",
            Severity.WARNING if fight else Severity.INFO,
            f"tag:{place}",
            f"{other} and {holder} want different things of {place}, {number} times in the last hour",
            f"Let one of {holder} and {other} write {place}, or let them take leases.",
            {"holder": holder, "other": other, "times": number},
        )
