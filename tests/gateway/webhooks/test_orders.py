"""What is ordered by hand: a test, one delivery again, the events of some time again."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
import trio
from trio.testing import MockClock

from gateway.core.errors import Code, GatewayError
from gateway.core.eventlog import DeliveryStatus, EventLog
from gateway.core.events import Event
from gateway.core.turns import Charge
from gateway.webhooks.replaying import count_replayed
from gateway.webhooks.sender import Sent
from tests.gateway.storage.conftest import TEN
from tests.gateway.storage.event_making import entry, store_in
from tests.gateway.webhooks.conftest import BODY, OPERATOR, Arrived, Rig, answers


def free() -> AbstractAsyncContextManager[Charge]:
    """Turns that cost nothing."""
    return nullcontext(lambda _: None)


async def test_a_test_says_what_came_of_it(autojump_clock: MockClock, rig: Rig) -> None:
    rig.receivers["a.test"] = answers(500)
    async with rig.running() as webhooks:
        made = await webhooks.create(OPERATOR, {**BODY, "active": False})
        result = await webhooks.test(OPERATOR, made.webhook.id)
        assert (result.delivered, result.status, result.error, result.answer) == (False, 500, "answered 500", "answer")
        assert await webhooks.deliveries(OPERATOR, made.webhook.id) == []

        async def never(arrived: Arrived) -> Sent:
            await trio.sleep_forever()
            raise AssertionError

        rig.receivers["a.test"] = never
        async with trio.open_nursery() as nursery:
            nursery.start_soon(webhooks.test, OPERATOR, made.webhook.id)
            await trio.sleep(1)
            with pytest.raises(GatewayError) as refused:
                await webhooks.test(OPERATOR, made.webhook.id)
            assert refused.value.code is Code.TOO_MANY


async def test_one_delivery_again(autojump_clock: MockClock, rig: Rig) -> None:
    rig.receivers["a.test"] = answers(500, 200)
    async with rig.running() as webhooks:
        made = await webhooks.create(OPERATOR, {**BODY, "retry_policy": {"max_attempts": 1}})
        id_ = made.webhook.id
        [event] = rig.happens()
        await trio.sleep(10)
        [dead] = await webhooks.deliveries(OPERATOR, id_, status=DeliveryStatus.DEAD)
        new = await webhooks.redeliver(OPERATOR, id_, dead.id)
        await trio.sleep(10)
        found, attempts = await webhooks.delivery(OPERATOR, id_, new.id)
        assert (found.status, found.redelivery, len(attempts)) == (DeliveryStatus.DELIVERED, True, 1)
        assert [arrived.event_id for arrived in rig.arrived] == [event.id, event.id]
        with pytest.raises(GatewayError) as refused:
            await webhooks.redeliver(OPERATOR, id_, "019bb7a6-0000-7000-8000-000000000001")
        assert refused.value.code is Code.NOT_FOUND
        rig.log.drop(1)
        with pytest.raises(GatewayError, match="no longer kept"):
            await webhooks.redeliver(OPERATOR, id_, dead.id)


async def test_the_events_of_some_time_again_beside_new_ones_and_over_a_restart(
    autojump_clock: MockClock, rig: Rig
) -> None:
    async with rig.running() as webhooks:
        made = await webhooks.create(OPERATOR, BODY)
        id_ = made.webhook.id
        rig.happens(count=10)
        await trio.sleep(100)
        begin = rig.wall()
        rig.happens(count=1000)
        await trio.sleep(100)
        end = rig.wall()
        await trio.sleep(1)
        rig.happens(count=10)
        await trio.sleep(100)
        assert len(rig.arrived) == 1020
        rig.arrived.clear()
        assert await webhooks.redeliver_range(OPERATOR, id_, begin, end) == 1000
        with pytest.raises(GatewayError) as refused:
            await webhooks.redeliver_range(OPERATOR, id_, begin, end)
        assert refused.value.code is Code.CONFLICT
        rig.happens()
        await trio.sleep(4)
        assert 1021 in rig.sequences()
        assert len(rig.arrived) < 1000
    async with rig.running() as webhooks:
        await trio.sleep(100)
        assert sorted(set(rig.sequences())) == [*range(11, 1011), 1021]
        # A restart repeats what was not kept of its place.
        assert len(rig.arrived) <= 1001 + 250
        assert (await webhooks.get(OPERATOR, id_)).replaying is False
        assert await webhooks.redeliver_range(OPERATOR, id_, end + 1e6, end + 2e6) == 0


async def test_not_more_than_ten_thousand_at_a_time(autojump_clock: MockClock, rig: Rig) -> None:
    async with rig.running() as webhooks:
        made = await webhooks.create(OPERATOR, {**BODY, "events": ["alarm:raised"]})
        rig.settings = replace(rig.settings, per_host=32, max_waiting=1000)
        rig.happens(count=10_001)
        await trio.sleep(100)
        with pytest.raises(GatewayError, match="shorter time"):
            await webhooks.redeliver_range(OPERATOR, made.webhook.id, 0, rig.wall())
        with pytest.raises(GatewayError, match="before the start"):
            await webhooks.redeliver_range(OPERATOR, made.webhook.id, 5, 4)


async def test_large_events_are_delivered_again_though_the_log_gives_few_at_once(
    autojump_clock: MockClock, rig: Rig
) -> None:
    async with rig.running() as webhooks:
        made = await webhooks.create(OPERATOR, {**BODY, "events": ["alarm:raised"]})
        rig.log.page = 3
        for _ in range(100):
            rig.happens()
            await trio.sleep(1)
        await trio.sleep(100)
        assert len(rig.arrived) == 100
        rig.arrived.clear()
        begin, end = rig.log.events[10].time, rig.log.events[59].time
        assert await webhooks.redeliver_range(OPERATOR, made.webhook.id, begin, end) == 50
        await trio.sleep(100)
        assert sorted(rig.sequences()) == [*range(11, 61)]
        assert (await webhooks.get(OPERATOR, made.webhook.id)).replaying is False


async def test_a_filter_that_takes_long_holds_nobody_up_while_events_are_counted(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    def costly(_: Event) -> bool:
        autojump_clock.jump(0.01)
        return False

    counting = True
    async with store_in(tmp_path) as store, trio.open_nursery() as nursery:
        await store.log.append([entry(number) for number in range(1, 101)])
        page = await store.log.between(0, 4e9, 0, 500)
        assert len(page) == 100

        class Log:
            async def between(self, start: float, end: float, after: int, limit: int) -> list[Event]:
                await trio.lowlevel.checkpoint()
                return [event for event in page if event.sequence > after]

        async def count() -> None:
            nonlocal counting
            await count_replayed(cast("EventLog", Log()), 0, 4e9, 100, costly, turn=free)
            counting = False

        nursery.start_soon(count)
        longest, last = 0.0, trio.current_time()
        while counting:
            await trio.sleep(0.001)
            longest, last = max(longest, trio.current_time() - last), trio.current_time()
    assert longest < 0.03


async def test_the_events_of_a_time_are_counted_over_pages_that_end_by_their_bytes(tmp_path: Path) -> None:
    async with store_in(tmp_path) as store:
        await store.log.append([entry(number, data={"x": "y" * 20_000}) for number in range(1, 41)])
        assert len(await store.log.between(0, 4e9, 0, 500)) == 4

        def even(event: Event) -> bool:
            return event.sequence % 2 == 0

        counted = await count_replayed(store.log, TEN + 5, TEN + 30, 40, even, turn=free)
        assert counted == (13, 30)
        # What the webhook did not have yet it gets anyway.
        assert await count_replayed(store.log, TEN + 5, TEN + 30, 20, lambda _: True, turn=free) == (16, 20)
