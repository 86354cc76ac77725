"""The guard against a run that never ends."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from tests.sim.livelock import LAST_STEPS, LivelockGuard

MOST = 2 * LAST_STEPS


async def loop_for_ever() -> None:
    while True:
        await trio.lowlevel.checkpoint()


async def work(seconds: int) -> None:
    for _ in range(seconds):
        for _ in range(1000):
            await trio.lowlevel.checkpoint()
        await trio.sleep(1)


def run(*tasks: object, seconds: int = 100) -> list[str]:
    """What the guard says about tasks that run for so many virtual seconds."""
    said: list[str] = []

    async def main() -> None:
        def stuck(words: str) -> None:
            said.append(words)
            nursery.cancel_scope.cancel()

        trio.lowlevel.add_instrument(LivelockGuard(stuck, MOST))
        async with trio.open_nursery() as nursery:
            for task in tasks:
                nursery.start_soon(task)  # type: ignore[arg-type]  # async functions without arguments
            await trio.sleep(seconds)
            nursery.cancel_scope.cancel()

    trio.run(main, clock=MockClock(autojump_threshold=0))
    return said


def test_a_busy_loop_ends_the_run_and_is_named() -> None:
    async def sleeper() -> None:
        await trio.sleep_forever()

    (words,) = run(loop_for_ever, sleeper)
    assert "without the clock moving" in words
    assert "loop_for_ever" in words
    assert "sleeper" not in words


def test_much_work_that_gets_on_is_none() -> None:
    async def worker() -> None:
        await work(2 * MOST // 1000)

    assert run(worker, seconds=2 * MOST // 1000) == []
