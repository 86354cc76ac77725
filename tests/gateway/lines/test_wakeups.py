"""One sleep for all idle lines, and for those who wait for an answer."""

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from drivers.ports.alarm import Alarm
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


class Waiter:
    """Waits on an alarm, as ports do."""

    def __init__(self, alarm: Alarm, name: str, rung: list[tuple[str, float]]) -> None:
        self.alarm = alarm
        self.name = name
        self.rung = rung

    def waits(self, deadline: float) -> None:
        self.alarm.deadlines[self] = deadline
        if deadline < self.alarm.soonest:
            self.alarm.sooner(deadline, trio.current_time())

    def answered(self) -> None:
        del self.alarm.deadlines[self]

    def wake(self) -> None:
        self.rung.append((self.name, trio.current_time()))


class Wakes(trio.abc.Instrument):
    """When the task that sleeps for all was woken."""

    def __init__(self) -> None:
        self.at: list[float] = []

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if Wakeups.run.__qualname__ in task.name:
            self.at.append(trio.current_time())


async def test_nobody_wakes_for_what_nobody_waits_for(autojump_clock: MockClock) -> None:
    wakeups, wakes = Wakeups(), Wakes()
    rung: list[tuple[str, float]] = []
    answered, late, patient = (Waiter(wakeups.alarm, name, rung) for name in ("answered", "late", "patient"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wakeups.run)
        await wait_all_tasks_blocked()
        trio.lowlevel.add_instrument(wakes)
        # Two lines whose answers come, and each goes to rest until its next poll.
        for begins in (0.0, 0.1):
            await trio.sleep_until(begins)
            answered.waits(begins + 1.0)
            late.waits(begins + 1.1)
            answered.answered()
            late.answered()
            wakeups.at(9.0, lambda: rung.append(("idle", trio.current_time())))
        await trio.sleep_until(8.5)
        assert wakes.at == [], "for answers that have come nobody wakes"
        patient.waits(12.0)
        late.waits(8.7)
        await trio.sleep_until(8.8)
        late.answered()
        await trio.sleep_until(20.0)
        patient.answered()
        trio.lowlevel.remove_instrument(wakes)
        nursery.cancel_scope.cancel()
    assert rung == [("late", 8.7), ("idle", 9.0), ("idle", 9.0), ("patient", 12.0)]
    assert wakes.at == pytest.approx([8.65, 8.7, 9.0, 12.0]), "once before its time, then at the very moment"


async def test_who_waits_while_the_alarm_rings_is_rung_for(autojump_clock: MockClock) -> None:
    wakeups = Wakeups()
    rung: list[tuple[str, float]] = []
    waiter = Waiter(wakeups.alarm, "waiter", rung)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wakeups.run)
        await wait_all_tasks_blocked()
        wakeups.at(1.0, lambda: waiter.waits(2.0))
        await trio.sleep(2.5)
        nursery.cancel_scope.cancel()
    assert rung == [("waiter", 2.0)]


async def test_who_waits_for_long_costs_nobody_else_a_wake(autojump_clock: MockClock) -> None:
    """A raw line waits for its next message for seconds, while others are asked and answer."""
    wakeups, wakes = Wakeups(), Wakes()
    rung: list[tuple[str, float]] = []
    raw, answered = (Waiter(wakeups.alarm, name, rung) for name in ("raw", "answered"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wakeups.run)
        await wait_all_tasks_blocked()
        trio.lowlevel.add_instrument(wakes)
        raw.waits(10.0)
        for begins in (1.0, 2.0, 3.0):
            await trio.sleep_until(begins)
            answered.waits(begins + 0.3)
            await trio.sleep(0.01)
            answered.answered()
            wakeups.at(begins + 1.0, lambda: None)
        await trio.sleep_until(9.0)
        trio.lowlevel.remove_instrument(wakes)
        raw.answered()
        nursery.cancel_scope.cancel()
    assert wakes.at == [2.0, 3.0, 4.0], "for the polls alone"


async def test_neither_the_alarm_nor_a_wakeup_puts_off_the_other(autojump_clock: MockClock) -> None:
    rung: list[tuple[str, float]] = []
    for first in ("wakeup", "alarm"):
        wakeups = Wakeups()
        waiters = [Waiter(wakeups.alarm, "alarm", rung) for _ in range(6)]
        start = trio.current_time()

        def idle(since: float = start) -> None:
            rung.append(("wakeup", trio.current_time() - since))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wakeups.run)
            await wait_all_tasks_blocked()
            if first == "wakeup":
                wakeups.at(start + 1.0, idle)
            for waiter in waiters:
                waiter.waits(start + (5.0 if first == "wakeup" else 1.0))
            if first == "alarm":
                wakeups.at(start + 5.0, idle)
            await trio.sleep(2.0)
            nursery.cancel_scope.cancel()
        expected = [("wakeup", 1.0)] if first == "wakeup" else [("alarm", start + 1.0)] * len(waiters)
        assert rung == expected
        rung.clear()
