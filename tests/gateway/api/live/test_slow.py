"""Clients that do not take what they are sent: they are closed and told so, and nobody else notices."""

from __future__ import annotations

from trio.testing import wait_all_tasks_blocked

from gateway.settings.model import LimitSettings
from tests.gateway.api.live.stage import Line, Stage


async def test_who_is_too_slow_is_4408_and_others_get_everything(stage: Stage) -> None:
    stage.limits = LimitSettings(event_queue=10)
    slow, quick = (Line(stage.live, stage.nursery, stage.token()) for _ in range(2))
    for line in (slow, quick):
        line.say("subscribe", channels=["alarms"])
    await wait_all_tasks_blocked()
    slow.block()
    for _ in range(30):
        stage.announce()
        await wait_all_tasks_blocked()
    assert quick.events == list(range(1, 31))
    assert slow.events == []
    slow.take()
    await wait_all_tasks_blocked()
    assert slow.closed == 4408
    # What was on its way, and nothing behind a gap.
    assert slow.events == [1]


async def test_a_burst_reaches_who_takes_it_however_small_its_queue(stage: Stage) -> None:
    stage.limits = LimitSettings(event_queue=40)
    line = Line(stage.live, stage.nursery, stage.token())
    line.say("subscribe", channels=["alarms"])
    await wait_all_tasks_blocked()
    for _ in range(10_000):
        stage.announce(kept=False)
    await wait_all_tasks_blocked()
    assert line.events == list(range(1, 10_001))


async def test_few_long_events_are_too_many_as_well(stage: Stage) -> None:
    line = Line(stage.live, stage.nursery, stage.token())
    line.say("subscribe", channels=["alarms"])
    await wait_all_tasks_blocked()
    line.block()
    for _ in range(20):
        stage.announce(data={"message": "x" * 100_000})
        await wait_all_tasks_blocked()
    line.take()
    await wait_all_tasks_blocked()
    assert line.closed == 4408


async def test_a_gateway_that_falls_behind_itself_closes_rather_than_leave_something_out(stage: Stage) -> None:
    line = Line(stage.live, stage.nursery, stage.token())
    line.say("subscribe", channels=["alarms"])
    await wait_all_tasks_blocked()
    for _ in range(20_000):
        stage.announce(kept=False)
    last = stage.announce()
    await wait_all_tasks_blocked()
    assert line.closed == 4408
    assert line.events == list(range(1, len(line.events) + 1))
    again = Line(stage.live, stage.nursery, stage.token())
    again.say("subscribe", channels=["alarms"], resume_from=line.events[-1])
    await wait_all_tasks_blocked()
    assert again.events == [last.sequence]
    stage.announce()
    await wait_all_tasks_blocked()
    assert again.events == [last.sequence, last.sequence + 1]
