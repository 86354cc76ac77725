"""How each scope of an analysis is examined: what is looked at, twice where rates are asked for, and for how long."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import trio

from gateway.core.roster import Roster
from gateway.core.steering import FieldGlance, ServerGlance
from gateway.governor.analysis.analyses import Examination, Progress
from gateway.governor.analysis.finding import Report
from gateway.governor.analysis.network import examine_network
from gateway.governor.analysis.people import examine_agents
from gateway.governor.analysis.performance import examine_performance
from gateway.governor.arbitration import Arbitration

# Between the two glances.
WINDOW_S = 10.0
STEPS = 20
AT_ONCE_S = 1.0


@dataclass(frozen=True, slots=True)
class Sights:
    """What an analysis may look at.

    Attributes:
        field: lines and devices.
        server: the gateway itself.
        roster: agents and services.
        arbitration: conflicts of writers.
        cost: share of a core that governing takes.
        most_agents: that may be registered.
    """

    field: Callable[[], FieldGlance]
    server: Callable[[], ServerGlance]
    roster: Roster
    arbitration: Arbitration
    cost: Callable[[], float | None]
    most_agents: Callable[[], int]


def examinations(sights: Sights) -> Mapping[str, Examination]:
    """One for each scope."""

    async def network(progress: Progress) -> Report:
        before = sights.field()
        await _window(progress)
        return examine_network(before, sights.field())

    async def agents(progress: Progress) -> Report:
        progress(0.5)
        # There is nothing to wait for; but whoever asks again and again gets no more than one a second.
        await trio.sleep(AT_ONCE_S)
        return examine_agents(sights.roster, sights.arbitration.lately(), sights.most_agents())

    async def performance(progress: Progress) -> Report:
        before = sights.server()
        await _window(progress)
        return examine_performance(before, sights.server(), sights.cost())

    async def everything(progress: Progress) -> Report:
        field, server = sights.field(), sights.server()
        await _window(progress)
        reports = [
            examine_network(field, sights.field()),
            await agents(progress),
            examine_performance(server, sights.server(), sights.cost()),
        ]
        return Report(
            tuple(finding for report in reports for finding in report.findings),
            tuple(pattern for report in reports for pattern in report.patterns),
            sum(report.measured for report in reports) / len(reports),
        )

    return {
        "network": Examination(WINDOW_S, network),
        "agents": Examination(AT_ONCE_S, agents),
        "performance": Examination(WINDOW_S, performance),
        "all": Examination(WINDOW_S, everything),
    }


async def _window(progress: Progress) -> None:
    for step in range(STEPS):
        progress(step / STEPS)
        await trio.sleep(WINDOW_S / STEPS)
