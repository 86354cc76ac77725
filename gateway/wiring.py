"""Agents and governors are put together: what each of them is made of, in the order in which they need each other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import structlog
import trio

from gateway.access.agent_tokens import AgentTokens
from gateway.access.bearer import Bearer
from gateway.access.enrolment import Enrolments
from gateway.access.keys import RootKey
from gateway.access.limits.rates import RateLimits
from gateway.access.revocations import Revocations
from gateway.access.signature import CardSignatures
from gateway.access.tokens import OperatorTokens
from gateway.agents.directory import Directory
from gateway.agents.own import own_services
from gateway.api.metrics.instruments import Instruments
from gateway.api.parts import AgentParts, GovernorParts
from gateway.api.performance import Performance
from gateway.core.alerts import Alerts, Severity
from gateway.core.ports import FactStore, Json, Store
from gateway.core.reading import Quality, Reading
from gateway.core.steering import FieldSteering, ServerGlance
from gateway.core.timeline import Timeline
from gateway.governor.actions import ActionDoor, Mode
from gateway.governor.analysis.analyses import Analyses
from gateway.governor.analysis.scopes import Sights, examinations
from gateway.governor.arbitration import Arbitration, Conflict
from gateway.governor.coordination import Coordination
from gateway.governor.governors import Governors
from gateway.governor.intelligence import Intelligence, TagValue
from gateway.governor.level import Level, LevelName
from gateway.governor.management import Management, Means
from gateway.governor.meta import Meta
from gateway.governor.operational import Operational
from gateway.memory import resident
from gateway.settings.model import GovernorSettings, Settings
from gateway.storage import StoreSettings, Tier

log = structlog.stdlib.get_logger(__name__)

# What alerts call their severity (D-135), and the log.
LEVELS = {Severity.INFO: logging.INFO, Severity.WARNING: logging.WARNING, Severity.CRITICAL: logging.CRITICAL}
HEARTBEAT_S = 900.0

Announce = Callable[[str, dict[str, object]], None]


def store_settings(settings: Settings) -> StoreSettings:
    """The store's view of the configuration."""
    polls = [tag.poll for line in settings.lines for device in line.devices for tag in device.tags if tag.poll]
    return StoreSettings(
        # A tag that is read less often than the heartbeat would show gaps where there are none.
        heartbeat=max([HEARTBEAT_S, *polls]),
        write_budget=settings.storage.write_budget,
        database_limit=settings.storage.database_limit,
        flush_interval=settings.history.flush_interval,
        raw_retention=settings.history.retention,
        tiers=tuple(Tier(resolution=tier.resolution, retention=tier.retention) for tier in settings.history.tiers),
    )


def agent_parts(
    root: RootKey,
    facts: FactStore,
    timeline: Timeline,
    settings: Callable[[], Settings],
    announce: Announce,
    *,
    is_own: Callable[[str, int], bool],
    monotonic: Callable[[], float] = trio.current_time,
) -> AgentParts:
    """What of agents the API is made of. Call it with the facts loaded.

    Args:
        root: signs what they are given.
        facts: keep them.
        timeline: dates them.
        settings: those in force.
        announce: tells what becomes of them.
        is_own: whether the gateway itself listens at an address and a port.
        monotonic: the timeline's clock.
    """

    def synchronised() -> bool:
        return timeline.era.synchronised

    def tell(type_: str, data: Mapping[str, object]) -> None:
        announce(type_, dict(data))

    begun = settings()
    revocations = Revocations(facts, timeline.now, synchronised)
    tokens = AgentTokens(root, timeline.now, revocations.epoch, int(begun.agents.token_ttl))
    bearer = Bearer(
        root,
        operators=OperatorTokens(root, timeline.now, synchronised),
        agents=tokens,
        enrolments=Enrolments(root, timeline.now),
        revocations=revocations,
        wall=timeline.now,
        synchronised=synchronised,
    )
    directory = Directory(
        settings=begun.agents,
        max_agents=begun.limits.max_agents,
        timeline=timeline,
        monotonic=monotonic,
        facts=facts,
        tell=tell,
        own_services=lambda: own_services(
            # [gateway] is not followed: ``server.info`` shows what it said at the start, and so do these.
            replace(settings(), gateway=begun.gateway),
            # Callers are told the address they came to.
            f"https://127.0.0.1:{begun.server.port}",
        ),
    )
    return AgentParts(
        bearer=bearer,
        tokens=tokens,
        signatures=CardSignatures(root, timeline.now, synchronised, monotonic, facts),
        revocations=revocations,
        directory=directory,
        facts=facts,
        now=timeline.now,
        ca=lambda: settings().agents.ca,
        devices=lambda: {(line.host, line.tcp_port) for line in settings().lines if line.host is not None},
        is_own=is_own,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Governing:
    """Who governs, and what the write door asks.

    Attributes:
        parts: for the API.
        conflict: is to be told of callers who write the same thing.
    """

    parts: GovernorParts
    conflict: Callable[[Conflict], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Governed:
    """What governors look at and act on.

    Attributes:
        steering: the lines.
        arbitration: decides between callers who write the same thing.
        directory: agents and services.
        alerts: where they raise what people should see to.
        server: the gateway itself.
        reading: what a tag says now.
        facts: keep what they learn.
        store: the disk.
        end_process: ends the process for the service manager to start it again; None where there is none.
    """

    steering: FieldSteering
    arbitration: Arbitration
    directory: Directory
    alerts: Alerts
    server: Callable[[], ServerGlance]
    reading: Callable[[str], Reading | None]
    facts: FactStore
    store: Store
    end_process: Callable[[str], bool] | None = None


def governing(
    governed: Governed, timeline: Timeline, settings: Callable[[], Settings], announce: Announce
) -> Governing:
    """The five governors and their analyses. Call it inside the run loop."""
    alerts, steering, wall = governed.alerts, governed.steering, timeline.now

    def mode(level: LevelName) -> Mode:
        return mode_of(settings().governor, level)

    door = ActionDoor(mode, wall, announce)
    meta = Meta(door, alerts, lambda: governors.pulses, mode)
    intelligence = Intelligence(
        steering=steering,
        tags=lambda: learned(settings(), governed.reading),
        alerts=alerts,
        facts=governed.facts,
        wall=wall,
        announce=announce,
        synchronised=lambda: timeline.era.synchronised,
    )
    means = Means(
        memory=resident,
        memory_bound=settings().governor.memory_bound,
        durable=lambda: governed.store.state().durable,
        end_process=governed.end_process,
    )
    management = Management(steering=steering, door=door, alerts=alerts, facts=governed.facts, wall=wall, means=means)
    coordination = Coordination(
        steering=steering,
        door=door,
        alerts=alerts,
        arbitration=governed.arbitration,
        agents=governed.directory.counts,
    )
    operational = Operational(steering, door, alerts, wall)
    levels: list[Level] = [operational, coordination, management, intelligence, meta]
    governors = Governors(levels, door, mode, at_end=intelligence.keep_all)
    sights = Sights(
        field=steering.glance,
        server=governed.server,
        roster=governed.directory,
        arbitration=governed.arbitration,
        cost=meta.cost,
        most_agents=lambda: settings().limits.max_agents,
    )
    analyses = Analyses(
        examinations=examinations(sights),
        anomalies=intelligence.anomalies,
        facts=governed.facts,
        wall=wall,
        announce=announce,
    )
    return Governing(
        parts=GovernorParts(governors=governors, analyses=analyses, alerts=alerts), conflict=coordination.conflict
    )


def mode_of(settings: GovernorSettings, level: LevelName) -> Mode:
    """Whether a level acts, by ``[governor]``."""
    own = {
        LevelName.OPERATIONAL: settings.operational,
        LevelName.COORDINATION: settings.coordination,
        LevelName.MANAGEMENT: settings.management,
        LevelName.META: settings.meta,
    }
    return Mode(own.get(level) or settings.mode)


def learned(settings: Settings, reading: Callable[[str], Reading | None]) -> Iterator[TagValue]:
    """Good values of the tags that are to be learned (``baseline = true``)."""
    for line in settings.lines:
        tags = [(f"{line.name}/{tag.name}", tag.baseline, tag.units) for tag in line.tags]
        for device in line.devices:
            tags += [(f"{line.name}/{device.name}/{tag.name}", tag.baseline, tag.units) for tag in device.tags]
        for name, wanted, units in tags:
            now = reading(name) if wanted else None
            if now is None or now.quality is not Quality.GOOD or isinstance(now.value, bool | str | None):
                continue
            yield TagValue(name, float(now.value), units)


def server_glance(performance: Performance, rates: RateLimits, instruments: Instruments, store: Store) -> ServerGlance:
    """The gateway itself at this moment."""
    figures, state = performance.figures(), store.state()
    connections = instruments.http.connections
    return ServerGlance(
        requests_per_second=figures["requestsPerSecond"],
        response_ms=figures["averageResponseTime"],
        error_rate=figures["errorRate"],
        refused=sum(rates.refused.values()),
        connections=0 if connections is None else connections(),
        most_connections=rates.settings.max_connections,
        loop_lag_ms=instruments.lag.worst_ms(),
        memory=resident(),
        durable=state.durable,
        written_today=state.written_today,
        write_budget=state.write_budget,
    )


def log_alert(data: Mapping[str, object]) -> None:
    """Tell the log of an alert that begins, changes its severity or ends, with what was measured."""
    value, firing = data["value"], data["state"] == "firing"
    measured = dict(value) if isinstance(value, Mapping) else {"value": value, "threshold": data["threshold"]}
    level = LEVELS[Severity(str(data["severity"]))] if firing else logging.INFO
    words = {"component": data["component"], "metric": data["metric"], "state": data["state"]}
    # Of one that is over most summaries say what was wrong, and would be read as if it were so now.
    said = str(data["summary"]) if firing else f"resolved: {data['summary']}"
    log.log(level, said, **measured | words)


def store_alert(alerts: Alerts, component: str, severity: str, summary: str, details: Mapping[str, Json]) -> None:
    """Raise or end an alert of the store (D-135).

    A file has one trouble with its disk at a time, and beside it may have been found damaged.
    """
    file, reason = details.get("file"), details.get("reason")
    metric = str(file or reason or ("size" if "limit" in details else component))
    if file and reason == "corrupt":
        metric = f"{file} damaged"
    if details.get("state") == "resolved":
        alerts.resolve(component, metric, summary)
        return
    kept = {name: value for name, value in details.items() if name != "state"}
    alerts.fire(component, metric, Severity(severity), summary, value=kept)
