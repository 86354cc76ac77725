import trio
import trio.testing

from drivers.ports.timer import LoopSleeper, TimerSleeper, sleeper


async def test_real_time_gets_the_timer() -> None:
    chosen = sleeper()
    assert isinstance(chosen, TimerSleeper)
    chosen.close()
    chosen.close()


async def test_virtual_time_gets_the_loop(autojump_clock: trio.testing.MockClock) -> None:
    chosen = sleeper()
    assert isinstance(chosen, LoopSleeper)
    before = trio.current_time()
    await chosen.sleep_until(before + 3600)
    assert trio.current_time() == before + 3600
    await chosen.sleep_until(before)
    chosen.close()


async def test_a_cancelled_sleep_does_not_shorten_the_next() -> None:
    timer = TimerSleeper()
    with trio.CancelScope() as scope:
        scope.cancel()
        await timer.sleep_until(trio.current_time() + 60)
    for pause_s in (0.003, 0.0002, 0.00002, 0.0, 0.001):
        moment = trio.current_time() + pause_s
        await timer.sleep_until(moment)
        assert trio.current_time() >= moment
    timer.close()


async def test_others_run_during_a_sleep() -> None:
    timer = TimerSleeper()
    woken = []

    async def other() -> None:
        await trio.lowlevel.checkpoint()
        woken.append("other")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        await timer.sleep_until(trio.current_time() + 0.02)
        woken.append("sleeper")
    assert woken == ["other", "sleeper"]
    timer.close()
