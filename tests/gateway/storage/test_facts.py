"""What was remembered is there after a restart, whatever happened to the file."""

from __future__ import annotations

import fnmatch
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from gateway.storage import StoreSettings
from gateway.storage.storage import CONTROL_FILE

from .conftest import Opener, World


async def names_in(directory: Path) -> list[str]:
    return [file.name for file in await trio.Path(directory).iterdir()]


async def test_facts_outlive_the_process(opened: Opener) -> None:
    async with opened() as storage:
        storage.facts.remember("lease", "a/b/c", {"until": 12.5, "safe": [0, None, "x", True]})
        storage.facts.remember("lease", "gone", 1)
        storage.facts.remember("lease", "gone", None)
        storage.facts.remember("split", "a/b/c", 7)
        assert storage.facts.recall("lease") == {"a/b/c": {"until": 12.5, "safe": [0, None, "x", True]}}
    async with opened() as storage:
        assert storage.facts.recall("lease") == {"a/b/c": {"until": 12.5, "safe": [0, None, "x", True]}}
        assert storage.facts.recall("split") == {"a/b/c": 7}
        assert storage.facts.recall("other") == {}
        storage.facts.remember("lease", "a/b/c", None)
    async with opened() as storage:
        assert storage.facts.recall("lease") == {}


async def test_a_settled_fact_is_in_the_file_at_once(opened: Opener, tmp_path: Path) -> None:
    async with opened(inline=False) as storage:
        storage.facts.remember("k", "1", "settled")
        assert not storage.facts.durable
        await storage.facts.settle()
        assert storage.facts.durable
        with closing(sqlite3.connect(tmp_path / CONTROL_FILE)) as other:
            assert other.execute("SELECT value FROM fact WHERE key = '1'").fetchone() == (b'"settled"',)


async def test_urgent_facts_go_down_together_and_others_wait(
    opened: Opener, world: World, autojump_clock: MockClock
) -> None:
    async with (
        opened(StoreSettings(ballast=0, flush_interval=30.0, group=0.02)) as storage,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(storage.run)
        await trio.sleep(1.0)
        commits = storage.budget.commits
        storage.facts.remember("k", "lazy", 0)
        await trio.sleep(10.0)
        assert not storage.facts.durable
        for number in range(5):
            storage.facts.remember("k", str(number), number, urgent=True)
            await trio.sleep(0.003)
        await trio.sleep(0.02)
        assert storage.facts.durable
        assert storage.budget.commits == commits + 1
        storage.facts.remember("k", "lazy", 1)
        await trio.sleep(31.0)
        assert storage.facts.durable
        nursery.cancel_scope.cancel()


async def test_a_lease_taken_and_ended_over_and_over_is_written_once(
    opened: Opener, world: World, tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with opened() as storage, trio.open_nursery() as nursery:
        nursery.start_soon(storage.run)
        commits = storage.budget.commits
        for _ in range(20):
            storage.facts.remember("lease", "a/b/c", value=True, urgent=True)
            await storage.facts.settle()
            # What its caller was promised is on disk, whatever comes.
            with closing(sqlite3.connect(tmp_path / CONTROL_FILE)) as other:
                assert other.execute("SELECT count(*) FROM fact WHERE kind = 'lease'").fetchone() == (1,)
            await trio.sleep(0.3)
            storage.facts.remember("lease", "a/b/c", None, urgent=True)
            await trio.sleep(0.3)
        assert storage.budget.commits == commits + 1
        await trio.sleep(1.0)
        assert storage.budget.commits == commits + 2
        assert storage.facts.durable
        nursery.cancel_scope.cancel()
    async with opened() as storage:
        assert storage.facts.recall("lease") == {}


async def test_what_begins_and_ends_in_one_batch_is_not_written(opened: Opener, autojump_clock: MockClock) -> None:
    async with opened() as storage:
        commits = storage.budget.commits
        storage.facts.remember("lease", "a/b/c", value=True, urgent=True)
        storage.facts.remember("lease", "a/b/c", None, urgent=True)
        await storage.facts.settle()
        assert storage.facts.durable
        assert storage.budget.commits == commits


async def test_a_commit_of_one_fact_writes_little(opened: Opener, tmp_path: Path) -> None:
    async with opened() as storage:
        for number in range(100):
            storage.facts.remember("lease", f"line/device/{number}", value=True, urgent=True)
        await storage.facts.settle()
        used = storage.budget.used
        for number in range(100):
            storage.facts.remember("lease", f"line/device/{number}", None)
            await storage.facts.settle()
        assert storage.budget.used - used < 100 * 2 * 4096 * 0.8


async def test_a_commit_that_failed_leaves_doubt_and_is_done_again(opened: Opener, tmp_path: Path) -> None:
    async with opened() as storage:
        storage.facts.remember("k", "1", 1)
        await storage.facts.settle()
        # Somebody holds the file: the forgetting cannot go down, and what follows must not be taken for written.
        with closing(sqlite3.connect(tmp_path / CONTROL_FILE, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            storage.facts.remember("k", "1", None)
            await storage.facts.settle()
            assert not storage.facts.durable
            other.execute("DELETE FROM fact")
            other.execute("COMMIT")
        storage.facts.remember("k", "1", 1)
        storage._control._outage.try_now()
        await storage.facts.settle()
        assert storage.facts.durable
    async with opened() as storage:
        assert storage.facts.recall("k") == {"1": 1}


async def test_a_flipped_bit_is_never_taken_for_a_fact(opened: Opener, world: World, tmp_path: Path) -> None:
    async with opened() as storage:
        storage.facts.remember("lease", "kept", {"limit": 100})
        storage.facts.remember("lease", "hit", {"limit": 900})
    file = tmp_path / CONTROL_FILE
    file.write_bytes(file.read_bytes().replace(b'{"limit":900}', b'{"limit":901}'))
    async with opened() as storage:
        assert storage.facts.recall("lease") == {"kept": {"limit": 100}}
    assert world.told("firing") == ["1 stored facts are damaged and were dropped"]


async def test_a_database_damaged_while_running_is_replaced_and_no_fact_lost(
    opened: Opener, world: World, tmp_path: Path
) -> None:
    async with opened() as storage:
        storage.facts.remember("k", "before", 1)
        await storage.facts.settle()
        await storage._control.checkpoint()
        await storage._control.close()
        (tmp_path / CONTROL_FILE).write_bytes(b"no database at all" * 500)
        storage.facts.remember("k", "after", 2)
        await storage.facts.settle()
        assert not storage.facts.durable
        await storage.facts.settle()
        assert storage.facts.durable
    assert len(world.told("firing")) == 1
    assert len(fnmatch.filter(await names_in(tmp_path), f"{CONTROL_FILE}.bad-20260522T1000*Z")) == 1
    async with opened() as storage:
        assert storage.facts.recall("k") == {"before": 1, "after": 2}


async def test_other_parts_write_and_read_in_transactions_of_their_own(opened: Opener) -> None:
    async with opened(inline=False) as storage:

        def failing(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT INTO fact VALUES ('x', 'y', x'00', 0)")
            raise LookupError("by the job")

        with pytest.raises(LookupError, match="by the job"):
            await storage.write(failing, "test")
        count = await storage.read(lambda connection: connection.execute("SELECT count(*) FROM fact").fetchone()[0])
        assert count == 0
