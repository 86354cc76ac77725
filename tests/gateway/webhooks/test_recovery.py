"""Receivers that were away for a moment: what waits for them is brought forward, gently, and within the schedule."""

from __future__ import annotations

from collections import Counter

import pytest
import trio
from trio.testing import MockClock

from gateway.settings.model import WebhookAllow, WebhookSettings
from gateway.webhooks.sender import Sent
from gateway.webhooks.standing import FORWARD, NUDGE_S
from tests.gateway.webhooks.conftest import BODY, OPERATOR, Arrived, Receiver, Rig, answers, away

DAY = 86400.0
OK = Sent("192.0.2.1", 200)


def poisoned(sequence: int, host: str = "a.test") -> Receiver:
    """A receiver that falls over one event, and takes all others."""

    async def receiver(arrived: Arrived) -> Sent:
        if arrived.body["seq"] == sequence:
            return Sent(None, None, error=f"{host} did not answer")
        return OK

    return receiver


async def test_after_an_outage_of_seconds_nothing_waits_for_minutes(autojump_clock: MockClock, rig: Rig) -> None:
    """Ten seconds are a restart: longer than the first pause, shorter than any that it is worth to wait for."""
    rig.receivers["a.test"] = away
    async with rig.running() as webhooks:
        await webhooks.create(OPERATOR, BODY)
        rig.happens(count=20)
        await trio.sleep(10)
        rig.receivers["a.test"] = answers(200)
        await trio.sleep(2)
        rig.arrived.clear()
        rig.happens()
        await trio.sleep(5)
        assert sorted(rig.sequences()) == list(range(1, 22))


@pytest.mark.parametrize("status", [None, 502, 503, 504])
async def test_the_same_where_something_stands_before_the_receiver(
    autojump_clock: MockClock, rig: Rig, status: int | None
) -> None:
    down = away if status is None else answers(status)
    rig.receivers["a.test"] = down
    async with rig.running() as webhooks:
        await webhooks.create(OPERATOR, BODY)
        rig.happens(count=3)
        await trio.sleep(20)
        rig.receivers["a.test"] = answers(200)
        rig.happens()
        await trio.sleep(5)
        assert set(rig.sequences()[6:]) == {1, 2, 3, 4}


async def test_what_the_receiver_itself_refused_waits_for_its_turn(autojump_clock: MockClock, rig: Rig) -> None:
    rig.receivers["a.test"] = answers(500)
    async with rig.running() as webhooks:
        await webhooks.create(OPERATOR, BODY)
        rig.happens()
        await trio.sleep(20)
        rig.receivers["a.test"] = answers(200)
        rig.happens()
        await trio.sleep(200)
        assert rig.sequences() == [1, 1, 2]


async def test_what_a_receiver_asked_to_wait_for_is_not_tried_before(autojump_clock: MockClock, rig: Rig) -> None:
    """D-145: Retry-After is honoured, whatever else arrives."""
    rig.receivers["a.test"] = answers(503, retry_after="120")
    async with rig.running() as webhooks:
        await webhooks.create(OPERATOR, BODY)
        rig.happens()
        await trio.sleep(70)
        rig.receivers["a.test"] = answers(200)
        for _ in range(4):
            rig.happens()
            await trio.sleep(10)
        assert 1 not in rig.sequences()[1:]
        await trio.sleep(20)
        assert rig.sequences().count(1) == 2


async def test_the_same_after_a_restart(autojump_clock: MockClock, rig: Rig) -> None:
    rig.receivers["a.test"] = answers(503, retry_after="3600")
    async with rig.running() as webhooks:
        await webhooks.create(OPERATOR, BODY)
        rig.happens()
        await trio.sleep(20)
    rig.receivers["a.test"] = answers(200)
    async with rig.running():
        rig.happens()
        await trio.sleep(3000)
        assert rig.sequences() == [1, 2]
        await trio.sleep(3600)
        assert rig.sequences() == [1, 2, 1]


async def test_a_restart_of_the_gateway_forgets_not_what_failed_on_the_way(autojump_clock: MockClock, rig: Rig) -> None:
    rig.receivers["a.test"] = away
    async with rig.running() as webhooks:
        await webhooks.create(OPERATOR, BODY)
        rig.happens(count=5)
        await trio.sleep(1.5 * DAY)
    rig.receivers["a.test"] = answers(200)
    async with rig.running():
        rig.arrived.clear()
        rig.happens()
        await trio.sleep(10)
        assert sorted(rig.sequences()) == [1, 2, 3, 4, 5, 6]


async def test_a_receiver_that_is_back_is_met_by_few_at_first(autojump_clock: MockClock, rig: Rig) -> None:
    """No herd: each that arrives brings a few more, and one that does not ends that."""
    rig.settings = WebhookSettings(allow=(WebhookAllow(host="*.test"),), per_host=4)
    rig.receivers["a.test"] = away
    async with rig.running() as webhooks:
        await webhooks.create(OPERATOR, BODY)
        rig.happens(count=90)
        await trio.sleep(20)
        # It takes one, and is away again.
        rig.arrived.clear()
        taken: list[Arrived] = []

        async def once(arrived: Arrived) -> Sent:
            if not taken:
                taken.append(arrived)
                return OK
            return await away(arrived)

        rig.receivers["a.test"] = once
        rig.happens()
        await trio.sleep(60)
        assert len(rig.arrived) <= 1 + FORWARD
        # What was tried so uses up no attempt.
        assert {row.attempts for row in rig.outbox.rows.values() if row.finished is None} == {2}


async def test_an_event_that_fells_its_receiver_is_tried_at_most_once_more_between_two_turns(
    autojump_clock: MockClock, rig: Rig
) -> None:
    rig.receivers["a.test"] = poisoned(1)
    async with rig.running() as webhooks:
        made = (await webhooks.create(OPERATOR, BODY)).webhook
        for _ in range(400):
            rig.happens()
            await trio.sleep(1000)
        tries = rig.sequences().count(1)
        # Ten of its own, and no more than as many beside them, then it is dead.
        assert 10 <= tries <= 20
        shown = await webhooks.get(OPERATOR, made.id)
        assert shown.deliveries is not None
        assert (shown.deliveries["dead"], shown.deliveries["delivered"]) == (1, 399)


async def test_what_another_webhook_brings_to_the_same_receiver_says_that_it_is_back(
    autojump_clock: MockClock, rig: Rig
) -> None:
    rig.receivers["a.test"] = away
    async with rig.running() as webhooks:
        await webhooks.create(OPERATOR, {**BODY, "events": ["alarm:*"]})
        await webhooks.create(OPERATOR, {**BODY, "events": ["device:*"]})
        rig.happens("alarm:raised", count=10)
        await trio.sleep(400)
        rig.receivers["a.test"] = answers(200)
        rig.arrived.clear()
        rig.happens("device:down", line="l", device="d")
        await trio.sleep(5)
        assert Counter(rig.sequences()) == Counter(range(1, 12))


async def test_a_test_that_arrives_says_so_as_well(autojump_clock: MockClock, rig: Rig) -> None:
    rig.receivers["a.test"] = away
    async with rig.running() as webhooks:
        made = (await webhooks.create(OPERATOR, BODY)).webhook
        rig.happens(count=10)
        await trio.sleep(400)
        rig.receivers["a.test"] = answers(200)
        assert (await webhooks.test(OPERATOR, made.id)).delivered
        rig.arrived.clear()
        await trio.sleep(5)
        assert sorted(rig.sequences()) == list(range(1, 11))


async def test_another_path_of_a_receiver_that_answers_all_the_time_costs_few_tries(
    autojump_clock: MockClock, rig: Rig
) -> None:
    """One application behind a proxy is away, the other is not: that must not be taken for a return again and again."""

    async def proxy(arrived: Arrived) -> Sent:
        return OK if arrived.body["event_type"] == "device:up" else Sent("192.0.2.1", 502)

    rig.receivers["a.test"] = proxy
    async with rig.running() as webhooks:
        await webhooks.create(OPERATOR, {**BODY, "events": ["alarm:*"]})
        await webhooks.create(OPERATOR, {**BODY, "events": ["device:*"]})
        rig.happens("alarm:raised", count=3)
        for _ in range(600):
            rig.happens("device:up", line="l", device="d")
            await trio.sleep(1)
        tries = Counter(sequence for sequence in rig.sequences() if sequence <= 3)
        # Three of the schedule within ten minutes, and one between each two of them.
        assert all(count <= 6 for count in tries.values())
        assert rig.told("webhook:delivery_failed") == []


async def test_another_port_is_another_receiver(autojump_clock: MockClock, rig: Rig) -> None:
    async def down_on_8443(arrived: Arrived) -> Sent:
        return OK if arrived.body["event_type"] == "device:up" else Sent(None, None, error="was not reached")

    rig.receivers["a.test"] = down_on_8443
    async with rig.running() as webhooks:
        await webhooks.create(OPERATOR, {**BODY, "url": "https://a.test:8443/", "events": ["alarm:*"]})
        await webhooks.create(OPERATOR, {**BODY, "events": ["device:*"]})
        rig.happens("alarm:raised")
        for _ in range(20):
            await trio.sleep(NUDGE_S / 2)
            rig.happens("device:up", line="l", device="d")
        assert rig.sequences().count(1) == 2
