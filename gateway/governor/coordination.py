"""The coordination governor: peace between callers, and between what they ask and what is polled.

Writers are judged as they come (``Arbitration``). Here it is seen to that what callers ask on demand leaves polling its
time: on a line that misses deadlines while on-demand reads take a good part of it, their share is bounded, and set free
again when the line has been quiet for a while. Writes are never bounded by it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gateway.core.alerts import Alerts, Severity
from gateway.core.ports import Json
from gateway.core.roster import AgentCounts
from gateway.core.steering import LEAST_ON_DEMAND, FieldSteering, LineGlance
from gateway.governor.actions import ActionDoor, Proposal, Verdict
from gateway.governor.arbitration import Arbitration, Conflict
from gateway.governor.health import Term, counted, falling, share
from gateway.governor.level import LevelName
from gateway.governor.relief import MUCH, WINDOW_S, Relief

PACE_S = 1.0
# Callers that come in bursts fill a line for a quarter of a minute and leave it half empty by the mean of a minute.
BUSY = 0.40
ROOM = 0.80
# A bound beyond this is lifted.
MOST_BOUND = 0.5
BOUND = "bound_on_demand"
# A fight is an alert until nobody has fought for so long. Two callers that fight over everything are no more than this.
PEACE_AFTER_S = 600.0
MOST_FIGHTS = 20


class Coordination:
    """Level two.

    Args:
        steering: the lines.
        door: what it acts through.
        alerts: where fights are raised.
        arbitration: judges writers.
        agents: how many agents there are.
    """

    name = LevelName.COORDINATION
    pace = PACE_S

    def __init__(
        self,
        *,
        steering: FieldSteering,
        door: ActionDoor,
        alerts: Alerts,
        arbitration: Arbitration,
        agents: Callable[[], AgentCounts],
    ) -> None:
        self._steering = steering
        self._door = door
        self._alerts = alerts
        self._arbitration = arbitration
        self._agents = agents
        self._reliefs: dict[str, Relief] = {}
        self._fights: dict[str, float] = {}
        self._looked = False

    def tick(self, now: float) -> None:
        """Bound what callers ask of lines that fall behind for it; set free what is quiet; end alerts of old fights."""
        glance = self._steering.glance()
        self._looked = True
        for name in self._reliefs.keys() - {line.name for line in glance.lines}:
            del self._reliefs[name]
            self._door.withdraw(BOUND, name, "the line is gone", now)
        for line in glance.lines:
            if line.modbus:
                self._protect(line, now)
        self._peace(now)

    def _protect(self, line: LineGlance, now: float) -> None:
        relief = self._reliefs.setdefault(line.name, Relief())
        missed = relief.look(now, line.missed)
        if self._differs(line, now):
            return
        if line.state != "up" or line.lent or line.utilisation is None or line.on_demand is None:
            return
        bound = line.on_demand_bound
        # Bounded bursts are little in the mean of a minute, and all of the line while they last.
        much = MUCH if bound is None else LEAST_ON_DEMAND
        if missed > 0 and line.utilisation >= BUSY and line.on_demand >= much:
            if relief.may_step(now) and (bound is None or bound > LEAST_ON_DEMAND):
                self._tighten(line, relief, missed, now)
        elif bound is not None and not missed and line.utilisation < ROOM and relief.may_ease(now):
            self._ease(line, bound, relief, now)

    def _differs(self, line: LineGlance, now: float) -> bool:
        """Bring line and door together where they say different things: the line is new, or something fell between."""
        standing = self._door.standing(BOUND, line.name)
        if standing is None and line.on_demand_bound is not None:
            self._steering.bound_on_demand(line.name, None)
            return True
        if standing is not None and line.on_demand_bound is None:
            return self._door.withdraw(BOUND, line.name, f"{line.name} was set up anew", now)
        return False

    def _tighten(self, line: LineGlance, relief: Relief, missed: int, now: float) -> None:
        relief.tighten(now)
        asked = line.on_demand or 0.0
        # What they took is a mean over the last minute: it may be more than they are let take since.
        bound = max(min(asked, line.on_demand_bound or 1.0) / 2, LEAST_ON_DEMAND)
        why = (
            f"{line.name} missed {missed} deadlines in {WINDOW_S:g} s while reads on demand took {asked:.0%} of its "
            f"time: they get at most {bound:.0%} from now on"
        )
        self._set(line, bound, why, now, {"missed": missed, "onDemand": round(asked, 3)})

    def _ease(self, line: LineGlance, bound: float, relief: Relief, now: float) -> None:
        quiet = f"{line.name} missed no deadline for {now - relief.quiet_since:.0f} s"
        relief.ease(now)
        if 2 * bound > MOST_BOUND:
            self._door.withdraw(BOUND, line.name, f"{quiet}: on-demand reads are not bounded any more", now)
        else:
            self._set(line, 2 * bound, f"{quiet}: on-demand reads get twice as much of its time", now, {})

    def _set(self, line: LineGlance, bound: float, why: str, now: float, evidence: dict[str, Json]) -> None:
        name = line.name
        proposal = Proposal(
            self.name,
            BOUND,
            name,
            why,
            do=lambda: self._steering.bound_on_demand(name, bound) is not None,
            undo=lambda: self._steering.bound_on_demand(name, None) is None,
            value=round(bound, 3),
            evidence={**evidence, "utilisation": line.utilisation},
            effect="load",
            direction=-1 if bound < (line.on_demand_bound or 1.0) else 1,
        )
        self._door.propose(proposal, now)

    def conflict(self, conflict: Conflict) -> None:
        """Callers got in each other's way; ``Arbitration`` tells. A fight is somebody's to see to."""
        if conflict.kind == "overridden":
            self._note("override", conflict, f"{conflict.other} wrote {conflict.place} over {conflict.holder}")
        if conflict.kind == "kept" and conflict.place in self._fights:
            self._fights[conflict.place] = conflict.at
        if conflict.kind != "fight":
            return
        if conflict.place not in self._fights and len(self._fights) >= MOST_FIGHTS:
            return
        self._fights[conflict.place] = conflict.at
        self._note("keep", conflict, f"{conflict.place} is kept for {conflict.holder} against {conflict.other}")
        words = (
            f"{conflict.holder} and {conflict.other} write {conflict.place} to and fro: {conflict.holder} was first "
            "and keeps it for a while. Let one of them take a lease, or take write access from the other"
        )
        self._alerts.fire(f"tag:{conflict.place}", "fight", Severity.WARNING, words)

    def _note(self, kind: str, conflict: Conflict, words: str) -> None:
        """What was decided between callers is an action like others: told, and kept for those who ask."""
        self._door.note(Proposal(self.name, kind, conflict.place, words, do=lambda: True), Verdict.DONE, conflict.at)

    def _peace(self, now: float) -> None:
        for place in [place for place, at in self._fights.items() if now - at >= PEACE_AFTER_S]:
            del self._fights[place]
            self._alerts.resolve(f"tag:{place}", "fight")

    # What it is asked

    def terms(self) -> tuple[Term, ...]:
        """Agents that are well, conflicts of writers, and lines that had to be protected from callers."""
        if not self._looked:
            return ()
        counts, conflicts = self._agents(), self._arbitration.lately()
        bounded = sum(action.kind == BOUND for action in self._door.in_force())
        return (
            Term(
                "agentsHealthy",
                share(counts.healthy, counts.total),
                2.0,
                f"{counts.healthy} of {counts.total} agents are healthy",
            ),
            Term(
                "conflicts",
                falling(len(conflicts), 0, 10),
                2.0,
                f"{counted(len(conflicts), 'conflict')} of writers in an hour",
            ),
            Term(
                "linesBounded",
                falling(bounded, 0, 4),
                1.0,
                f"on-demand reads are bounded on {counted(bounded, 'line')}",
            ),
        )

    def figures(self) -> Mapping[str, Json]:
        """``agentsManaged`` (AG-08), and who keeps what."""
        return {
            "agentsManaged": self._agents().total,
            "bounded": {action.target: action.value for action in self._door.in_force() if action.kind == BOUND},
            "kept": [
                {"place": place, "by": who, "secondsLeft": round(seconds, 1)}
                for place, who, seconds in self._arbitration.kept()
            ],
            "writes": {"admitted": self._arbitration.admitted, "refused": self._arbitration.refused},
        }
