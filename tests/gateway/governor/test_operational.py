from __future__ import annotations

import pytest

from gateway.core.steering import MOST_STRETCH
from gateway.governor.actions import Mode
from gateway.governor.health import health_of
from gateway.governor.level import LevelName
from gateway.governor.operational import Operational
from tests.gateway.governor.bench import Bench


class Plant:
    """A line with a load: so much from normal tags, so much from low-priority ones; beyond 1 it misses deadlines."""

    def __init__(self, bench: Bench, *, normal: float, low: float) -> None:
        self.bench, self.normal, self.low = bench, normal, low
        self.level = Operational(bench.field, bench.door, bench.alerts, bench.wall)
        self.missed = 0
        self.factors: list[float] = []
        self._set(1.0)

    def _set(self, stretch: float) -> None:
        load = self.normal + self.low / stretch
        self.missed += 5 if load > 1 else 0
        self.bench.field.line(utilisation=min(load, 1.0), missed=self.missed, stretchable=10 if self.low else 0)

    def run(self, seconds: int) -> None:
        for _ in range(seconds):
            self.bench.run(self.level, 1.0)
            line = self.bench.field.glance().lines[0]
            if not self.factors or self.factors[-1] != line.stretch:
                self.factors.append(line.stretch)
            self._set(line.stretch)


def test_an_overloaded_line_is_relieved_step_by_step_until_deadlines_are_kept(bench: Bench) -> None:
    plant = Plant(bench, normal=0.7, low=0.8)
    plant.run(60)
    assert plant.factors == [1.0, 1.5, 2.0, 3.0]
    missed = plant.missed
    plant.run(50)
    assert plant.missed == missed
    (action,) = bench.door.in_force()
    assert action.value == 3.0
    assert "missed" in action.why


def test_a_line_that_is_quiet_again_is_restored_step_by_step(bench: Bench) -> None:
    plant = Plant(bench, normal=0.7, low=0.8)
    plant.run(60)
    plant.normal = 0.1
    plant.run(400)
    assert plant.factors == [1.0, 1.5, 2.0, 3.0, 2.0, 1.5, 1.0]
    assert bench.door.in_force() == []


def test_restoring_that_brings_the_overload_back_is_tried_less_and_less_often(bench: Bench) -> None:
    # Stretched by 3 the line has room; by 2 it is too much: without memory it would go to and fro for ever.
    plant = Plant(bench, normal=0.55, low=0.92)
    plant.run(6 * 3600)
    turns = len(plant.factors)
    assert turns < 30
    plant.run(6 * 3600)
    assert len(plant.factors) - turns <= 14


def test_a_busy_line_that_keeps_its_deadlines_is_left_alone(bench: Bench) -> None:
    plant = Plant(bench, normal=0.5, low=0.49)
    plant.run(120)
    assert plant.factors == [1.0]


def test_missed_deadlines_of_a_line_that_is_not_busy_are_no_overload(bench: Bench) -> None:
    level = Operational(bench.field, bench.door, bench.alerts, bench.wall)
    for second in range(60):
        bench.field.line(utilisation=0.3, missed=second, stretchable=10)
        bench.run(level, 1)
    assert list(bench.door.actions()) == []


def test_overload_that_cannot_be_relieved_is_an_alert_with_the_cure_and_ends_with_it(bench: Bench) -> None:
    plant = Plant(bench, normal=1.2, low=0.0)
    plant.run(60)
    assert bench.standing() == []
    plant.run(30)
    (alert,) = bench.alerts.standing()
    assert (alert.component, alert.metric) == ("line:bus", "overload")
    assert "priority" in alert.summary
    plant.normal = 0.4
    plant.run(90)
    assert bench.standing() == []


def test_the_stretch_ends_at_its_bound(bench: Bench) -> None:
    plant = Plant(bench, normal=0.99, low=5.0)
    plant.run(600)
    assert plant.factors[-1] == MOST_STRETCH
    assert ("line:bus", "overload") in bench.standing()


@pytest.mark.parametrize("change", [{"lent": True}, {"state": "down"}, {"utilisation": None}])
def test_a_line_that_is_not_polled_now_is_not_judged(bench: Bench, change: dict[str, object]) -> None:
    level = Operational(bench.field, bench.door, bench.alerts, bench.wall)
    for second in range(60):
        bench.field.line("bus", **{"utilisation": 1.0, "missed": second, "stretchable": 10, **change})
        bench.run(level, 1)
    assert list(bench.door.actions()) == []


def test_advising_changes_nothing_on_the_line(bench: Bench) -> None:
    bench.modes[LevelName.OPERATIONAL] = Mode.ADVISE
    plant = Plant(bench, normal=0.7, low=0.8)
    plant.run(120)
    assert plant.factors == [1.0]
    assert [action.verdict for action in bench.door.actions()] == ["advised"]


def test_overload_that_governors_may_not_relieve_is_an_alert_too(bench: Bench) -> None:
    bench.modes[LevelName.OPERATIONAL] = Mode.ADVISE
    plant = Plant(bench, normal=0.7, low=0.8)
    plant.run(90)
    (alert,) = bench.alerts.standing()
    assert "governors only advise" in alert.summary
    bench.modes.clear()
    plant.run(60)
    plant.run(120)
    assert bench.standing() == []


def test_callers_are_bounded_first_but_not_waited_for_for_ever(bench: Bench) -> None:
    bench.field.line(on_demand=0.5)
    plant = Plant(bench, normal=0.7, low=0.8)
    plant.run(30)
    assert plant.factors == [1.0]
    plant.run(60)
    assert plant.factors == [1.0, 1.5, 2.0, 3.0]


def test_an_overload_ends_where_the_line_goes_down(bench: Bench) -> None:
    plant = Plant(bench, normal=1.2, low=0.0)
    plant.run(90)
    assert bench.standing() == [("line:bus", "overload")]
    bench.field.line(state="down")
    plant.run(5)
    assert bench.standing() == []


def test_a_line_that_was_set_up_anew_is_not_thought_to_be_stretched(bench: Bench) -> None:
    plant = Plant(bench, normal=0.7, low=0.8)
    plant.run(60)
    bench.field.line(stretch=1.0)
    bench.run(plant.level, 1)
    assert bench.door.in_force() == []
    plant.run(60)
    assert bench.field.lines["bus"].stretch == 3.0


def test_a_stretch_that_nobody_stands_for_is_taken_back(bench: Bench) -> None:
    plant = Plant(bench, normal=0.5, low=0.4)
    bench.field.line(stretch=4.0)
    plant.run(2)
    assert bench.field.lines["bus"].stretch == 1.0


def test_a_line_that_is_taken_away_leaves_nothing_in_force(bench: Bench) -> None:
    plant = Plant(bench, normal=0.7, low=0.8)
    plant.run(60)
    bench.field.lines.clear()
    bench.run(plant.level, 1)
    assert bench.door.in_force() == []


def test_health_is_made_of_lines_devices_tags_and_deadlines(bench: Bench) -> None:
    bench.field.line("bus")
    bench.field.line("far", state="down")
    bench.field.device("bus/meter", tags=8, good=8)
    bench.field.device("bus/gone", state="silent", tags=8, good=0)
    bench.field.device("bus/new", state="unproven", tags=0, good=0)
    level = Operational(bench.field, bench.door, bench.alerts, bench.wall)
    assert health_of(level.terms()) is None
    bench.run(level, 1)
    bench.field.device("bus/meter", answers=25, missed=5)
    bench.run(level, 1)
    scores = {term.name: term.score for term in level.terms()}
    assert scores == {
        "linesUp": 50.0,
        "devicesAnswering": 50.0,
        "tagsGood": 50.0,
        "deadlinesKept": 75.0,
        "looking": 100.0,
    }
    assert health_of(level.terms()) == round((50 * 3 + 50 * 3 + 50 * 2 + 75 * 2 + 100 * 0.5) / 10.5)
    assert level.figures()["lastProbe"] == "2023-11-14T22:13:22.000Z"
