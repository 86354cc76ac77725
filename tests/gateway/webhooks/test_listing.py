"""What became of events is there to see at once, though the disk is told in groups."""

from __future__ import annotations

from itertools import pairwise

import pytest
import trio
from trio.testing import MockClock

from gateway.core.eventlog import Delivery, DeliveryStatus, NotKept
from gateway.core.ports import Json
from gateway.webhooks.lane import GROUPED_S
from gateway.webhooks.sender import Sent
from tests.gateway.webhooks.conftest import BODY, OPERATOR, Arrived, Rig, answers, away

NONE = {"waiting": 0, "delivered": 0, "dead": 0, "cancelled": 0}


async def slow(arrived: Arrived) -> Sent:
    await trio.sleep(10)
    return Sent("192.0.2.1", 200)


async def odd_ones(arrived: Arrived) -> Sent:
    return Sent("192.0.2.1", 200 if int(str(arrived.body["seq"])) % 2 else 500)


async def test_a_delivery_is_there_while_its_first_attempt_is_under_way(autojump_clock: MockClock, rig: Rig) -> None:
    rig.receivers["a.test"] = slow
    async with rig.running() as webhooks:
        made = (await webhooks.create(OPERATOR, BODY)).webhook
        rig.happens(count=3)
        await trio.sleep(0.1)
        assert rig.outbox.rows == {}
        found = await webhooks.deliveries(OPERATOR, made.id)
        assert [(row.sequence, row.status, row.attempts) for row in found] == [
            (3, DeliveryStatus.WAITING, 0),
            (2, DeliveryStatus.WAITING, 0),
            (1, DeliveryStatus.WAITING, 0),
        ]
        one, attempts = await webhooks.delivery(OPERATOR, made.id, found[0].id)
        assert (one, attempts) == (found[0], [])
        assert (await webhooks.get(OPERATOR, made.id)).deliveries == NONE | {"waiting": 3}


async def test_what_came_of_an_attempt_is_there_before_the_disk_has_it(autojump_clock: MockClock, rig: Rig) -> None:
    rig.receivers["a.test"] = odd_ones
    async with rig.running() as webhooks:
        policy: Json = {"max_attempts": 5, "backoff_multiplier": 1, "initial_delay": 1.2 * GROUPED_S}
        made = (await webhooks.create(OPERATOR, {**BODY, "retry_policy": policy})).webhook
        # Just after a write, so that the next one is far.
        await trio.sleep(1.001 * GROUPED_S - trio.current_time() % GROUPED_S)
        rig.happens(count=2)
        await trio.sleep(0.2)
        assert rig.outbox.rows == {}
        failed, arrived = await webhooks.deliveries(OPERATOR, made.id)
        assert (failed.status, arrived.status) == (DeliveryStatus.WAITING, DeliveryStatus.DELIVERED)
        assert failed.attempts == 1
        _, [attempt] = await webhooks.delivery(OPERATOR, made.id, failed.id)
        assert attempt.status == 500
        assert (await webhooks.get(OPERATOR, made.id)).deliveries == NONE | {"waiting": 1, "delivered": 1}
        for status, wanted in ((DeliveryStatus.WAITING, failed), (DeliveryStatus.DELIVERED, arrived)):
            assert await webhooks.deliveries(OPERATOR, made.id, status=status) == [wanted]
        # A second attempt, of one that the disk knows as waiting.
        rig.receivers["a.test"] = answers(200)
        await trio.sleep(1.2 * GROUPED_S)
        assert rig.outbox.rows[failed.id].status is DeliveryStatus.WAITING
        now = await webhooks.deliveries(OPERATOR, made.id)
        assert {row.id: row.status for row in now} == dict.fromkeys((failed.id, arrived.id), DeliveryStatus.DELIVERED)
        assert await webhooks.deliveries(OPERATOR, made.id, status=DeliveryStatus.WAITING) == []
        assert len(await webhooks.deliveries(OPERATOR, made.id, status=DeliveryStatus.DELIVERED)) == 2
        _, attempts = await webhooks.delivery(OPERATOR, made.id, failed.id)
        assert [attempt.status for attempt in attempts] == [500, 200]


async def test_what_is_on_its_way_to_the_disk_is_counted_once(autojump_clock: MockClock, rig: Rig) -> None:
    """A worn card takes seconds, and nobody knows in which of them it has a delivery."""
    rig.receivers["a.test"] = odd_ones
    async with rig.running() as webhooks:
        made = (await webhooks.create(OPERATOR, BODY)).webhook
        rig.outbox.slowness = 3.0
        rig.happens(count=5)
        await trio.sleep(1)
        for _ in range(40):
            assert (await webhooks.get(OPERATOR, made.id)).deliveries == NONE | {"waiting": 2, "delivered": 3}
            await trio.sleep(0.5)


@pytest.mark.parametrize("wait", [0.1, 1.0, 15.0, 400.0])
@pytest.mark.parametrize("size", [1, 3, 50])
async def test_pages_have_each_delivery_once_wherever_it_stands(
    autojump_clock: MockClock, rig: Rig, wait: float, size: int
) -> None:
    rig.receivers["a.test"] = away
    async with rig.running() as webhooks:
        made = (await webhooks.create(OPERATOR, BODY)).webhook
        rig.happens(count=7)
        await trio.sleep(4)
        rig.happens("tag:changed", count=4)
        await trio.sleep(wait)
        for status, event_type, count in (
            (None, None, 11),
            (DeliveryStatus.WAITING, None, 11),
            (None, "tag:changed", 4),
            (DeliveryStatus.DELIVERED, None, 0),
        ):
            found: list[Delivery] = []
            before = None
            while page := await webhooks.deliveries(
                OPERATOR, made.id, status=status, event_type=event_type, before=before, limit=size
            ):
                found += page
                before = page[-1].id
                if len(page) < size:
                    break
            assert len({row.id for row in found}) == len(found) == count
            if size > 1 and wait > 1:
                assert all(one.created >= other.created for one, other in pairwise(found))


async def test_what_the_disk_refuses_is_there_all_the_same(autojump_clock: MockClock, rig: Rig) -> None:
    async with rig.running() as webhooks:
        made = (await webhooks.create(OPERATOR, BODY)).webhook
        rig.outbox.faults = [NotKept("the disk is full"), NotKept("the disk is full")]
        rig.happens(count=2)
        await trio.sleep(3)
        for _ in range(8):
            assert (await webhooks.get(OPERATOR, made.id)).deliveries == NONE | {"delivered": 2}
            assert sorted(row.sequence for row in await webhooks.deliveries(OPERATOR, made.id)) == [1, 2]
            await trio.sleep(3.9)
        assert rig.outbox.rows
