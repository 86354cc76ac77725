from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import trio
import trio.testing

from gateway.core.ports import Json
from gateway.core.supervise import Lives
from gateway.governor.actions import ActionDoor, Mode, Proposal
from gateway.governor.governors import Governors
from gateway.governor.health import Term
from gateway.governor.level import LevelName


@dataclass
class Scripted:
    """A level whose health is given, and that may fall."""

    name: LevelName
    score: float | None = 90.0
    pace: float = 1.0
    falls: int = 0
    ticks: int = 0
    ticked_at: list[float] = field(default_factory=list)

    def tick(self, now: float) -> None:
        self.ticks += 1
        self.ticked_at.append(now)
        if self.falls > 0:
            self.falls -= 1
            raise ArithmeticError

    def terms(self) -> tuple[Term, ...]:
        return (Term("given", self.score, 1.0, f"{self.score}"),)

    def figures(self) -> Mapping[str, Json]:
        return {"agentsManaged": 5} if self.name is LevelName.COORDINATION else {}


SEED = dict(zip(LevelName, (95.0, 88.0, 92.0, 90.0, 94.0), strict=True))


def quiet_door(mode: Mode = Mode.GOVERN) -> ActionDoor:
    return ActionDoor(lambda _: mode, lambda: 0.0, lambda *_: None)


def governors(levels: list[Scripted], door: ActionDoor, mode: Mode = Mode.GOVERN) -> Governors:
    return Governors(levels, door, lambda _: mode, lives=Lives(restarts=2, pause=1.0, parked=100.0))


async def running(governors: Governors, seconds: float) -> None:
    with trio.move_on_after(seconds):
        await governors.run()


async def test_the_status_of_the_seed_comes_of_the_seeds_figures(autojump_clock: trio.testing.MockClock) -> None:
    parts = governors([Scripted(name, SEED[name]) for name in LevelName], quiet_door())
    before = parts.status(trio.current_time())
    assert before["overall"] == {"health": None, "status": "unknown"}
    await running(parts, 2.5)
    shown = parts.status(trio.current_time())
    assert shown["overall"] == {"health": 92, "status": "optimal"}
    levels = shown["governors"]
    assert isinstance(levels, dict)
    coordination = levels["coordination"]
    assert isinstance(coordination, dict)
    assert (coordination["active"], coordination["health"], coordination["agentsManaged"]) == (True, 88, 5)


async def test_a_level_that_falls_leaves_the_others_alone_and_comes_back(
    autojump_clock: trio.testing.MockClock,
) -> None:
    falling, steady = Scripted(LevelName.INTELLIGENCE, falls=2), Scripted(LevelName.OPERATIONAL)
    parts = governors([steady, falling], quiet_door())
    await running(parts, 5.5)
    assert steady.ticks == 6
    assert parts.pulses[LevelName.INTELLIGENCE].falls == 2
    assert parts.pulses[LevelName.INTELLIGENCE].active(trio.current_time())


async def test_a_level_out_of_lives_is_parked_and_does_not_count(autojump_clock: trio.testing.MockClock) -> None:
    falling, steady = Scripted(LevelName.INTELLIGENCE, 10.0), Scripted(LevelName.OPERATIONAL, 80.0)
    parts = governors([steady, falling], quiet_door())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(parts.run)
        await trio.sleep(1.5)
        assert parts.status(trio.current_time())["overall"] == {"health": 45, "status": "critical"}
        falling.falls = 3
        await trio.sleep(10)
        status = parts.status(trio.current_time())
        assert status["overall"] == {"health": 80, "status": "degraded"}
        levels = status["governors"]
        assert isinstance(levels, dict)
        intelligence = levels["intelligence"]
        assert isinstance(intelligence, dict)
        assert (intelligence["active"], intelligence["health"]) == (False, None)
        await trio.sleep(100)
        assert parts.status(trio.current_time())["overall"] == {"health": 45, "status": "critical"}
        nursery.cancel_scope.cancel()


async def test_what_a_level_had_in_force_is_taken_back_when_it_falls(autojump_clock: trio.testing.MockClock) -> None:
    stretch = [1.0]

    def set_to(factor: float) -> bool:
        stretch.append(factor)
        return True

    door = quiet_door()
    level = Scripted(LevelName.OPERATIONAL)
    parts = governors([level], door)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(parts.run)
        await trio.sleep(0.5)
        proposal = Proposal(level.name, "stretch", "boiler", "busy", lambda: set_to(2.0), lambda: set_to(1.0))
        door.propose(proposal, trio.current_time())
        assert stretch[-1] == 2.0
        level.falls = 1
        await trio.sleep(1)
        assert stretch[-1] == 1.0
        nursery.cancel_scope.cancel()


async def test_a_level_switched_to_advising_gives_back_what_it_had(autojump_clock: trio.testing.MockClock) -> None:
    mode = [Mode.GOVERN]
    door = ActionDoor(lambda _: mode[0], lambda: 0.0, lambda *_: None)
    undone: list[bool] = []

    def undo() -> bool:
        undone.append(True)
        return True

    level = Scripted(LevelName.OPERATIONAL)
    parts = Governors([level], door, lambda _: mode[0])
    proposal = Proposal(level.name, "stretch", "boiler", "busy", lambda: True, undo)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(parts.run)
        await trio.sleep(0.5)
        door.propose(proposal, trio.current_time())
        await trio.sleep(2)
        assert not undone
        mode[0] = Mode.ADVISE
        await trio.sleep(1)
        assert undone
        nursery.cancel_scope.cancel()


async def test_the_cost_of_ticks_is_measured(autojump_clock: trio.testing.MockClock) -> None:
    used = iter(range(100))
    level = Scripted(LevelName.META)
    parts = Governors([level], quiet_door(), lambda _: Mode.GOVERN, processor=lambda: next(used) * 0.25)
    await running(parts, 3.5)
    pulse = parts.pulses[LevelName.META]
    assert pulse.busy == 1.0
    assert parts.status(3.5)["governors"]["meta"]["longestTick"] == 0.25  # type: ignore[index, call-overload] # JSON


async def test_a_level_that_hangs_is_not_active(autojump_clock: trio.testing.MockClock) -> None:
    level = Scripted(LevelName.META)
    parts = governors([level], quiet_door())
    parts.tick(parts.pulses[level.name], trio.current_time())
    await trio.sleep(5)
    assert parts.pulses[level.name].active(trio.current_time())
    await trio.sleep(0.5)
    assert not parts.pulses[level.name].active(trio.current_time())
