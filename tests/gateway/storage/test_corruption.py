"""Whatever is in the files, the gateway starts; what was damaged is kept aside and told."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import trio

from gateway.core.errors import GatewayError
from gateway.core.tags import Tag
from gateway.storage import StoreSettings
from gateway.storage.storage import CONTROL_FILE, HISTORY_FILE

from .conftest import Opener, World


def set_aside(directory: Path, name: str) -> int:
    """How many damaged files are kept."""
    return len([file for file in directory.glob(f"{name}.bad-*") if not file.name.endswith(("-wal", "-shm"))])


async def _fill(opened: Opener, world: World, where: Path) -> None:
    timeline = world.timeline()
    tags = world.tags(timeline, *(Tag(f"l/d/{number}", "float32") for number in range(10)))
    async with opened(where=where) as storage:
        for number in range(60):
            storage.facts.remember("k", str(number), {"value": number})
        recorder = storage.history._recorder
        for number in range(40):
            tags.apply(
                [c for n in tags.names() if (c := tags.cell(n))], [float(number)] * 10, world.monotonic() + number
            )
            for reading in tags.snapshot():
                recorder._take(reading, tags, timeline)
        await storage.history.flush()
        world.ahead = 7200.0
        await storage.history.tidy(synchronised=True)


@pytest.mark.parametrize("name", [CONTROL_FILE, HISTORY_FILE])
async def test_fifty_random_bytes_never_keep_it_from_starting(
    opened: Opener, world: World, tmp_path: Path, name: str
) -> None:
    sound = tmp_path / "sound"
    await _fill(opened, world, sound)
    content = (sound / name).read_bytes()
    random_ = random.Random(name)
    for number in range(50):
        where = tmp_path / str(number)
        where.mkdir()
        damaged = bytearray(content)
        # Half of them in the first page, where every byte matters.
        at = random_.randrange(100 if number % 2 else len(content))
        damaged[at] ^= random_.randrange(1, 256)
        for file in (CONTROL_FILE, HISTORY_FILE):
            (where / file).write_bytes(damaged if file == name else (sound / file).read_bytes())
        world.news.clear()
        async with opened(where=where) as storage:
            facts = storage.facts.recall("k")
            assert all(value == {"value": int(key)} for key, value in facts.items())
            lost = len(facts) < 60
            assert not lost or world.told("firing"), f"facts lost without a word: byte {at}"
            assert not facts or not set_aside(where, CONTROL_FILE)
            storage.facts.remember("k", "new", 1)
            await storage.facts.settle()
            await storage.facts.settle()
            assert storage.facts.durable
            await storage.history.samples("l/d/3", 0.0, world.wall(), 60.0, 1000) if name == CONTROL_FILE else None
        async with opened(where=where) as storage:
            assert storage.facts.recall("k")["new"] == 1


@pytest.mark.parametrize("content", [b"", b"\0" * 8192, b"garbage" * 2000, b"SQLite format 3\0"], ids=len)
async def test_what_is_no_database_is_set_aside(opened: Opener, world: World, tmp_path: Path, content: bytes) -> None:
    (tmp_path / CONTROL_FILE).write_bytes(content)
    (tmp_path / HISTORY_FILE).write_bytes(content)
    (tmp_path / f"{CONTROL_FILE}-wal").write_bytes(content)
    async with opened() as storage:
        storage.facts.remember("k", "1", 1)
    async with opened() as storage:
        assert storage.facts.recall("k") == {"1": 1}


async def test_damage_found_by_a_reader_is_set_aside_by_the_writer(
    opened: Opener, world: World, tmp_path: Path
) -> None:
    await _fill(opened, world, tmp_path)
    file = tmp_path / HISTORY_FILE
    content = bytearray(file.read_bytes())
    async with opened(StoreSettings(ballast=0, check_limit=0)) as storage:
        # Every page but the first few is lost while the gateway runs.
        content[4096 * 3 :] = b"\xff" * (len(content) - 4096 * 3)
        file.write_bytes(content)
        samples = storage.history.samples
        with pytest.raises(GatewayError, match="the history cannot be read: the database was damaged"):
            await samples("l/d/3", 0.0, world.wall(), None, 1000)
        timeline = world.timeline()
        tags = world.tags(timeline, Tag("l/d/3", "float32"))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(storage.record, tags, timeline)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        assert not await storage.history.flush()
        assert await storage.history.flush()
        assert len(await samples("l/d/3", 0.0, world.wall() + 1, None, 1000)) == 1
    assert set_aside(tmp_path, HISTORY_FILE) == 1
    assert len(world.told("firing")) == 1


async def test_only_the_newest_damaged_files_are_kept(opened: Opener, world: World, tmp_path: Path) -> None:
    for number in range(6):
        (tmp_path / CONTROL_FILE).write_bytes(b"garbage" * 2000)
        world.ahead = float(number)
        async with opened():
            pass
    assert set_aside(tmp_path, CONTROL_FILE) == 3
