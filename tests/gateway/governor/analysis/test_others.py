from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.core.roster import AgentCounts, AgentRow, AgentStatus, Presence, ServiceRow
from gateway.core.steering import ServerGlance
from gateway.governor.analysis.people import examine_agents
from gateway.governor.analysis.performance import examine_performance
from gateway.governor.arbitration import Conflict

HEALTHY = AgentRow(
    agent_id="a",
    name="A",
    version="1.0.0",
    status=AgentStatus.ACTIVE,
    presence=Presence.ACTIVE,
    active=True,
    healthy=True,
    last_seen=0.0,
    clock="synchronised",
    capabilities=(),
    endpoints=(),
)
GONE = replace(HEALTHY, agent_id="gone", presence=Presence.INACTIVE, active=False, healthy=False)
WELL = ServerGlance(
    requests_per_second=10.0, response_ms=3.0, error_rate=0.0, loop_lag_ms=1.0, memory=60 << 20, most_connections=50
)


@dataclass
class Listed:
    """A roster that says what the test says."""

    rows: tuple[AgentRow, ...] = ()
    announced: tuple[ServiceRow, ...] = ()

    def counts(self) -> AgentCounts:
        return AgentCounts(len(self.rows))

    def agents(self, capability: str | None = None, *, active: bool | None = None) -> Sequence[AgentRow]:
        return self.rows

    def get(self, agent_id: str) -> AgentRow | None:
        return next((row for row in self.rows if row.agent_id == agent_id), None)

    def services(self, capability: str | None = None, location: str | None = None) -> Sequence[ServiceRow]:
        return self.announced


def found(roster: Listed, conflicts: Sequence[Conflict] = (), most: int = 100) -> list[tuple[str, str]]:
    report = examine_agents(roster, conflicts, most)
    return [(finding.kind, finding.component) for finding in report.findings]


def test_healthy_agents_and_the_gateways_own_services_are_no_finding() -> None:
    own = ServiceRow("line:bus", "bus", "protocol-gateway", (), "https://127.0.0.1:3500")
    assert found(Listed((HEALTHY,), (own,))) == []


def test_agents_that_are_not_heard_are_found_with_what_they_leave_behind() -> None:
    logger = ServiceRow("logger", "Logger", "data-logger", (), "https://10.0.0.5:1", owner="gone")
    stale = replace(HEALTHY, agent_id="late", presence=Presence.STALE, healthy=False)
    unwell = replace(HEALTHY, agent_id="ill", status=AgentStatus.DEGRADED, healthy=False)
    assert found(Listed((HEALTHY, GONE, stale, unwell), (logger,))) == [
        ("inactive-agent", "agent:gone"),
        ("stale-agent", "agent:late"),
        ("degraded-agent", "agent:ill"),
        ("orphaned-service", "service:logger"),
    ]


def test_nobody_heard_at_all_points_at_the_network() -> None:
    (pattern,) = examine_agents(Listed((GONE, replace(GONE, agent_id="b"))), (), 100).patterns
    assert "network" in pattern


def test_a_registry_that_is_nearly_full_is_told() -> None:
    rows = tuple(replace(HEALTHY, agent_id=f"a{number}") for number in range(9))
    assert found(Listed(rows), most=10) == [("registry-full", "agents")]


def test_callers_in_each_others_way_are_counted_by_place() -> None:
    leased = Conflict("leased", 0.0, "bus/boiler/setpoint", "agent a", "agent b")
    report = examine_agents(Listed(), [leased, replace(leased, at=70.0)], 100)
    (finding,) = report.findings
    assert (finding.severity, finding.evidence["times"]) == ("info", 2)
    (fight,) = examine_agents(Listed(), [replace(leased, kind="fight")], 100).findings
    assert fight.severity == "warning"


def test_a_gateway_that_does_well_has_no_findings() -> None:
    report = examine_performance(WELL, WELL, 0.003)
    assert (report.findings, report.measured) == ((), 1.0)


def test_each_figure_out_of_bounds_is_a_finding() -> None:
    ill = ServerGlance(
        response_ms=300.0,
        error_rate=0.05,
        refused=7,
        connections=48,
        most_connections=50,
        loop_lag_ms=80.0,
        memory=300 << 20,
        durable=False,
        written_today=190 << 20,
        write_budget=200 << 20,
    )
    report = examine_performance(WELL, ill, 0.05)
    assert [finding.kind for finding in report.findings] == [
        "slow-answers",
        "faulty-answers",
        "refused-calls",
        "many-connections",
        "late-loop",
        "much-memory",
        "dear-governors",
        "no-disk",
        "write-budget",
    ]


def test_what_was_not_measured_lowers_the_confidence_and_finds_nothing() -> None:
    report = examine_performance(ServerGlance(), ServerGlance(), None)
    assert (report.findings, report.measured) == ((), 0.0)
