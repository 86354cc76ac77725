"""Webhooks and their deliveries: what was recorded is there, and a cursor is never ahead of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from gateway.core.eventlog import DeliveryStatus, KeptWebhook
from gateway.storage.event_store import EVENTS_FILE
from tests.gateway.storage.conftest import TEN, Opener, World
from tests.gateway.storage.event_making import Events, attempt, delivery, entry, events_in
from tests.gateway.storage.test_corruption import set_aside

WH = KeptWebhook("wh-1", {"url": "https://a.example/x", "events": ["alarm:*"], "secret": None}, 3)


@pytest.fixture
async def events(opened: Opener, world: World) -> Events:
    return events_in(opened, world)


async def test_webhooks_and_their_cursors_come_back(events: Events) -> None:
    async with events() as store:
        await store.outbox.save(WH)
        await store.outbox.save(replace(WH, id="wh-2", cursor=9))
        await store.outbox.record("wh-1", 7, [], [])
        # Whoever changes the document does not know how far the deliveries are.
        await store.outbox.save(replace(WH, document={"url": "https://b.example"}))
    async with events() as store:
        assert await store.outbox.webhooks() == [
            KeptWebhook("wh-1", {"url": "https://b.example"}, 7),
            replace(WH, id="wh-2", cursor=9),
        ]


async def test_a_delivery_is_followed_from_its_first_attempt_to_its_end(events: Events) -> None:
    async with events() as store:
        await store.outbox.save(WH)
        first = delivery(1, 4, DeliveryStatus.WAITING, key="boiler")
        await store.outbox.record("wh-1", 4, [first], [attempt(1, status=503, answer="busy")])
        assert await store.outbox.waiting("wh-1") == [first]
        dead = replace(first, status=DeliveryStatus.DEAD, attempts=2, next_at=None, finished=TEN + 60)
        await store.outbox.record("wh-1", 4, [dead], [attempt(1, 2, status=None)])
    async with events() as store:
        assert await store.outbox.waiting("wh-1") == []
        assert await store.outbox.delivery("d-1") == (
            dead,
            [attempt(1, status=503, answer="busy"), attempt(1, 2, status=None)],
        )
        assert await store.outbox.counts() == {
            "wh-1": {
                DeliveryStatus.WAITING: 0,
                DeliveryStatus.DELIVERED: 0,
                DeliveryStatus.DEAD: 1,
                DeliveryStatus.CANCELLED: 0,
            }
        }
        assert sum((await store.outbox.counts(["d-1", "d-2"]))["wh-1"].values()) == 0


async def test_of_what_waits_the_last_attempt_is_known(events: Events) -> None:
    async with events() as store:
        await store.outbox.save(WH)
        await store.outbox.save(replace(WH, id="wh-2"))
        for number, status in enumerate((DeliveryStatus.WAITING, DeliveryStatus.WAITING, DeliveryStatus.DEAD), 1):
            tries = [] if number == 2 else [attempt(number, each, status=502) for each in range(1, 12)]
            await store.outbox.record("wh-1", 3, [delivery(number, number, status)], tries)
    async with events() as store:
        assert await store.outbox.last_attempts("wh-1") == {"d-1": attempt(1, 11, status=502)}
        assert await store.outbox.last_attempts("wh-2") == {}


async def test_deliveries_are_listed_newest_first_in_pages(events: Events) -> None:
    async with events() as store:
        await store.outbox.save(WH)
        await store.outbox.save(replace(WH, id="wh-2"))
        for number in range(1, 21):
            status = DeliveryStatus.DEAD if number % 5 == 0 else DeliveryStatus.DELIVERED
            await store.outbox.record("wh-1", number, [delivery(number, number, status)], [attempt(number)])
        await store.outbox.record("wh-2", 1, [delivery(99, 1, webhook="wh-2")], [attempt(99)])
        listed = await store.outbox.deliveries("wh-1", limit=3)
        assert [found.id for found in listed] == ["d-20", "d-19", "d-18"]
        listed = await store.outbox.deliveries("wh-1", limit=2, before="d-18")
        assert [found.id for found in listed] == ["d-17", "d-16"]
        listed = await store.outbox.deliveries("wh-1", status=DeliveryStatus.DEAD)
        assert [found.id for found in listed] == ["d-20", "d-15", "d-10", "d-5"]
        assert await store.outbox.deliveries("wh-1", event_type="device:down") == []
        assert len(await store.outbox.deliveries("wh-1", event_type="alarm:raised")) == 20
        assert await store.outbox.deliveries("wh-1", before="d-unknown") == []
        assert await store.outbox.delivery("d-unknown") is None


async def test_what_a_crash_left_between_delivery_and_cursor_is_known(events: Events) -> None:
    async with events() as store:
        await store.outbox.save(WH)
        again = delivery(9, 2, redelivery=True)
        await store.outbox.record("wh-1", 5, [delivery(1, 6), delivery(2, 8), delivery(3, 4), again], [])
        assert await store.outbox.begun("wh-1", 5) == {6, 8}
        assert await store.outbox.begun("wh-1", 1) == {4, 6, 8}


async def test_a_webhook_that_is_removed_takes_its_deliveries_along(events: Events) -> None:
    async with events() as store:
        await store.outbox.save(WH)
        await store.outbox.save(replace(WH, id="wh-2"))
        await store.outbox.record("wh-1", 1000, [delivery(number, number) for number in range(700)], [])
        await store.outbox.record("wh-2", 5, [delivery(701, 5)], [])
        await store.outbox.remove("wh-1")
        assert [found.id for found in await store.outbox.webhooks()] == ["wh-2"]
        assert await store.outbox.delivery("d-1") is None
        assert await store.outbox.delivery("d-701") is not None
        # A delivery that was under way meanwhile comes too late.
        await store.outbox.record("wh-1", 2000, [delivery(702, 702)], [attempt(702)])
        assert await store.outbox.delivery("d-702") is None
        await store.outbox.save(WH)
        assert await store.outbox.deliveries("wh-1") == []
        assert (await store.outbox.webhooks())[-1].cursor == 3


async def test_records_of_the_same_moment_share_a_commit(opened: Opener, world: World) -> None:
    async with events_in(opened, world)(inline=False, run=False) as store:
        for number in range(20):
            await store.outbox.save(replace(WH, id=f"wh-{number}"))
        begun = store._file._database._budget.commits

        async def deliver(number: int) -> None:
            done = delivery(number, 4, webhook=f"wh-{number}")
            await store.outbox.record(f"wh-{number}", 4, [done], [attempt(number)])

        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(deliver, number)
        assert store._file._database._budget.commits - begun <= 2
        assert {webhook.cursor for webhook in await store.outbox.webhooks()} == {4}


async def test_registrations_survive_a_damaged_file(
    events: Events, world: World, tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with events() as store:
        await store.log.append([entry(1), entry(50)])
        await store.outbox.save(WH)
        await store.outbox.save(replace(WH, id="wh-2"))
        await store.outbox.save(replace(WH, document={"url": "https://c.example"}))
        await store.outbox.remove("wh-2")
        await trio.sleep(1.1)
    (tmp_path / EVENTS_FILE).write_bytes(b"garbage" * 2000)
    (tmp_path / f"{EVENTS_FILE}-wal").unlink(missing_ok=True)
    async with events(used=10_050) as store:
        assert len([told for told in world.told("firing") if told.startswith("events.db was damaged")]) == 1
        assert await store.outbox.webhooks() == [replace(WH, document={"url": "https://c.example"})]
        # What was lost is not claimed to be there.
        assert store.log.first == 10_051
        await store.log.append([entry(10_060)])
        assert [event.sequence for event in await store.log.after(3, 10)] == [10_060]


async def test_registrations_survive_damage_that_is_met_at_work(
    events: Events, world: World, tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with events() as store:
        await store.outbox.save(WH)
        await store.log.append([entry(number, data={"x": "y" * 500}) for number in range(1, 200)])
        file = tmp_path / EVENTS_FILE
        await store._file._database.checkpoint()
        content = bytearray(file.read_bytes())
        content[1024:] = b"\xff" * (len(content) - 1024)
        file.write_bytes(content)
        store._file._database._suspect = True
        # Nobody has to be refused for it.
        await store.log.append([entry(300)])
        assert (store.log.first, store.log.last) == (200, 300)
        assert [event.sequence for event in await store.log.after(0, 1000)] == [300]
        assert await store.outbox.webhooks() == [WH]
        assert len(world.told("firing")) == 1
    assert set_aside(tmp_path, EVENTS_FILE) == 1


async def test_a_crash_between_the_file_and_its_copy_is_made_up_for(
    events: Events, tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with events(run=False) as store:
        await store.outbox.save(WH)
        registry = store._file._registry
        registry.forget("wh-1")
        registry.keep(replace(WH, id="wh-gone"))
    async with events() as store:
        assert await store.outbox.webhooks() == [WH]
        assert [copy.id for copy in store._file._registry.copies()] == ["wh-1"]
