"""Who falls is set up again so often and no more; then it is parked, and tried again for ever."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from gateway.core.supervise import Lives, supervise


class Part:
    """Falls so often, then returns; or falls for ever."""

    def __init__(self, falls: int | None, lasts: float = 0.0) -> None:
        self.falls = falls
        self.lasts = lasts
        self.began: list[float] = []
        self.told: list[str] = []

    async def run(self) -> None:
        self.began.append(trio.current_time())
        await trio.sleep(self.lasts)
        if self.falls is None or len(self.began) <= self.falls:
            raise RuntimeError(f"fall {len(self.began)}")

    def fell(self, fault: Exception) -> None:
        self.told.append(str(fault))

    def parked(self, fault: Exception) -> None:
        self.told.append(f"parked by {fault}")

    async def supervised(self, lives: Lives | None = None) -> None:
        await supervise("part", self.run, lives=lives, on_fall=self.fell, on_park=self.parked)


async def test_who_returns_is_done(autojump_clock: MockClock) -> None:
    part = Part(0)
    await part.supervised()
    assert (len(part.began), part.told) == (1, [])


async def test_who_falls_is_set_up_again_after_a_pause(autojump_clock: MockClock) -> None:
    part = Part(3)
    start = trio.current_time()
    await part.supervised()
    assert [moment - start for moment in part.began] == pytest.approx([0, 1, 2, 3])
    assert part.told == ["fall 1", "fall 2", "fall 3"]


async def test_out_of_lives_it_is_parked_and_tried_again_with_new_ones(autojump_clock: MockClock) -> None:
    part = Part(9)
    start = trio.current_time()
    await part.supervised()
    assert [moment - start for moment in part.began] == pytest.approx([0, 1, 2, 3, 603, 604, 605, 606, 1206, 1207])
    assert [told for told in part.told if told.startswith("parked")] == ["parked by fall 4", "parked by fall 8"]


async def test_falls_that_lie_far_apart_cost_no_life(autojump_clock: MockClock) -> None:
    part = Part(20, lasts=250.0)
    await part.supervised()
    assert len(part.began) == 21
    assert not any(told.startswith("parked") for told in part.told)


async def test_the_policy_can_be_chosen(autojump_clock: MockClock) -> None:
    part = Part(2)
    start = trio.current_time()
    await part.supervised(Lives(restarts=0, pause=5.0, parked=30.0))
    assert [moment - start for moment in part.began] == pytest.approx([0, 30, 60])


async def test_parking_gives_all_lives_back(autojump_clock: MockClock) -> None:
    part = Part(5)
    start = trio.current_time()
    await part.supervised(Lives(restarts=1, window=10_000.0, pause=5.0, parked=30.0))
    assert [moment - start for moment in part.began] == pytest.approx([0, 5, 35, 40, 70, 75])


async def test_cancelling_ends_it_in_the_middle_and_while_parked(autojump_clock: MockClock) -> None:
    for after in (0.5, 100.0):
        part = Part(None, lasts=0.1)
        with trio.move_on_after(after) as scope:
            await part.supervised()
        assert scope.cancelled_caught


async def test_what_is_no_exception_of_a_part_climbs(autojump_clock: MockClock) -> None:
    async def exits() -> None:
        await trio.lowlevel.checkpoint()
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        await supervise("part", exits)
