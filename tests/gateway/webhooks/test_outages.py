"""Crashes, restarts, clocks that are set, receivers that were away, and a log that runs out of room."""

from __future__ import annotations

import tracemalloc

import pytest
import trio
from trio.testing import MockClock

from gateway.core.eventlog import DeliveryStatus
from gateway.core.ports import Json
from gateway.webhooks.sender import Sent
from tests.gateway.webhooks.conftest import BODY, OPERATOR, Arrived, Rig, answers, away

DAY = 86400.0
# Of each status, where nothing happened yet.
NONE = {"waiting": 0, "delivered": 0, "dead": 0, "cancelled": 0}


async def test_a_crash_between_sending_and_writing_repeats_with_the_same_id_and_loses_nothing(
    autojump_clock: MockClock, rig: Rig
) -> None:
    async with rig.running() as webhooks:
        made = await webhooks.create(OPERATOR, BODY)
        events = rig.happens(count=200)
        await trio.sleep(0.9)
        # From here on nothing is written: the power is gone.
        rig.outbox.trouble = True
    rig.outbox.trouble = False
    before = len(rig.arrived)
    async with rig.running():
        await trio.sleep(60)
    assert {arrived.event_id for arrived in rig.arrived} == {event.id for event in events}
    # What is repeated are the last ones before the end.
    assert before < 200 < len(rig.arrived) <= 200 + 100
    assert rig.outbox.kept[made.webhook.id].cursor == 200


async def test_a_restart_in_good_order_repeats_nothing(autojump_clock: MockClock, rig: Rig) -> None:
    async with rig.running() as webhooks:
        await webhooks.create(OPERATOR, BODY)
        rig.happens(count=20)
        await trio.sleep(0.15)
    assert 0 < len(rig.arrived) < 20
    started = len(rig.arrived)
    async with rig.running():
        await trio.sleep(60)
    # Only what was under way when it ended comes twice: nobody knows what became of it.
    assert sorted(set(rig.sequences())) == list(range(1, 21))
    assert len(rig.arrived) <= 22
    assert started < 20


async def test_what_waits_keeps_its_time_over_a_restart(autojump_clock: MockClock, rig: Rig) -> None:
    rig.receivers["a.test"] = answers(500, 500, 200)
    async with rig.running() as webhooks:
        await webhooks.create(OPERATOR, BODY)
        rig.happens()
        await trio.sleep(60)
    async with rig.running():
        await trio.sleep(DAY)
    assert rig.times() == pytest.approx([0, 5, 305], abs=0.5)
    assert [arrived.body["attempt"] for arrived in rig.arrived] == [1, 2, 3]


@pytest.mark.parametrize("jump", [-20_000 * DAY, -3600, -300, 3600, 20_000 * DAY])
async def test_a_clock_that_is_set_moves_no_attempt_by_more_than_its_pause(
    autojump_clock: MockClock, rig: Rig, jump: float
) -> None:
    rig.receivers["a.test"] = answers(500, 500, 500, 200)
    async with rig.running() as webhooks:
        await webhooks.create(OPERATOR, BODY)
        rig.happens()
        await trio.sleep(1)
        rig.wall_offset += jump
        await trio.sleep(60)
    # And again while it was off.
    rig.wall_offset += jump
    async with rig.running():
        await trio.sleep(2 * 3600)
    assert rig.times()[:2] == pytest.approx([0, 5], abs=0.5)
    assert rig.times()[2] <= 5 + 300 + 61
    assert len(rig.arrived) == 4


@pytest.mark.parametrize("jump", [-240, 240, 3600])
async def test_a_clock_that_is_set_while_an_attempt_is_made_becomes_no_pause(
    autojump_clock: MockClock, rig: Rig, jump: float
) -> None:
    async def sets_the_clock(arrived: Arrived) -> Sent:
        await trio.sleep(0.1)
        rig.wall_offset += jump
        return Sent("192.0.2.1", 500)

    rig.receivers["a.test"] = sets_the_clock
    async with rig.running() as webhooks:
        await webhooks.create(OPERATOR, BODY)
        rig.happens()
        await trio.sleep(3)
    rig.receivers["a.test"] = answers(200)
    # And right again, while it is off.
    rig.wall_offset -= jump
    async with rig.running():
        await trio.sleep(2 * DAY)
    assert rig.times() == pytest.approx([0, 5], abs=0.5)


async def test_a_receiver_that_takes_its_time_to_fail_has_not_asked_to_be_left_alone(
    autojump_clock: MockClock, rig: Rig
) -> None:
    """What it takes to answer is no part of the pause that it asked for; after a restart neither."""

    async def times_out(arrived: Arrived) -> Sent:
        await trio.sleep_forever()
        raise AssertionError("it sleeps for ever")

    rig.receivers["a.test"] = times_out
    async with rig.running() as webhooks:
        policy: Json = {"max_attempts": 5, "backoff_multiplier": 2, "initial_delay": 60}
        await webhooks.create(OPERATOR, {**BODY, "retry_policy": policy})
        rig.happens()
        await trio.sleep(20)
    rig.receivers["a.test"] = answers(200)
    async with rig.running():
        rig.happens()
        await trio.sleep(5)
        assert rig.sequences() == [1, 2, 1]


async def test_what_is_on_its_way_to_the_disk_at_the_end_is_not_lost(autojump_clock: MockClock, rig: Rig) -> None:
    async with rig.running() as webhooks:
        made = await webhooks.create(OPERATOR, BODY)
        rig.outbox.slowness = 1.0
        rig.happens()
        # It is written at the next multiple of ten seconds, and that takes one.
        await trio.sleep_until(10.5)
        assert rig.sequences() == [1]
        assert rig.outbox.rows == {}
    rig.outbox.slowness = 0.0
    [row] = rig.outbox.rows.values()
    assert (row.webhook, row.status, row.attempts) == (made.webhook.id, DeliveryStatus.DELIVERED, 1)
    async with rig.running():
        await trio.sleep(30)
    assert rig.sequences() == [1]


async def test_a_hundred_thousand_events_wait_in_the_log_and_not_in_memory(autojump_clock: MockClock, rig: Rig) -> None:
    rig.receivers["a.test"] = away
    async with rig.running() as webhooks:
        made = await webhooks.create(OPERATOR, BODY)
        rig.happens(count=100_000)
        tracemalloc.start()
        await trio.sleep(3600)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert most < 2_000_000
        found = await webhooks.get(OPERATOR, made.webhook.id)
        assert found.deliveries == NONE | {"waiting": 100}
        assert (found.sequence, found.newest) == (100, 100_000)
    assert rig.log.most_at_once <= 32


async def test_when_the_receiver_is_back_nothing_waits_for_the_longest_pause(
    autojump_clock: MockClock, rig: Rig
) -> None:
    rig.receivers["a.test"] = away
    async with rig.running() as webhooks:
        await webhooks.create(OPERATOR, BODY)
        rig.happens(count=300)
        await trio.sleep(1.5 * DAY)
        rig.receivers["a.test"] = answers(200)
        before = len(rig.arrived)
        await trio.sleep(600)
        assert sorted(set(rig.sequences()[before:])) == list(range(1, 301))
        assert rig.told("webhook:delivery_failed") == []


async def test_looking_whether_it_is_back_uses_up_no_attempt(autojump_clock: MockClock, rig: Rig) -> None:
    rig.receivers["a.test"] = away
    async with rig.running() as webhooks:
        made = await webhooks.create(OPERATOR, BODY)
        rig.happens(count=101)
        await trio.sleep(2.5 * DAY)
        assert (await webhooks.get(OPERATOR, made.webhook.id)).deliveries == NONE | {"waiting": 100}
        attempts = {row.attempts for row in rig.outbox.rows.values()}
        assert attempts == {9}


async def test_what_leaves_the_log_first_is_counted_and_told_of_once(autojump_clock: MockClock, rig: Rig) -> None:
    rig.receivers["a.test"] = away
    async with rig.running() as webhooks:
        made = await webhooks.create(OPERATOR, {**BODY, "events": ["alarm:*"]})
        id_ = made.webhook.id
        rig.happens(count=200)
        rig.happens("system:alert", count=50)
        await trio.sleep(60)
        rig.log.drop(150)
        rig.log.drop(100)
        [told] = rig.told("webhook:overflow")
        # A page of the log was read already when those behind it went.
        assert told == {"webhook_id": id_, "dropped": 22, "first": 129, "last": 150}
        assert (await webhooks.get(OPERATOR, id_)).lost == 72
        # Those at hand are found to be gone when it is their turn.
        await trio.sleep(600)
        found = await webhooks.get(OPERATOR, id_)
        assert (found.lost, found.deliveries) == (200, NONE | {"cancelled": 128})
        assert len(rig.told("webhook:overflow")) == 1
    async with rig.running() as webhooks:
        assert (await webhooks.get(OPERATOR, id_)).lost == 200


async def test_a_disk_in_trouble_stops_nothing_that_is_at_hand_and_loses_nothing(
    autojump_clock: MockClock, rig: Rig
) -> None:
    async with rig.running() as webhooks:
        made = await webhooks.create(OPERATOR, BODY)
        await trio.sleep(1)
        rig.outbox.trouble = True
        rig.happens(count=300)
        await trio.sleep(600)
        # No more than may be at hand is sent while nobody can write down that it was.
        assert 50 <= len(rig.arrived) <= 100
        rig.log.trouble = True
        await trio.sleep(60)
        rig.outbox.trouble = rig.log.trouble = False
        await trio.sleep(60)
        assert sorted(rig.sequences()) == list(range(1, 301))
        assert (await webhooks.get(OPERATOR, made.webhook.id)).deliveries == NONE | {"delivered": 300}


async def test_what_was_delivered_what_failed_and_what_waits_is_counted(autojump_clock: MockClock, rig: Rig) -> None:
    rig.receivers["a.test"] = answers(500, 500, 200)
    async with rig.running() as webhooks:
        made = (await webhooks.create(OPERATOR, BODY)).webhook
        rig.happens()
        await trio.sleep(3)
        [first] = await webhooks.figures()
        assert (first.id, first.host, first.state, first.lag) == (made.id, "a.test", "active", 0)
        assert (first.delivered, first.failed, first.waiting) == (0, 1, 1)
        await trio.sleep(3600)
        [then] = await webhooks.figures()
        assert (then.delivered, then.failed, then.waiting, then.dead) == (1, 2, 0, 0)
        await webhooks.pause(OPERATOR, made.id)
        rig.happens(count=3)
        await trio.sleep(3)
        assert [(one.state, one.lag) for one in await webhooks.figures()] == [("paused", 3)]
        rig.outbox.trouble = True
        assert [(one.waiting, one.dead) for one in await webhooks.figures()] == [(None, None)]
        rig.outbox.trouble = False
