"""Deliveries on virtual time: schedules, order, isolation, crashes, bounds (rulings 19; D-143 to D-149)."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import msgspec
import pytest
import trio
from trio.testing import MockClock

from gateway.core.alerts import Severity
from gateway.core.catalogue import type_of
from gateway.core.eventlog import DeliveryStatus
from gateway.core.principal import Kind, Principal
from gateway.webhooks.schedule import STANDARD
from gateway.webhooks.sender import Sent
from tests.gateway.webhooks.conftest import BODY, OPERATOR, Arrived, Rig, answers, away

DAY = 86400.0
# Of each status, where nothing happened yet.
NONE = {"waiting": 0, "delivered": 0, "dead": 0, "cancelled": 0}


async def test_an_event_is_delivered_at_once_and_once(autojump_clock: MockClock, rig: Rig) -> None:
    async with rig.running() as webhooks:
        made = await webhooks.create(OPERATOR, BODY)
        begun = trio.current_time()
        [event] = rig.happens(tag="boiler/burner/flow")
        await trio.sleep(10)
        [arrived] = rig.arrived
        assert arrived.at - begun < 0.1
        assert (arrived.event_id, arrived.body["data"]) == (event.id, {"tag": "boiler/burner/flow"})
        [delivery] = await webhooks.deliveries(OPERATOR, made.webhook.id)
        assert (delivery.status, delivery.attempts) == (DeliveryStatus.DELIVERED, 1)
        _, [attempt] = await webhooks.delivery(OPERATOR, made.webhook.id, delivery.id)
        assert (attempt.number, attempt.status, attempt.answer, attempt.error) == (1, 200, "answer", None)
        assert attempt.request["webhook-id"] == event.id
        assert rig.outbox.kept[made.webhook.id].cursor == event.sequence


async def test_what_happened_before_it_was_registered_is_not_delivered(autojump_clock: MockClock, rig: Rig) -> None:
    rig.happens(count=3)
    async with rig.running() as webhooks:
        await webhooks.create(OPERATOR, BODY)
        rig.happens()
        await trio.sleep(10)
    assert rig.sequences() == [4]


async def test_without_a_policy_the_schedule_is_that_of_standard_webhooks(autojump_clock: MockClock, rig: Rig) -> None:
    rig.receivers["a.test"] = answers(500)
    async with rig.running() as webhooks:
        await webhooks.create(OPERATOR, BODY)
        rig.happens()
        await trio.sleep(5 * DAY)
        pauses = [later - earlier for earlier, later in zip(rig.times(), rig.times()[1:], strict=False)]
        assert pauses == pytest.approx(STANDARD, abs=1)
        assert [arrived.body["attempt"] for arrived in rig.arrived] == list(range(1, 11))
        assert len({arrived.event_id for arrived in rig.arrived}) == 1
        assert len({dict(arrived.parcel.headers)["webhook-signature"] for arrived in rig.arrived}) == 10


async def test_the_policy_of_the_reference_and_its_jitter(autojump_clock: MockClock, rig: Rig) -> None:
    rig.receivers["a.test"], rig.chance = answers(500), 1.0
    policy = {"max_attempts": 5, "backoff_multiplier": 2, "initial_delay": 1}
    async with rig.running() as webhooks:
        await webhooks.create(OPERATOR, {**BODY, "retry_policy": policy})
        rig.happens()
        await trio.sleep(DAY)
    assert rig.times() == pytest.approx([0, 1.2, 3.6, 8.4, 18.0], abs=0.3)


async def test_what_is_dead_is_told_once_for_each_event_and_is_one_alert(autojump_clock: MockClock, rig: Rig) -> None:
    rig.receivers["a.test"] = answers(500, 500, 500, 500, 200)
    async with rig.running() as webhooks:
        made = await webhooks.create(OPERATOR, {**BODY, "retry_policy": {"max_attempts": 2}})
        id_ = made.webhook.id
        first, second = rig.happens(count=2)
        await trio.sleep(60)
        told = rig.told("webhook:delivery_failed")
        assert {(one["event_id"], one["attempts"], one["status"]) for one in told} == {
            (first.id, 2, 500),
            (second.id, 2, 500),
        }
        assert [(alert["state"], alert["component"]) for alert in rig.told("system:alert")] == [
            ("firing", f"webhook:{id_}")
        ]
        assert (await webhooks.get(OPERATOR, id_)).deliveries == NONE | {"dead": 2}
        rig.happens()
        await trio.sleep(60)
        assert [alert["state"] for alert in rig.told("system:alert")] == ["firing", "resolved"]
        assert rig.alerts.standing() == []


async def test_failing_to_tell_of_failures_makes_no_more_of_them(autojump_clock: MockClock, rig: Rig) -> None:
    rig.receivers |= {"a.test": answers(500), "b.test": answers(500)}
    async with rig.running() as webhooks:
        for url in ("https://a.test/", "https://b.test/"):
            await webhooks.create(OPERATOR, {**BODY, "url": url, "retry_policy": {"max_attempts": 1}})
        rig.happens()
        for _ in range(20):
            await trio.sleep(60)
            told, rig.announced[:] = list(rig.announced), []
            for type_, data in told:
                rig.happens(type_, 1, **data)
    # An event, an alert of each, a failure of each that only the other is told of; and then nothing more.
    assert len(rig.arrived) <= 12


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_a_failure(autojump_clock: MockClock, rig: Rig, status: int) -> None:
    rig.receivers["a.test"] = answers(status, 200, location="https://b.test/")
    async with rig.running() as webhooks:
        made = await webhooks.create(OPERATOR, BODY)
        rig.happens()
        await trio.sleep(60)
        [delivery] = await webhooks.deliveries(OPERATOR, made.webhook.id)
        _, attempts = await webhooks.delivery(OPERATOR, made.webhook.id, delivery.id)
        assert "not followed" in str(attempts[0].error)
    assert [arrived.host for arrived in rig.arrived] == ["a.test", "a.test"]


@pytest.mark.parametrize(("status", "later"), [(429, 600), (503, 600), (500, 5)])
async def test_when_the_receiver_says_later_it_is_later(
    autojump_clock: MockClock, rig: Rig, status: int, later: float
) -> None:
    rig.receivers["a.test"] = answers(status, 200, retry_after="600")
    async with rig.running() as webhooks:
        await webhooks.create(OPERATOR, BODY)
        rig.happens()
        await trio.sleep(DAY)
    assert rig.times() == pytest.approx([0, later], abs=0.3)


async def test_gone_is_gone_until_somebody_resumes_it(autojump_clock: MockClock, rig: Rig) -> None:
    rig.receivers["a.test"] = answers(410, 200)
    async with rig.running() as webhooks:
        made = await webhooks.create(OPERATOR, BODY)
        id_ = made.webhook.id
        rig.happens()
        await trio.sleep(60)
        rig.happens(count=3)
        await trio.sleep(DAY)
        assert rig.sequences() == [1]
        found = await webhooks.get(OPERATOR, id_)
        assert (found.state, found.reason, found.active) == ("disabled", "gone", False)
        [told] = rig.told("webhook:disabled")
        assert (told["webhook_id"], told["reason"]) == (id_, "gone")
        assert [alert.severity for alert in rig.alerts.standing()] == [Severity.CRITICAL]
    async with rig.running() as webhooks:
        assert (await webhooks.get(OPERATOR, id_)).state == "disabled"
        await trio.sleep(60)
        assert rig.sequences() == [1]
        await webhooks.resume(OPERATOR, id_)
        await trio.sleep(60)
        # What the log still has is not lost for it.
        assert sorted(rig.sequences()) == [1, 2, 3, 4]


async def test_three_days_without_one_success_disable_it(autojump_clock: MockClock, rig: Rig) -> None:
    rig.receivers["a.test"] = away
    async with rig.running() as webhooks:
        made = await webhooks.create(OPERATOR, BODY)
        begun = trio.current_time()
        while trio.current_time() - begun < 3.2 * DAY:
            rig.happens()
            await trio.sleep(3600)
            if trio.current_time() - begun < 2.9 * DAY:
                assert (await webhooks.get(OPERATOR, made.webhook.id)).state == "active"
        found = await webhooks.get(OPERATOR, made.webhook.id)
        assert (found.state, found.reason) == ("disabled", "failing")
        assert [told["reason"] for told in rig.told("webhook:disabled")] == ["failing"]


async def test_three_days_are_counted_over_restarts_and_by_no_wall_clock(autojump_clock: MockClock, rig: Rig) -> None:
    rig.receivers["a.test"] = away
    async with rig.running() as webhooks:
        made = await webhooks.create(OPERATOR, BODY)
    for _ in range(5):
        # A clock that is set by years in between disables nothing.
        rig.wall_offset += 400 * DAY
        async with rig.running() as webhooks:
            assert (await webhooks.get(OPERATOR, made.webhook.id)).state == "active"
            for _ in range(16):
                rig.happens()
                await trio.sleep(3600)
    async with rig.running() as webhooks:
        rig.happens()
        await trio.sleep(60)
        assert (await webhooks.get(OPERATOR, made.webhook.id)).state == "disabled"


async def test_three_quiet_days_are_no_failure(autojump_clock: MockClock, rig: Rig) -> None:
    async with rig.running() as webhooks:
        made = await webhooks.create(OPERATOR, BODY)
        await trio.sleep(10 * DAY)
        rig.receivers["a.test"] = answers(500, 200)
        rig.happens()
        await trio.sleep(60)
        assert (await webhooks.get(OPERATOR, made.webhook.id)).state == "active"


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
            rig.happens("alarm:raised", alarm_id="x" if number % 2 == 0 else "y")
        await trio.sleep(600)
    taken = [int(str(one.body["seq"])) for one in rig.arrived if one.body["seq"] != 1 or one.body["attempt"] == 4]
    assert [one for one in taken if one % 2] == [1, 3, 5]
    assert [one for one in taken if one % 2 == 0] == [2, 4, 6]
    assert taken[:3] == [2, 4, 6]


async def test_without_order_a_failure_holds_up_nothing(autojump_clock: MockClock, rig: Rig) -> None:
    rig.receivers["a.test"] = answers(500, 200)
    async with rig.running() as webhooks:
        await webhooks.create(OPERATOR, BODY)
        rig.happens(count=3, alarm_id="x")
        await trio.sleep(2)
        assert sorted(rig.sequences()) == [1, 2, 3]


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


async def test_what_the_owner_may_not_see_is_not_delivered(autojump_clock: MockClock, rig: Rig) -> None:
    owner = Principal("dashboard", frozenset({"devices:read", "webhooks:write"}), Kind.OPERATOR, "t")
    async with rig.running() as webhooks:
        await webhooks.create(owner, {**BODY, "events": ["alarm:*", "*"]})
        rig.happens("system:alert")
        rig.happens("alarm:raised")
        rig.happens("message:received", to_agent="x")
        await trio.sleep(10)
    assert rig.sequences() == [2]


async def test_only_what_was_asked_for_is_delivered(autojump_clock: MockClock, rig: Rig) -> None:
    async with rig.running() as webhooks:
        await webhooks.create(OPERATOR, {**BODY, "events": ["alarm:*"], "filter": {"severity": ["critical"]}})
        rig.happens("alarm:raised", severity="warning")
        rig.happens("alarm:raised", severity="critical")
        rig.happens("device:down", severity="critical")
        await trio.sleep(10)
    assert rig.sequences() == [2]


async def test_an_event_too_large_for_any_receiver_is_dead_at_once(autojump_clock: MockClock, rig: Rig) -> None:
    async with rig.running() as webhooks:
        made = await webhooks.create(OPERATOR, BODY)
        rig.happens("user:upload", text="x" * 70_000)
        rig.happens()
        await trio.sleep(10)
        assert rig.sequences() == [2]
        assert (await webhooks.get(OPERATOR, made.webhook.id)).deliveries == NONE | {"dead": 1, "delivered": 1}
        assert "65536" in str(rig.told("webhook:delivery_failed")[0]["error"])


async def test_writes_are_shared(autojump_clock: MockClock, rig: Rig) -> None:
    rig.settings = replace(rig.settings, per_host=8)
    async with rig.running() as webhooks:
        await webhooks.create(OPERATOR, BODY)
        rig.happens(count=1000)
        await trio.sleep(60)
    assert len(rig.arrived) == 1000
    assert rig.outbox.records < 60


async def test_many_webhooks_share_what_they_read(autojump_clock: MockClock, rig: Rig) -> None:
    async with rig.running() as webhooks:
        for number in range(20):
            await webhooks.create(OPERATOR, {**BODY, "url": f"https://r{number}.test/", "events": ["nothing:else"]})
        await trio.sleep(1)
        rig.log.reads = 0
        for _ in range(10):
            rig.happens()
            await trio.sleep(1)
    assert rig.log.reads <= 20


async def test_what_is_announced_is_as_the_catalogue_says(autojump_clock: MockClock, rig: Rig) -> None:
    rig.receivers["a.test"] = answers(500, 410)
    async with rig.running() as webhooks:
        made = await webhooks.create(OPERATOR, {**BODY, "retry_policy": {"max_attempts": 1}})
        rig.happens()
        await trio.sleep(10)
        rig.happens()
        await trio.sleep(10)
        await webhooks.resume(OPERATOR, made.webhook.id)
        await webhooks.pause(OPERATOR, made.webhook.id)
        rig.happens(count=3)
        rig.log.drop(5)
        await webhooks.test(OPERATOR, made.webhook.id)
    told = {type_ for type_, _ in rig.announced}
    assert told == {"webhook:delivery_failed", "webhook:disabled", "webhook:overflow", "system:alert"}
    ping = ("webhook:test", rig.arrived[-1].body["data"])
    for type_, data in [*rig.announced, ping]:
        struct = type_of(type_).data
        assert struct is not None
        msgspec.convert(data, struct, strict=True)


async def test_a_fault_of_ours_costs_one_webhook_a_second_and_loses_nothing(
    autojump_clock: MockClock, rig: Rig
) -> None:
    rig.outbox.faults.append(RuntimeError("ours"))
    async with rig.running() as webhooks:
        for url in ("https://a.test/", "https://b.test/"):
            await webhooks.create(OPERATOR, {**BODY, "url": url})
        rig.happens(count=20)
        await trio.sleep(60)
        assert set(rig.sequences("a.test")) == set(rig.sequences("b.test")) == set(range(1, 21))
        assert [kept.cursor for kept in rig.outbox.kept.values()] == [20, 20]
