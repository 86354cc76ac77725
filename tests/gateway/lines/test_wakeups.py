"""One sleep for all idle lines."""

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from gateway.lines.wakeups import Wakeups


async def test_everybody_is_woken_at_their_own_moment(autojump_clock: MockClock) -> None:
    wakeups = Wakeups()
    woken: list[tuple[str, float]] = []

    async def wait(name: str, moment: float) -> None:
        event = trio.Event()
        wakeups.at(moment, event.set)
        await event.wait()
        woken.append((name, trio.current_time()))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wakeups.run)
        await wait_all_tasks_blocked()
        for name, moment in (("late", 3.0), ("soon", 1.0), ("later", 3.5), ("over", 0.0)):
            nursery.start_soon(wait, name, moment)
            await wait_all_tasks_blocked()
        await trio.sleep(2)
        assert [name for name, _ in woken] == ["over", "soon"]
        nursery.start_soon(wait, "between", 2.5)
        await trio.sleep(5)
        nursery.cancel_scope.cancel()
    assert woken == [("over", 0.0), ("soon", 1.0), ("between", 2.5), ("late", 3.0), ("later", 3.5)]


async def test_what_was_asked_for_before_it_runs_is_kept(autojump_clock: MockClock) -> None:
    wakeups, event = Wakeups(), trio.Event()
    wakeups.at(2.0, event.set)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wakeups.run)
        await event.wait()
        assert trio.current_time() == 2.0
        nursery.cancel_scope.cancel()


async def test_nobody_wakes_for_what_nobody_waits_for(autojump_clock: MockClock) -> None:
    wakeups = Wakeups()
    rung: list[tuple[str, float]] = []
    waits = True

    def ring(name: str) -> None:
        rung.append((name, trio.current_time()))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wakeups.run)
        await wait_all_tasks_blocked()
        # The time-outs of two lines whose answers have come, and of one that still waits.
        wakeups.at(1.0, lambda: ring("answered"), lambda: waits)
        wakeups.at(1.1, lambda: ring("answered too"), lambda: waits)
        wakeups.at(1.2, lambda: ring("waiting"), lambda: True)
        await trio.sleep(0.5)
        waits = False
        wakeups.at(9.0, lambda: ring("idle"))
        assert rung == [("answered", 0.5), ("answered too", 0.5)]
        await trio.sleep(20)
        nursery.cancel_scope.cancel()
    assert rung[2:] == [("waiting", 1.2), ("idle", 9.0)]
