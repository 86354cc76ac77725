from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.core.ports import Json
from gateway.governor.actions import Mode, Proposal, Verdict
from gateway.governor.governors import Pulse
from gateway.governor.health import Term, health_of
from gateway.governor.level import LevelName
from gateway.governor.meta import AGAINST, TURNS, Meta
from tests.gateway.governor.bench import Bench

OPERATIONAL, COORDINATION, MANAGEMENT = LevelName.OPERATIONAL, LevelName.COORDINATION, LevelName.MANAGEMENT


@dataclass
class Other:
    name: LevelName
    score: float = 100.0
    pace: float = 1.0

    def tick(self, now: float) -> None:
        return

    def terms(self) -> tuple[Term, ...]:
        return (Term("given", self.score, 1.0, f"{self.score:g} was measured"),)

    def figures(self) -> Mapping[str, Json]:
        return {}


class Scene:
    """Four levels beside meta."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        others = [name for name in LevelName if name is not LevelName.META]
        self.levels: dict[LevelName, Other] = {name: Other(name) for name in others}
        self.pulses: dict[LevelName, Pulse] = {name: Pulse(level) for name, level in self.levels.items()}
        self.meta = Meta(bench.door, bench.alerts, lambda: self.pulses, bench.mode)
        self.load = 0

    def run(self, seconds: int, *, asleep: LevelName | None = None) -> None:
        for _ in range(seconds // 5):
            for name, pulse in self.pulses.items():
                if name is not asleep:
                    pulse.ticked, pulse.terms = self.bench.now + 5, self.levels[name].terms()
            self.bench.run(self.meta, 5)

    def pull(self, level: LevelName, direction: int, kind: str = "stretch", target: str = "bus") -> Verdict:
        def move(by: int) -> bool:
            self.load += by
            return True

        proposal = Proposal(
            level,
            kind,
            target,
            "because",
            do=lambda: move(direction),
            undo=lambda: move(-direction),
            effect="load",
            direction=direction,
        )
        return self.bench.door.propose(proposal, self.bench.now)


def test_all_is_well_when_all_levels_look_and_are_healthy(bench: Bench) -> None:
    scene = Scene(bench)
    assert scene.meta.figures()["systemOptimal"] is False
    scene.run(10)
    assert scene.meta.figures()["systemOptimal"] is True
    assert scene.meta.figures()["reasons"] == []
    assert health_of(scene.meta.terms()) == 100


def test_why_not_names_the_level_and_its_worst_measurement(bench: Bench) -> None:
    scene = Scene(bench)
    scene.levels[MANAGEMENT].score = 40
    scene.run(10)
    assert scene.meta.figures()["systemOptimal"] is False
    assert scene.meta.figures()["reasons"] == ["management: health 40, 40 was measured"]


def test_a_level_that_does_not_look_any_more_is_told_and_loses_what_it_had_in_force(bench: Bench) -> None:
    scene = Scene(bench)
    scene.run(10)
    scene.pull(OPERATIONAL, -1)
    scene.run(30, asleep=OPERATIONAL)
    assert bench.standing() == [("governor:operational", "stuck")]
    assert scene.load == 0
    assert bench.door.in_force() == []
    scene.run(10)
    assert bench.standing() == []


def test_a_level_that_goes_to_and_fro_is_held_and_what_was_configured_wins(bench: Bench) -> None:
    scene = Scene(bench)
    for turn in range(TURNS + 2):
        scene.run(30)
        scene.pull(OPERATIONAL, 1 if turn % 2 else -1)
    scene.run(10)
    assert scene.pull(OPERATIONAL, -1) is Verdict.HELD
    assert bench.door.in_force() == []
    assert scene.pull(OPERATIONAL, -1, target="other") is Verdict.DONE
    assert any(action.kind == "hold" and action.level == "meta" for action in bench.door.actions())
    scene.run(1800)
    assert scene.pull(OPERATIONAL, -1) is Verdict.DONE


def test_what_is_done_and_taken_back_over_and_over_is_oscillation_too(bench: Bench) -> None:
    scene = Scene(bench)
    for _ in range(TURNS // 2 + 2):
        scene.run(30)
        scene.pull(OPERATIONAL, -1)
        scene.run(30)
        bench.door.withdraw("stretch", "bus", "quiet again", bench.now)
    scene.run(10)
    assert scene.pull(OPERATIONAL, -1) is Verdict.HELD


def test_an_advising_meta_governor_says_whom_it_would_hold_and_holds_nobody(bench: Bench) -> None:
    bench.modes[LevelName.META] = Mode.ADVISE
    scene = Scene(bench)
    for turn in range(TURNS + 2):
        scene.run(30)
        scene.pull(OPERATIONAL, 1 if turn % 2 else -1)
    scene.run(10)
    assert scene.pull(OPERATIONAL, 1) is Verdict.DONE
    hold = next(action for action in bench.door.actions() if action.kind == "hold")
    assert hold.verdict is Verdict.ADVISED


def test_steps_in_one_direction_are_no_oscillation(bench: Bench) -> None:
    scene = Scene(bench)
    for _ in range(8):
        scene.run(30)
        scene.pull(OPERATIONAL, -1)
    scene.run(10)
    assert scene.pull(OPERATIONAL, -1) is Verdict.DONE


def undoing(scene: Scene, times: int) -> None:
    """Two levels pull the same thing to and fro."""
    for _ in range(times):
        scene.run(30)
        scene.pull(OPERATIONAL, -1, "stretch")
        scene.run(30)
        scene.pull(COORDINATION, 1, "open")
    scene.run(10)


def test_two_levels_that_undo_each_others_work_the_higher_one_wins(bench: Bench) -> None:
    scene = Scene(bench)
    undoing(scene, AGAINST)
    assert scene.pull(OPERATIONAL, -1, "stretch") is Verdict.HELD
    assert [action.kind for action in bench.door.in_force()] == ["open"]
    hold = next(action for action in bench.door.actions() if action.kind == "hold")
    assert "the coordination governor decides" in hold.why


def test_once_to_and_fro_is_nothing_nor_are_opposite_pulls_on_different_things(bench: Bench) -> None:
    scene = Scene(bench)
    undoing(scene, 1)
    for _ in range(AGAINST):
        scene.run(30)
        scene.pull(OPERATIONAL, -1, "stretch", "bus")
        scene.pull(COORDINATION, 1, "open", "other")
    scene.run(10)
    assert bench.door.holds(bench.now) == []


def test_relief_of_callers_soon_after_polls_were_restored_costs_no_relief(bench: Bench) -> None:
    # What a flood by a caller does: polls were just given back, now callers are bounded.
    scene = Scene(bench)
    scene.run(10)
    scene.pull(OPERATIONAL, -1)
    scene.pull(OPERATIONAL, 1)
    scene.run(10)
    scene.pull(COORDINATION, -1, "bound_on_demand")
    scene.run(10)
    assert scene.pull(OPERATIONAL, -1) is Verdict.DONE


def test_holds_are_longer_each_time_until_there_was_none_for_a_day(bench: Bench) -> None:
    scene = Scene(bench)
    lasted = []
    for pause in (0, 0, 0, 2 * 86400):
        bench.field.now += pause
        undoing(scene, AGAINST)
        begun = bench.now
        while bench.door.held(OPERATIONAL, "bus", bench.now):
            scene.run(60)
        lasted.append(bench.now - begun)
    assert 0 < lasted[0] < lasted[1] < lasted[2]
    assert lasted[3] == lasted[0]


def test_where_the_whole_process_was_stopped_no_level_is_stuck(bench: Bench) -> None:
    scene = Scene(bench)
    scene.run(10)
    scene.pull(OPERATIONAL, -1)
    bench.field.now += 300
    scene.meta.tick(bench.now)
    scene.run(10)
    assert bench.told[-1][1].get("state") is None
    assert bench.standing() == []
    assert bench.door.standing("stretch", "bus") is not None


def test_what_governing_costs_counts_against_it(bench: Bench) -> None:
    scene = Scene(bench)
    scene.run(10)
    scene.pulses[OPERATIONAL].busy = 5.0
    scene.run(90)
    cost = next(term for term in scene.meta.terms() if term.name == "cost")
    assert cost.score is not None
    assert cost.score < 70
    assert scene.meta.figures()["cost"] == round(5 / 95, 5)


def test_what_governing_costs_is_judged_by_the_last_hour(bench: Bench) -> None:
    scene = Scene(bench)
    scene.run(86400)
    scene.pulses[OPERATIONAL].busy = 600.0
    scene.run(5)
    cost = scene.meta.cost()
    assert cost is not None
    assert cost > 0.1
    scene.run(7200)
    assert scene.meta.cost() == 0.0
