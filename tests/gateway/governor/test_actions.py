from __future__ import annotations

from dataclasses import dataclass, field

from gateway.governor.actions import HOUR_S, MOST_AN_HOUR, REPEAT_S, ActionDoor, Mode, Proposal, Verdict
from gateway.governor.level import LevelName

OPERATIONAL, MANAGEMENT = LevelName.OPERATIONAL, LevelName.MANAGEMENT


@dataclass
class Bench:
    """A door, and a line whose stretch is what the door made of it."""

    modes: dict[LevelName, Mode] = field(default_factory=dict)
    told: list[dict[str, object]] = field(default_factory=list)
    stretch: float = 1.0
    works: bool = True

    def __post_init__(self) -> None:
        self.door = ActionDoor(
            lambda level: self.modes.get(level, Mode.GOVERN), lambda: 1_000.0, lambda _, data: self.told.append(data)
        )

    def stretched(self, factor: float, now: float, target: str = "boiler") -> Verdict:
        def set_to(value: float) -> bool:
            self.stretch = value
            return self.works

        proposal = Proposal(
            OPERATIONAL,
            "stretch",
            target,
            "busy",
            lambda: set_to(factor),
            lambda: set_to(1.0),
            factor,
            {"busy": 0.99},
            direction=-1 if factor > self.stretch else 1,
        )
        return self.door.propose(proposal, now)


def test_what_is_done_stands_is_told_and_is_taken_back() -> None:
    bench = Bench()
    assert bench.stretched(2.0, 0) is Verdict.DONE
    assert bench.stretch == 2.0
    standing = bench.door.standing("stretch", "boiler")
    assert standing is not None
    assert (standing.value, standing.evidence) == (2.0, {"busy": 0.99})
    assert bench.door.withdraw("stretch", "boiler", "quiet again", 1)
    assert bench.stretch == 1.0
    assert bench.door.in_force() == []
    (action,) = bench.door.actions()
    assert action.ended == 1_000.0
    assert not action.standing
    end = bench.door.moves()[-1]
    assert (end.verdict, end.why, end.standing, end.direction) == (Verdict.ENDED, "quiet again", False, 1)
    assert [told["verdict"] for told in bench.told] == ["done", "ended"]
    assert not bench.door.withdraw("stretch", "boiler", "again", 2)


def test_a_second_action_on_the_same_thing_takes_the_place_of_the_first() -> None:
    bench = Bench()
    bench.stretched(2.0, 0)
    bench.stretched(4.0, 1)
    (standing,) = bench.door.in_force()
    assert standing.value == 4.0
    assert [action.ended for action in bench.door.actions()] == [1_000.0, None]


def test_an_advising_level_changes_nothing_and_says_so_once() -> None:
    bench = Bench({OPERATIONAL: Mode.ADVISE})
    assert [bench.stretched(2.0, now) for now in (0, 1, 2)] == [Verdict.ADVISED] * 3
    assert bench.stretch == 1.0
    assert len(bench.told) == 1
    bench.stretched(2.0, REPEAT_S)
    assert len(bench.told) == 2


def test_an_action_that_does_not_help_ends_after_so_many_an_hour() -> None:
    bench = Bench()
    verdicts = [bench.stretched(2.0 + now, now) for now in range(MOST_AN_HOUR + 3)]
    assert verdicts == [Verdict.DONE] * MOST_AN_HOUR + [Verdict.TOO_OFTEN] * 3
    assert bench.stretched(2.0, MOST_AN_HOUR, target="other line") is Verdict.DONE
    assert bench.stretched(2.0, HOUR_S) is Verdict.DONE


def test_a_step_back_is_neither_held_nor_too_often_and_counts_for_nothing() -> None:
    bench = Bench()
    for now in range(MOST_AN_HOUR):
        bench.stretched(2.0 + now, now)
    bench.door.hold(OPERATIONAL, "boiler", until=60)
    assert bench.stretched(99.0, 20) is Verdict.HELD
    assert [bench.stretched(factor, 20) for factor in (4.0, 3.0, 2.0)] == [Verdict.DONE] * 3
    assert bench.stretched(3.0, HOUR_S) is Verdict.DONE


def test_a_held_level_leaves_its_target_alone_until_the_hold_ends() -> None:
    bench = Bench()
    bench.door.hold(OPERATIONAL, "boiler", until=60)
    assert bench.stretched(2.0, 59) is Verdict.HELD
    assert bench.stretched(2.0, 59, target="chiller") is Verdict.DONE
    assert bench.stretched(2.0, 60) is Verdict.DONE
    assert bench.door.holds(60) == []


def test_a_hold_on_everything_counts_for_every_target_of_that_level_only() -> None:
    bench = Bench()
    bench.door.hold(OPERATIONAL, None, until=60)
    assert bench.stretched(2.0, 0) is Verdict.HELD
    assert not bench.door.held(MANAGEMENT, "boiler", 0)


def test_what_could_not_be_done_does_not_stand() -> None:
    bench = Bench(works=False)
    assert bench.stretched(2.0, 0) is Verdict.FAILED
    assert bench.door.in_force() == []


def test_a_failing_hand_does_not_fell_the_level() -> None:
    def broken() -> bool:
        raise ValueError

    bench = Bench()
    proposal = Proposal(MANAGEMENT, "reopen", "boiler", "silent", broken)
    assert bench.door.propose(proposal, 0) is Verdict.FAILED


def test_all_of_a_levels_standing_actions_can_be_taken_back_at_once() -> None:
    bench = Bench()
    bench.stretched(2.0, 0)
    bench.stretched(2.0, 0, target="chiller")
    assert bench.door.withdraw_all(MANAGEMENT, "", 1) == 0
    assert bench.door.withdraw_all(OPERATIONAL, "fell", 1) == 2
    assert bench.stretch == 1.0
