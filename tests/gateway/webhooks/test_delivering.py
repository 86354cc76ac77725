"""Deliveries on virtual time: schedules, order, isolation, crashes, bounds (rulings 19; D-143 to D-149)."""

from __future__ import annotations

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
from tests.gateway.webhooks.conftest import BODY, OPERATOR, Rig, answers, away

DAY = 86400.0
# Of each status, where nothing happened yet.
NONE = {"waiting": 0, "delivered": 0, "dead": 0, "cancelled": 0}


async def test_an_event_is_delivered_at_once_and_once(autojump_clock: MockClock, rig: Rig) -> None:
    async with rig.running() as webhooks:
        made = await webhooks.create(OPERATOR, BODY)
        begun = trio.current_time()
        [event] = rig.happens(tag="boiler/burner/flow")
        await trio.sleep(11)
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
        await trio.sleep(11)
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
