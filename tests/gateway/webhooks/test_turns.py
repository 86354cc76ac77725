"""Many webhooks and events at once: nobody waits for another's receiver, and order is kept where it is asked for."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from gateway.webhooks.sender import Sent
from tests.gateway.webhooks.conftest import BODY, OPERATOR, Arrived, Rig, answers


async def test_a_slow_receiver_delays_nobody_else(autojump_clock: MockClock, rig: Rig) -> None:
    async def never(arrived: Arrived) -> Sent:
        await trio.sleep_forever()
        raise AssertionError

    rig.receivers["slow.test"] = never
    async with rig.running() as webhooks:
        for url in ("https://slow.test/", "https://slow.test/2", "https://a.test/"):
            await webhooks.create(OPERATOR, {**BODY, "url": url})
        begun = trio.current_time()
        rig.happens(count=100)
        await trio.sleep(3)
        quick = [arrived for arrived in rig.arrived if arrived.host == "a.test"]
        assert len(quick) == 100
        assert quick[-1].at - begun < 2
        await trio.sleep(600)
    assert rig.most_under_way["slow.test"] == 2


async def test_large_events_are_not_held_while_they_wait(autojump_clock: MockClock, rig: Rig) -> None:
    async def receiver(arrived: Arrived) -> Sent:
        await trio.sleep(10)
        return Sent("192.0.2.1", 200)

    rig.receivers["a.test"] = receiver
    async with rig.running() as webhooks:
        made = await webhooks.create(OPERATOR, BODY)
        for _ in range(20):
            rig.happens(rows=[{"a": 1.5}] * 500)
        await trio.sleep(1)
        lane, _ = webhooks._lanes[made.webhook.id]
        assert [waiting.event for waiting in lane.window] == [None] * 20
        await trio.sleep(200)
    assert sorted(rig.sequences()) == [event.sequence for event in rig.log.events]


async def test_slow_receivers_leave_a_turn_to_the_others_of_their_host(autojump_clock: MockClock, rig: Rig) -> None:
    slow: set[object] = set()

    async def receiver(arrived: Arrived) -> Sent:
        if arrived.body["webhook_id"] in slow:
            await trio.sleep_forever()
        return Sent("192.0.2.1", 200)

    rig.receivers["a.test"] = receiver
    async with rig.running() as webhooks:
        for number in range(6):
            made = await webhooks.create(OPERATOR, {**BODY, "url": f"https://a.test/{number}"})
            if number:
                slow.add(made.webhook.id)
        rig.happens()
        # Each is slow for the first time.
        await trio.sleep(60)
        begun = trio.current_time()
        rig.happens(count=100)
        await trio.sleep(5)
        quick = [arrived for arrived in rig.arrived if arrived.body["webhook_id"] not in slow and arrived.at >= begun]
        assert len(quick) == 100
        assert quick[-1].at - begun < 2
    assert rig.most_under_way["a.test"] == 2


async def test_so_many_at_once_to_one_host_over_all_webhooks(autojump_clock: MockClock, rig: Rig) -> None:
    async with rig.running() as webhooks:
        for number in range(5):
            await webhooks.create(OPERATOR, {**BODY, "url": f"https://a.test/{number}"})
        rig.happens(count=50)
        await trio.sleep(60)
    assert len(rig.arrived) == 250
    assert rig.most_under_way["a.test"] == 2


async def test_events_of_one_thing_wait_for_each_other_and_for_no_others(autojump_clock: MockClock, rig: Rig) -> None:
    async def receiver(arrived: Arrived) -> Sent:
        fails = arrived.body["seq"] == 1 and int(str(arrived.body["attempt"])) < 4
        return Sent("192.0.2.1", 500 if fails else 200)

    rig.receivers["a.test"] = receiver
    async with rig.running() as webhooks:
        await webhooks.create(OPERATOR, {**BODY, "ordered": True, "retry_policy": {"max_attempts": 10}})
        for number in range(6):
            rig.happens("alarm:raised", alarm="x" if number % 2 == 0 else "y")
        await trio.sleep(600)
    taken = [int(str(one.body["seq"])) for one in rig.arrived if one.body["seq"] != 1 or one.body["attempt"] == 4]
    assert [one for one in taken if one % 2] == [1, 3, 5]
    assert [one for one in taken if one % 2 == 0] == [2, 4, 6]
    assert taken[:3] == [2, 4, 6]


async def test_without_order_a_failure_holds_up_nothing(autojump_clock: MockClock, rig: Rig) -> None:
    rig.receivers["a.test"] = answers(500, 200)
    async with rig.running() as webhooks:
        await webhooks.create(OPERATOR, BODY)
        rig.happens(count=3, alarm="x")
        await trio.sleep(2)
        assert sorted(rig.sequences()) == [1, 2, 3]
