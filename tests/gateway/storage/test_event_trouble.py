"""Calls to the disk fail: what is refused is not there, what is taken is."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.core.eventlog import KeptWebhook, NotKept
from gateway.storage.event_room import Room
from gateway.storage.event_store import EVENTS_FILE
from tests.e2e.programs import missing
from tests.gateway.storage.event_disk import disk_beneath, library, memory_directory
from tests.gateway.storage.event_faults import fail_everywhere
from tests.gateway.storage.event_making import entry, message, store_in


@pytest.fixture
def memory() -> Iterator[Path]:
    if library() is None:
        missing("this Python's SQLite cannot be reached")
    with memory_directory() as made:
        yield made


async def test_any_call_to_the_disk_may_fail(memory: Path) -> None:
    found = await fail_everywhere(memory, every=3)
    assert found.calls > 40
    assert found.failed >= found.calls // 3
    assert found.refused > found.calls // 6


async def test_what_was_refused_is_not_there(memory: Path) -> None:
    with disk_beneath(EVENTS_FILE) as disk:
        async with store_in(memory) as store:
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
    async with store_in(memory) as store:
        taken = [event.sequence for event in await store.log.after(0, 100)]
        assert taken == [kept for kept in range(1, 41) if kept not in refused]


async def test_a_disk_that_takes_nothing_can_be_read_also_after_room_could_not_be_made(tmp_path: Path) -> None:
    async with store_in(tmp_path) as store:
        await store.outbox.save(KeptWebhook("wh-1", {}, 0))
        await store.log.append([entry(number) for number in range(1, 11)])
        await store._file.remove(Room.make)
        first, last = store.log.first, store.log.last
        await store.log.append([entry(11), message(12)])
        with closing(sqlite3.connect(tmp_path / EVENTS_FILE, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(NotKept):
                await store._file.remove(Room.make)
            with pytest.raises(NotKept):
                await store.log.append([entry(13)])
            # Who comes back and wants to go on where he was, reads now.
            assert [event.sequence for event in await store.log.after(last, 100)] == [11, 12]
            assert [kept.id for kept in await store.mailbox.fetch(None, waiting_only=True, after=0, limit=9)] == [
                "m-12"
            ]
            assert [kept.id for kept in await store.outbox.webhooks()] == ["wh-1"]
            assert (store.log.first, store.log.last) == (first, 12)
            other.execute("ROLLBACK")
        store._file._database._outage.try_now()
        await store.log.append([entry(13)])
        assert store.log.last == 13
