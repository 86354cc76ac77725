"""Work in small steps: others get their turn, and what they do with it is not counted."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from gateway.core.sifting import STEP_S, Sifting


async def test_others_get_a_turn_after_a_while_and_not_at_each_step(mock_clock: MockClock) -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            # What it does takes longer than all of the work.
            mock_clock.jump(10)
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        sifting = Sifting()
        nursery.start_soon(other)
        for _ in range(100):
            mock_clock.jump(STEP_S / 10)
            await sifting.step()
        assert 5 <= turns <= 15
        assert sifting.spent() == pytest.approx(10 * STEP_S)
        nursery.cancel_scope.cancel()


async def test_work_that_is_soon_done_is_not_interrupted(mock_clock: MockClock) -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        sifting = Sifting()
        for _ in range(1000):
            await sifting.step()
    assert not scope.cancelled_caught
    assert sifting.spent() == 0
