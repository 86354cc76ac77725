"""Every write, truncation and sync of the disk fails, one after the other: what is taken is there, and once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from gateway.core.eventlog import KeptWebhook, NotKept
from gateway.storage.event_store import EVENTS_FILE, EventStore
from tests.gateway.storage.conftest import TEN
from tests.gateway.storage.event_disk import FULL, Disk, disk_beneath
from tests.gateway.storage.event_making import attempt, delivery, entry, message, store_in

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
            raise AssertionError("refused though the disk is well again")
    return refused


@dataclass
class Failed:
    """What came of the failures.

    Attributes:
        calls: to the disk there are.
        failed: calls that were made to fail.
        refused: steps that were refused for it.
    """

    calls: int = 0
    failed: int = 0
    refused: int = 0


async def fail_everywhere(directory: Path, every: int = 1) -> Failed:
    """Work once for each call to the disk, and let that one fail: alone or with all after it, torn or not.

    Args:
        directory: an empty one.
        every: 1 for each call, 3 for each third.

    Raises:
        AssertionError: something that was taken is not there, or twice.
    """
    found = Failed()
    with disk_beneath(EVENTS_FILE) as disk:
        async with store_in(directory / "sound") as store:
            await live_through(disk, store)
            await whole(store)
            found.calls = disk.calls
    for number in range(0, found.calls, every):
        where = directory / str(number)
        with disk_beneath(EVENTS_FILE) as disk:
            disk.fail_at, disk.stays_bad, disk.torn = number, number % 4 == 0, number % 2 == 0
            disk.code = FULL if number % 5 == 0 else None
            async with store_in(where) as store:
                found.refused += await live_through(disk, store)
                await whole(store)
                found.failed += disk.failed
                disk.fail_at = None
        async with store_in(where) as store:
            await whole(store)
    return found
