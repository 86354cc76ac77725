"""Every write, truncation and sync of the disk fails once: what is refused is not there, what is taken is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from gateway.core.eventlog import KeptWebhook, NotKept
from gateway.storage.event_store import EVENTS_FILE, EventStore
from tests.gateway.storage.conftest import TEN, Opener, World
from tests.gateway.storage.event_disk import FULL, Disk, disk_beneath, library, memory_directory
from tests.gateway.storage.event_making import attempt, delivery, entry, events_in, message


@pytest.fixture
def memory() -> Iterator[Path]:
    with memory_directory() as made:
        yield made


pytestmark = pytest.mark.skipif(library() is None, reason="this Python's SQLite cannot be reached")

Step = Callable[[EventStore], Awaitable[object]]

STEPS: list[Step] = [
    lambda store: store.outbox.save(KeptWebhook("wh-1", {"url": "https://a.example"}, 0)),
    lambda store: store.log.append([entry(1)]),
    lambda store: store.log.append([entry(number, data={"x": "y" * 700}) for number in range(2, 12)]),
    lambda store: store.log.append([message(12), message(13)]),
    lambda store: store.outbox.record("wh-1", 1, [delivery(1, 1)], [attempt(1)]),
    lambda store: store._file._database.checkpoint(),
    lambda store: store.outbox.record("wh-1", 2, [delivery(2, 2)], [attempt(2)]),
    lambda store: store.mailbox.acknowledge("m-12", TEN),
    lambda store: store.log.append([entry(14)]),
]


async def whole(store: EventStore) -> None:
    """Everything is there, and once."""
    assert [event.sequence for event in await store.log.after(0, 100)] == list(range(1, 15))
    assert [webhook.cursor for webhook in await store.outbox.webhooks()] == [2]
    assert [found.id for found in await store.outbox.deliveries("wh-1")] == ["d-2", "d-1"]
    for number in (1, 2):
        found = await store.outbox.delivery(f"d-{number}")
        assert found is not None
        assert len(found[1]) == 1
    assert await store.mailbox.waiting("hvac-1") == 1


async def live_through(disk: Disk, store: EventStore) -> int:
    """Do every step until it is taken. Returns how often one was refused."""
    refused = 0
    for step in STEPS:
        for _ in range(4):
            try:
                await step(store)
                break
            except NotKept:
                refused += 1
                if refused > 1:
                    disk.fail_at = None
                store._file._database._outage.try_now()
        else:
            pytest.fail("refused though the disk is well again")
    return refused


async def test_any_call_to_the_disk_may_fail(opened: Opener, world: World, memory: Path) -> None:
    (memory / "sound").mkdir()
    with disk_beneath(EVENTS_FILE) as disk:
        async with events_in(opened, world)(run=False, where=memory / "sound") as store:
            await live_through(disk, store)
            await whole(store)
            calls = disk.calls
    assert calls > 40
    refusals = 0
    for number in range(0, calls, 3):
        where = memory / str(number)
        with disk_beneath(EVENTS_FILE) as disk:
            disk.fail_at, disk.stays_bad, disk.torn = number, number % 4 == 0, number % 2 == 0
            disk.code = FULL if number % 5 == 0 else None
            async with events_in(opened, world)(run=False, where=where) as store:
                refusals += await live_through(disk, store)
                await whole(store)
                assert disk.failed
                disk.fail_at = None
        async with events_in(opened, world)(run=False, where=where) as store:
            await whole(store)
    assert refusals > calls // 6
    assert {event[0] for event in world.news} == {"storage"}


async def test_what_was_refused_is_not_there(opened: Opener, world: World, memory: Path) -> None:
    with disk_beneath(EVENTS_FILE) as disk:
        async with events_in(opened, world)(run=False, where=memory) as store:
            await store.log.append([entry(1)])
            refused = []
            for number in range(2, 40):
                # The first, the second, the third ... call of a commit fails.
                disk.fail_at = disk.calls + number % 4
                try:
                    await store.log.append([entry(number)])
                except NotKept:
                    refused.append(number)
                disk.fail_at = None
                store._file._database._outage.try_now()
                taken = [event.sequence for event in await store.log.after(0, 100)]
                assert taken == [kept for kept in range(1, number + 1) if kept not in refused]
            assert len(refused) > 10
            await store.log.append([entry(40)])
    async with events_in(opened, world)(run=False, where=memory) as store:
        taken = [event.sequence for event in await store.log.after(0, 100)]
        assert taken == [kept for kept in range(1, 41) if kept not in refused]
