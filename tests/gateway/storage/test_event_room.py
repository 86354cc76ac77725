"""Age and size: what goes, in which order, in small steps, and that the file is never larger than it may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from gateway.core.eventlog import DeliveryStatus, KeptWebhook, NotKept, Priority
from gateway.core.events import Event
from gateway.storage.event_room import Room
from gateway.storage.event_settings import EventStoreSettings
from gateway.storage.event_store import EVENTS_FILE, EventStore
from gateway.storage.settings import DAY
from tests.gateway.storage.conftest import TEN, Opener, World
from tests.gateway.storage.event_making import Events, attempt, delivery, entry, events_in, message

SIZE = 200_000
TEXT = {"x": "y" * 400}


@pytest.fixture
async def events(opened: Opener, world: World) -> Events:
    return events_in(opened, world)


async def numbers(store: EventStore) -> list[int]:
    found: list[int] = []
    while page := await store.log.after(found[-1] if found else 0, 10_000):
        found += [event.sequence for event in page]
    return found


def bytes_of(store: EventStore) -> int:
    connection = store._file._database._connection
    assert connection is not None
    return store._file._database.bytes_used(connection)


async def test_the_file_is_never_larger_than_it_may_be(events: Events, tmp_path: Path) -> None:
    async with events(EventStoreSettings(size=SIZE, slice_rows=10), run=False) as store:
        for number in range(0, 2000, 5):
            group = [entry(number + part, priority=Priority((number + part) % 4), data=TEXT) for part in range(1, 6)]
            await store.log.append(group)
            assert bytes_of(store) <= SIZE
            if number % 50 == 0:
                assert {kept.event.sequence for kept in group} <= set(await numbers(store))
        await store._file._database.checkpoint()
        # Not even with what is free in it.
        assert (tmp_path / EVENTS_FILE).stat().st_size <= SIZE
        assert bytes_of(store) > 0.9 * SIZE


async def test_the_oldest_of_the_lowest_priority_go_first_and_are_told(events: Events) -> None:
    async with events(EventStoreSettings(size=SIZE, slice_rows=10), run=False) as store:
        present: dict[int, Priority] = {}
        gone: list[int] = []

        def told(dropped: Sequence[Event]) -> None:
            # They are gone when they are told, and nothing of a lower priority was there any more.
            assert not store._file._database._connection.in_transaction  # type: ignore[union-attr]  # it is open
            for event in dropped:
                priority = present.pop(event.sequence)
                alike = [number for number, other in present.items() if other is priority]
                assert not alike or event.sequence < min(alike)
                assert priority <= min(present.values(), default=priority)
                gone.append(event.sequence)

        store.log.dropping.append(told)
        first = []
        for number in range(1, 1001):
            # From the middle on nothing but high priorities.
            priority = Priority(number % 4 if number < 500 else 2 + number % 2)
            await store.log.append([entry(number, priority=priority, data=TEXT)])
            present[number] = priority
            first.append(store.log.first)
        assert await numbers(store) == list(present)
        assert {Priority(number % 4) for number in gone if number < 500} == set(Priority)
        # What ``first`` says holds, and it never goes back.
        assert first == sorted(first)
        assert store.log.first > 1
        assert all(number in present for number in range(store.log.first, 1001))


async def test_an_event_larger_than_the_room_there_could_be_is_refused(events: Events) -> None:
    async with events(EventStoreSettings(size=SIZE), run=False) as store:
        await store.log.append([entry(1)])
        with pytest.raises(NotKept, match=r"too much for events.db: raise \[events\] size"):
            await store.log.append([entry(2, data={"x": "y" * SIZE})])
        # Nothing had to go for it.
        await store.log.append([entry(3)])
        assert await numbers(store) == [1, 3]


async def test_one_that_is_too_large_takes_nobody_along(opened: Opener, world: World) -> None:
    refused = []

    async def append(store: EventStore, number: int, size: int) -> None:
        try:
            await store.log.append([entry(number, data={"x": "y" * size})])
        except NotKept:
            refused.append(number)

    settings = EventStoreSettings(size=SIZE)
    async with events_in(opened, world)(settings, inline=False, run=False) as store:
        async with trio.open_nursery() as nursery:
            for number in range(1, 9):
                nursery.start_soon(append, store, number, SIZE if number == 5 else 100)
        assert refused == [5]
        assert await numbers(store) == [1, 2, 3, 4, 6, 7, 8]


async def test_deliveries_and_messages_take_their_turn(events: Events) -> None:
    async with events(EventStoreSettings(size=SIZE, slice_rows=10, spare_deliveries=5), run=False) as store:
        await store.outbox.save(KeptWebhook("wh-1", {}, 0))
        for number in range(1, 31):
            # The last ones are beyond the cursor, and one still waits.
            status = DeliveryStatus.WAITING if number == 3 else DeliveryStatus.DELIVERED
            await store.outbox.record("wh-1", 28, [delivery(number, number, status)], [attempt(number)])
        await store.log.append([message(number) for number in range(1, 21)])
        for number in range(1, 11):
            await store.mailbox.acknowledge(f"m-{number}", TEN)
        counted = []
        for number in range(100, 900):
            await store.log.append([entry(number, priority=Priority.URGENT, data=TEXT)])
            assert bytes_of(store) <= SIZE
            finished = (await store.outbox.counts())["wh-1"][DeliveryStatus.DELIVERED]
            read = len(await store.mailbox.fetch("hvac-1", waiting_only=False, after=0, limit=100)) - 10
            counted.append((finished, read))
        # First deliveries but the newest, then messages that arrived, then the other deliveries; a waiting message and
        # what a crash would need stays.
        stages = list(dict.fromkeys(counted))
        assert stages[0] == (29, 10)
        assert stages[-1] == (2, 0)
        assert all(read == 10 for finished, read in stages if finished > 5)
        assert all(read == 0 for finished, read in stages if finished < 5)
        assert await store.mailbox.waiting("hvac-1") == 10
        assert [found.id for found in await store.outbox.waiting("wh-1")] == ["d-3"]
        assert await store.outbox.begun("wh-1", 28) == {29, 30}
        assert min(await numbers(store)) > 10


async def test_room_is_made_before_it_is_needed_and_in_small_steps(events: Events, autojump_clock: MockClock) -> None:
    async with events(EventStoreSettings(size=SIZE, slice_rows=10)) as store:
        steps: list[int] = []
        store.log.dropping.append(lambda gone: steps.append(len(gone)))
        number = 0
        while bytes_of(store) < 0.96 * SIZE:
            number += 1
            await store.log.append([entry(number, data=TEXT)])
        assert steps == []
        await trio.sleep(61)
        assert bytes_of(store) <= 0.9 * SIZE
        assert steps
        assert max(steps) <= 10


async def test_that_events_go_before_their_time_is_told_once(
    events: Events, world: World, autojump_clock: MockClock
) -> None:
    async with events(EventStoreSettings(size=SIZE, slice_rows=10, upkeep=600)) as store:
        for number in range(1, 600):
            await store.log.append([entry(number, data=TEXT, priority=Priority.LOW)])
        # That is what a low priority means.
        assert world.news == []
        for number in range(600, 1600):
            await store.log.append([entry(number, data=TEXT)])
        assert world.told("firing") == [
            "events.db is full: events go before they are as old as [events] retention says; raise [events] size"
        ]
        await trio.sleep(1.1 * DAY)
        assert world.told("resolved") == ["events.db has room again for a day"]


async def test_events_and_deliveries_go_after_their_time(events: Events, autojump_clock: MockClock) -> None:
    async with events(EventStoreSettings(upkeep=1800)) as store:
        await store.outbox.save(KeptWebhook("wh-1", {}, 0))
        for day in range(12):
            number = day + 1
            await store.log.append([entry(number, priority=Priority(day % 4), time=TEN + day * DAY)])
            done = replace(delivery(number, number), created=TEN + day * DAY, finished=TEN + day * DAY)
            await store.outbox.record("wh-1", number, [done], [])
            await trio.sleep(DAY)
        assert await numbers(store) == [6, 7, 8, 9, 10, 11, 12]
        assert len(await store.outbox.deliveries("wh-1")) == 7
        # The fifth was of low priority.
        assert store.log.first == 5


async def test_a_clock_that_leaps_takes_nothing_away(events: Events, world: World, autojump_clock: MockClock) -> None:
    async with events(EventStoreSettings(upkeep=60)) as store:
        await store.log.append([entry(number) for number in range(1, 10)])
        await trio.sleep(2 * 3600)
        # Somebody sets the date a month ahead, and half an hour later back again.
        world.ahead = 30 * DAY
        await trio.sleep(1800)
        assert len(await numbers(store)) == 9
        world.ahead = 0.0
        await trio.sleep(DAY)
        assert len(await numbers(store)) == 9
        # Nobody vouches for the time: nothing is too old.
        world.synchronised = False
        world.ahead = 400 * DAY
        await trio.sleep(3 * DAY)
        assert len(await numbers(store)) == 9
        world.synchronised, world.ahead = True, 8 * DAY
        await trio.sleep(2 * 3600)
        assert await numbers(store) == []


async def test_what_happened_at_an_odd_time_goes_with_its_neighbours(events: Events, autojump_clock: MockClock) -> None:
    async with events(EventStoreSettings(upkeep=3600)) as store:
        await store.log.append(
            [
                entry(1, time=TEN),
                # Before the clock was set, after it was set a year too far, and after it was set to the past.
                entry(2, time=30.0, clock="unsynchronised"),
                entry(3, time=TEN + 3 * DAY),
                entry(4, time=TEN - 400 * DAY),
                entry(5, time=TEN + 4 * DAY),
                entry(6, time=30.0, clock="unsynchronised"),
            ]
        )
        await trio.sleep(8 * DAY)
        assert await numbers(store) == [2, 3, 4, 5, 6]
        await trio.sleep(2.5 * DAY)
        assert await numbers(store) == [5, 6]
        await trio.sleep(5 * DAY)
        # What nobody knows the age of is as old as what follows it, and nothing does.
        assert await numbers(store) == [6]


async def test_what_gives_way_first(events: Events) -> None:
    """The order that docs/events.md and docs/storage.md promise."""
    rows = {
        "low": "SELECT count(*) FROM event_low",
        "arrived": "SELECT count(*) FROM message WHERE NOT waiting",
        "normal": "SELECT count(*) FROM event_normal",
        "high": "SELECT count(*) FROM event_high",
        "urgent": "SELECT count(*) FROM event_urgent",
        "waiting": "SELECT count(*) FROM message WHERE waiting",
        "done": "SELECT count(*) FROM delivery WHERE finished IS NOT NULL",
        "due": "SELECT count(*) FROM delivery WHERE finished IS NULL",
    }
    async with events(EventStoreSettings(slice_rows=1, spare_deliveries=1), run=False) as store:
        # What gives way last is the oldest.
        await store.log.append([message(number) for number in range(1, 5)])
        for number in (3, 4):
            await store.mailbox.acknowledge(f"m-{number}", TEN)
        for priority in reversed(Priority):
            first = 10 * (4 - priority)
            await store.log.append([entry(number, priority=priority) for number in range(first, first + 2)])
        await store.outbox.save(KeptWebhook("wh-1", {}, 0))
        done = [delivery(number, 10) for number in range(3)]
        await store.outbox.record("wh-1", 100, [*done, delivery(3, 10, DeliveryStatus.WAITING)], [])

        async def there() -> dict[str, int]:
            return {
                name: await store._file.read(lambda connection, count=count: connection.execute(count).fetchone()[0])  # type: ignore[misc]  # its default is the statement
                for name, count in rows.items()
            }

        went, before = [], await there()
        while await store._file.remove(Room.make):
            after = await there()
            went += [name for name in rows if after[name] < before[name]]
            before = after
    assert went == [
        *["low"] * 2,
        *["done"] * 2,
        *["arrived"] * 2,
        *["normal"] * 2,
        *["high"] * 2,
        "done",
        *["urgent"] * 2,
        *["waiting"] * 2,
    ]
    # What waits for a receiver does not go for room.
    assert before["due"] == 1


async def test_who_writes_to_himself_pushes_out_nothing_of_others(events: Events) -> None:
    async with events(EventStoreSettings(size=SIZE, slice_rows=10), run=False) as store:
        await store.log.append([entry(number) for number in range(1, 101)])
        for number in range(101, 2001):
            await store.log.append([message(number)])
            await store.mailbox.acknowledge(f"m-{number}", TEN)
        assert bytes_of(store) <= SIZE
        assert (await numbers(store))[:100] == list(range(1, 101))
