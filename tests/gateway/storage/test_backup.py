"""The small database has a backup: what damages the one does not take what was learned and promised."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import structlog.testing
import trio
from trio.testing import MockClock

from gateway.core.tags import Tag
from gateway.storage import StoreSettings
from gateway.storage.storage import CONTROL_FILE, HISTORY_FILE

from .conftest import Opener, World

DAY = 86400.0
BACKUP = f"{CONTROL_FILE}.backup"


async def remember(opened: Opener, count: int = 5) -> None:
    async with opened() as storage:
        for number in range(count):
            storage.facts.remember("k", str(number), number)


async def test_a_clean_stop_leaves_a_private_backup(opened: Opener, tmp_path: Path) -> None:
    await remember(opened)
    backup = tmp_path / BACKUP
    assert backup.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(backup)) as connection:
        assert connection.execute("SELECT count(*) FROM fact WHERE kind = 'k'").fetchone() == (5,)
    assert not (tmp_path / f"{CONTROL_FILE}.part").exists()


@pytest.mark.parametrize("content", [b"", b"garbage" * 2000, None], ids=["empty", "garbage", "half"])
async def test_a_damaged_file_is_restored_at_the_next_start(
    opened: Opener, world: World, tmp_path: Path, content: bytes | None
) -> None:
    await remember(opened)
    file = tmp_path / CONTROL_FILE
    sound = file.read_bytes()
    file.write_bytes(sound[: len(sound) // 2] if content is None else content)
    async with opened() as storage:
        assert storage.facts.recall("k") == {str(number): number for number in range(5)}
        [told] = world.told("firing")
        assert told.startswith(f"{CONTROL_FILE} was damaged: it is kept as {CONTROL_FILE}.bad-")
        assert "its backup of 20" in told
        storage.facts.remember("k", "0", None)
        await storage.facts.settle()
        assert storage.facts.durable
    async with opened() as storage:
        assert storage.facts.recall("k") == {str(number): number for number in range(1, 5)}


async def test_damage_that_only_a_reader_finds_is_restored_too(opened: Opener, world: World, tmp_path: Path) -> None:
    await remember(opened, 200)
    file = tmp_path / CONTROL_FILE
    content = bytearray(file.read_bytes())
    with closing(sqlite3.connect(tmp_path / BACKUP)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'fact'").fetchone()
    content[(page - 1) * 1024 : page * 1024] = b"\xff" * 1024
    file.write_bytes(content)
    async with opened(StoreSettings(ballast=0, check_limit=0)) as storage:
        assert len(storage.facts.recall("k")) == 200
    assert len(world.told("firing")) == 1


async def test_last_values_come_back_from_the_backup(opened: Opener, world: World, tmp_path: Path) -> None:
    timeline = world.timeline()
    tags = world.tags(timeline, Tag("l/d/t", "float32"))
    async with opened() as storage, trio.open_nursery() as nursery:
        nursery.start_soon(storage.record, tags, timeline)
        await trio.testing.wait_all_tasks_blocked()
        cell = tags.cell("l/d/t")
        assert cell is not None
        tags.apply([cell], [21.5], world.monotonic())
        nursery.cancel_scope.cancel()
    (tmp_path / CONTROL_FILE).write_bytes(b"garbage" * 2000)
    async with opened() as storage:
        again = world.tags(world.timeline(), Tag("l/d/t", "float32"))
        await storage.restore(again)
        reading = again.read("l/d/t")
        assert reading is not None
        assert reading.last_value == 21.5


async def test_a_damaged_backup_is_not_used(opened: Opener, world: World, tmp_path: Path) -> None:
    await remember(opened)
    for name in (CONTROL_FILE, BACKUP):
        (tmp_path / name).write_bytes(b"garbage" * 2000)
    async with opened() as storage:
        assert storage.facts.recall("k") == {}
        [told] = world.told("firing")
        assert told.endswith("a new one is begun")
        storage.facts.remember("k", "new", 1)
    async with opened() as storage:
        assert storage.facts.recall("k") == {"new": 1}


async def test_damage_while_running_is_mended_from_memory_which_knows_more(
    opened: Opener, world: World, tmp_path: Path
) -> None:
    await remember(opened)
    async with opened() as storage:
        storage.facts.remember("k", "0", None)
        storage.facts.remember("k", "late", 1)
        await storage.facts.settle()
        await storage._control.checkpoint()
        await storage._control.close()
        (tmp_path / CONTROL_FILE).write_bytes(b"no database at all" * 500)
        storage.facts.remember("k", "later", 2)
        await storage.facts.settle()
        await storage.facts.settle()
        assert storage.facts.durable
    async with opened() as storage:
        assert set(storage.facts.recall("k")) == {"1", "2", "3", "4", "late", "later"}


async def test_it_is_made_once_a_day_and_counted(
    opened: Opener, world: World, tmp_path: Path, autojump_clock: MockClock
) -> None:
    backup = tmp_path / BACKUP
    async with opened() as storage, trio.open_nursery() as nursery:
        nursery.start_soon(storage.run)
        await trio.sleep(590.0)
        assert not backup.exists()
        await trio.sleep(20.0)
        first = backup.stat().st_ino
        parts = storage.budget.status()["parts"]
        assert isinstance(parts, dict)
        assert parts["backup"] == backup.stat().st_size
        await trio.sleep(DAY - 100.0)
        assert backup.stat().st_ino == first
        await trio.sleep(200.0)
        assert backup.stat().st_ino != first
        nursery.cancel_scope.cancel()


async def test_a_spent_budget_makes_none(opened: Opener, tmp_path: Path) -> None:
    async with opened(StoreSettings(ballast=0, write_budget=0)) as storage:
        storage.facts.remember("k", "1", 1)
    assert not (tmp_path / BACKUP).exists()


async def test_a_backup_that_cannot_be_made_leaves_the_one_before(opened: Opener, tmp_path: Path) -> None:
    await remember(opened)
    before = (tmp_path / BACKUP).read_bytes()
    async with opened() as storage:
        (tmp_path / f"{CONTROL_FILE}.part").mkdir()
        with structlog.testing.capture_logs() as logs:
            await storage._control.back_up()
        assert [entry["event"] for entry in logs] == ["backup not made"]
        storage.facts.remember("k", "1", 7)
        await storage.facts.settle()
        assert storage.facts.durable
        assert (tmp_path / BACKUP).read_bytes() == before
        (tmp_path / f"{CONTROL_FILE}.part").rmdir()


async def test_damage_in_the_small_tables_of_a_large_history_is_found_at_the_start(
    opened: Opener, world: World, tmp_path: Path
) -> None:
    timeline = world.timeline()
    tags = world.tags(timeline, *(Tag(f"l/d/{number}", "float32") for number in range(300)))
    async with opened() as storage:
        for reading in tags.snapshot():
            storage.history._recorder._take(reading, tags, timeline)
        await storage.history.flush()
    file = tmp_path / HISTORY_FILE
    with closing(sqlite3.connect(file)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'recent'").fetchone()
    content = bytearray(file.read_bytes())
    content[(page - 1) * 4096 : page * 4096] = b"\xff" * 4096
    file.write_bytes(content)
    async with opened(StoreSettings(ballast=0, check_limit=0)):
        [told] = world.told("firing")
        assert told.startswith(f"{HISTORY_FILE} was damaged")
