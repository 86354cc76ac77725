"""The power goes: the log ends at any byte, or is followed by anything; earlier commits stand."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.storage.storage import CONTROL_FILE, HISTORY_FILE

from .conftest import Opener, World

COMMITS = 30


def _cut(log: bytes, at: int, _: random.Random) -> bytes:
    return log[:at]


def _zeros(log: bytes, at: int, _: random.Random) -> bytes:
    return log[:at] + bytes(len(log) - at)


def _noise(log: bytes, at: int, random_: random.Random) -> bytes:
    return log[:at] + random_.randbytes(len(log) - at)


@pytest.mark.parametrize("damage", [_cut, _zeros, _noise])
async def test_facts_of_whole_commits_survive_any_cut(
    opened: Opener, world: World, tmp_path: Path, damage: Callable[[bytes, int, random.Random], bytes]
) -> None:
    source = tmp_path / "source"
    async with opened(where=source) as storage:
        await storage._control.checkpoint()
        log = source / f"{CONTROL_FILE}-wal"
        ends: list[int] = []
        for number in range(COMMITS):
            storage.facts.remember("k", str(number), ["x" * (number * 97 % 900), number])
            storage.facts.remember("k", "last", number)
            await storage.facts.settle()
            # What the log holds after this commit: the meter knows where it ends.
            ends.append(storage._control._meter._end())
        whole = log.read_bytes()
        database = (source / CONTROL_FILE).read_bytes()
        history = (source / HISTORY_FILE).read_bytes()
    random_ = random.Random(7)
    points = {0, 1, 31, 32, 33, *ends, *(end - 1 for end in ends), *(end + 1 for end in ends)}
    points |= {random_.randrange(len(whole)) for _ in range(80)}
    for number, at in enumerate(sorted(point for point in points if point <= len(whole))):
        where = tmp_path / str(number)
        where.mkdir()
        (where / CONTROL_FILE).write_bytes(database)
        (where / HISTORY_FILE).write_bytes(history)
        (where / f"{CONTROL_FILE}-wal").write_bytes(damage(whole, at, random_))
        async with opened(where=where) as storage:
            facts = storage.facts.recall("k")
        done = sum(end <= at for end in ends)
        count = len([key for key in facts if key != "last"])
        assert done <= count <= COMMITS
        assert count == done or damage is not _cut
        assert facts.get("last") == (count - 1 if count else None)
        for key in range(count):
            assert facts[str(key)] == ["x" * (key * 97 % 900), key]
    assert world.news == []
