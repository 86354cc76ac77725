from __future__ import annotations

from contextlib import suppress

from gateway.core.errors import GatewayError
from gateway.core.principal import Kind, Principal
from gateway.core.roster import AgentCounts
from gateway.core.steering import LEAST_ON_DEMAND, Bid, Span
from gateway.governor.actions import Mode
from gateway.governor.arbitration import Arbitration, Conflict
from gateway.governor.coordination import MOST_FIGHTS, PEACE_AFTER_S, Coordination
from gateway.governor.health import health_of
from gateway.governor.level import LevelName
from tests.gateway.governor.bench import Bench


class Plant:
    """A line whose polling takes so much of its time; callers ask for the rest and more, as far as they are let."""

    def __init__(self, bench: Bench, *, polling: float, asked: float) -> None:
        self.bench, self.polling, self.asked = bench, polling, asked
        self.counts = AgentCounts()
        self.arbitration = Arbitration(lambda: bench.now, self._conflict)
        self.level = Coordination(
            steering=bench.field,
            door=bench.door,
            alerts=bench.alerts,
            arbitration=self.arbitration,
            agents=lambda: self.counts,
        )
        self.missed = 0
        self._look()

    def _conflict(self, conflict: Conflict) -> None:
        self.level.conflict(conflict)

    def _look(self) -> None:
        line = self.bench.field.lines.get("bus")
        bound = line.on_demand_bound if line is not None else None
        given = self.asked if bound is None else min(self.asked, bound)
        load = self.polling + given
        self.missed += 3 if load > 1 else 0
        self.bench.field.line("bus", utilisation=min(load, 1.0), on_demand=given, missed=self.missed)

    def run(self, seconds: int) -> None:
        for _ in range(seconds):
            self.bench.run(self.level, 1)
            self._look()

    @property
    def bound(self) -> float | None:
        return self.bench.field.lines["bus"].on_demand_bound


def test_callers_that_make_polls_late_are_bounded_until_polls_are_kept(bench: Bench) -> None:
    plant = Plant(bench, polling=0.8, asked=0.6)
    plant.run(60)
    assert plant.bound == 0.15
    missed = plant.missed
    plant.run(60)
    assert plant.missed == missed
    (action,) = bench.door.in_force()
    assert "on demand" in action.why


def test_when_callers_ask_less_the_bound_is_lifted(bench: Bench) -> None:
    plant = Plant(bench, polling=0.7, asked=0.5)
    plant.run(60)
    assert plant.bound is not None
    plant.asked = 0.01
    plant.run(240)
    assert plant.bound is None
    assert bench.door.in_force() == []


def test_the_bound_is_lifted_step_by_step_and_never_raised_by_an_old_mean(bench: Bench) -> None:
    plant = Plant(bench, polling=0.9, asked=0.6)
    plant.run(60)
    assert plant.bound == 0.075
    # The mean of the last minute still knows the time before the bound.
    plant.missed += 3
    bench.field.line("bus", utilisation=1.0, on_demand=0.5, missed=plant.missed)
    bench.run(plant.level, 1)
    assert plant.bound == LEAST_ON_DEMAND
    plant.polling, plant.asked = 0.3, 0.01
    bounds: list[float] = []
    for _ in range(6):
        plant.run(60)
        bounds.append(plant.bound or 1.0)
    assert bounds == sorted(bounds)
    assert 0.1 in bounds
    assert bounds[-1] == 1.0


def test_a_bound_that_nobody_stands_for_is_lifted_and_one_that_is_gone_is_no_bound(bench: Bench) -> None:
    plant = Plant(bench, polling=0.8, asked=0.0)
    bench.field.line("bus", on_demand_bound=0.1)
    plant.run(2)
    assert plant.bound is None
    plant.asked = 0.6
    plant.run(60)
    assert plant.bound is not None
    bench.field.line("bus", on_demand_bound=None)
    bench.run(plant.level, 1)
    assert bench.door.in_force() == []


def test_a_line_that_polling_alone_overloads_is_none_of_its_business(bench: Bench) -> None:
    plant = Plant(bench, polling=1.2, asked=0.02)
    plant.run(120)
    assert plant.bound is None


def test_something_is_left_for_a_technician_whatever_happens(bench: Bench) -> None:
    plant = Plant(bench, polling=1.1, asked=0.9)
    plant.run(600)
    assert plant.bound is not None
    assert plant.bound >= LEAST_ON_DEMAND


def test_callers_that_come_back_whenever_they_are_let_are_let_less_often(bench: Bench) -> None:
    plant = Plant(bench, polling=0.7, asked=0.5)
    bounds = 0
    for _ in range(12 * 60):
        before = plant.bound
        plant.run(60)
        bounds += before is None and plant.bound is not None
        plant.asked = 0.5 if plant.bound is None else 0.05
    # The pause doubles from a minute to an hour: six times in the first two hours, then once an hour.
    assert 6 <= bounds <= 18


def test_advising_bounds_nobody(bench: Bench) -> None:
    bench.modes[LevelName.COORDINATION] = Mode.ADVISE
    plant = Plant(bench, polling=0.8, asked=0.6)
    plant.run(60)
    assert plant.bound is None
    assert [action.verdict for action in bench.door.actions()] == ["advised"]


def test_a_fight_over_a_set_point_is_an_alert_until_there_was_peace_for_a_while(bench: Bench) -> None:
    plant = Plant(bench, polling=0.1, asked=0.0)
    for name in ("a", "b", "a", "b"):
        by = Principal(name, frozenset(), Kind.AGENT, name)
        bid = Bid(by, Span("bus", 1, "holding", 0), 20 if name == "a" else 30, "bus/boiler/setpoint")
        with suppress(GatewayError):
            plant.arbitration.admit(bid)
            plant.arbitration.settled(bid, sent=True)
        plant.run(1)
    (action,) = bench.door.actions()
    assert (action.kind, action.target) == ("keep", "bus/boiler/setpoint")
    assert action.why == "bus/boiler/setpoint is kept for agent a against agent b"
    (alert,) = bench.alerts.standing()
    assert alert.component == "tag:bus/boiler/setpoint"
    assert "agent a and agent b write bus/boiler/setpoint to and fro" in alert.summary
    plant.run(int(PEACE_AFTER_S) + 1)
    assert bench.standing() == []


def test_an_operator_who_writes_over_an_agent_is_told_of(bench: Bench) -> None:
    plant = Plant(bench, polling=0.1, asked=0.0)
    agent, operator = (
        Principal("a", frozenset(), Kind.AGENT, "a"),
        Principal("operator", frozenset(), Kind.OPERATOR, "o"),
    )
    for by, value, lease in ((agent, 20, 60.0), (operator, 25, None)):
        bid = Bid(by, Span("bus", 1, "holding", 0), value, "bus/boiler/setpoint", lease)
        plant.arbitration.admit(bid)
        plant.arbitration.settled(bid, sent=True)
    (action,) = bench.door.actions()
    assert (action.kind, action.why) == ("override", "an operator wrote bus/boiler/setpoint over agent a")


def test_two_who_fight_over_everything_are_some_alerts_and_no_more(bench: Bench) -> None:
    plant = Plant(bench, polling=0.1, asked=0.0)
    for unit in range(100):
        plant.level.conflict(Conflict("fight", bench.now, f"bus unit {unit}", "agent a", "agent b"))
    assert len(bench.standing()) == MOST_FIGHTS
    plant.run(int(PEACE_AFTER_S) + 1)
    assert bench.standing() == []


def test_health_and_figures(bench: Bench) -> None:
    plant = Plant(bench, polling=0.1, asked=0.0)
    plant.run(1)
    assert health_of(plant.level.terms()) == 100
    plant.counts = AgentCounts(total=4, active=3, healthy=2)
    assert health_of(plant.level.terms()) == round((50 * 2 + 100 * 2 + 100) / 5)
    assert plant.level.figures()["agentsManaged"] == 4
