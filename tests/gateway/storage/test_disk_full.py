"""A full disk: everything goes on in memory, is told once, and is made up for when there is space again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from gateway.core.tags import Tag
from gateway.storage import StoreSettings
from gateway.storage.ballast import Ballast
from tests.e2e.programs import missing

from .conftest import Opener, World

SCENE = Path(__file__).with_name("full_disk.py")
ROOT = Path(__file__).parents[3]


def _run(*command: str) -> Any:
    ended = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


def _lived_through(saw: Any) -> None:
    assert saw["facts_known"] == 401
    assert saw["readable"] >= 400
    assert len([state for _, state in saw["news_when_full"] if state == "firing"]) in {1, 2}  # once for each file
    assert saw["durable_after"]
    assert set(saw["trouble_after"].values()) == {None}
    assert saw["ballast_after"]
    assert saw["waiting_after"]["in_memory"] < 15
    assert saw["waiting_after"]["dropped"] == 0
    assert {state for _, state in saw["news"]} == {"firing", "resolved"}
    assert saw["facts_kept"] == 402
    assert saw["values_kept"] == 400


def test_files_that_cannot_grow(tmp_path: Path) -> None:
    saw = _run(sys.executable, str(SCENE), "limit", str(tmp_path))
    assert not saw["durable_when_full"]
    assert saw["in_memory"]["in_memory"] >= 300
    _lived_through(saw)


def test_a_full_file_system(tmp_path: Path) -> None:
    mount = f"mount -t tmpfs -o size=2m none {tmp_path}"
    inside = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    try:
        subprocess.run([*inside, mount], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        missing("no user namespaces here to mount a small file system in")
    saw = _run(*inside, f"{mount} && exec {sys.executable} {SCENE} fill {tmp_path}")
    # The ballast was given up for the facts; history leaves that space to them.
    assert saw["in_memory"]["in_memory"] >= 300
    assert any("the disk is full" in summary for summary, _ in saw["news_when_full"])
    _lived_through(saw)


@pytest.mark.parametrize("free", [0, 8, 24, 36])
def test_a_file_system_that_is_full_at_the_start(tmp_path: Path, free: int) -> None:
    mount = f"mount -t tmpfs -o size=1m none {tmp_path}"
    inside = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    try:
        subprocess.run([*inside, mount], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        missing("no user namespaces here to mount a small file system in")
    saw = _run(*inside, f"{mount} && exec {sys.executable} {SCENE} start {tmp_path} {free}")
    assert saw["known"] == {"1": 1}
    assert {words.partition(": ")[2] for words in saw["news"]} == {
        "the disk is full: free some space; everything is kept in memory until then"
    }


@pytest.mark.parametrize("name", ["ferrule.db", "ferrule.db-wal", "history.db", "history.db-wal"])
async def test_a_directory_in_the_way_is_named_with_its_cure(
    opened: Opener, world: World, tmp_path: Path, autojump_clock: MockClock, name: str
) -> None:
    (tmp_path / name).mkdir()
    async with opened() as storage, trio.open_nursery() as nursery:
        nursery.start_soon(storage.run)
        what = "a directory stands where a file of the gateway belongs: move it away"
        assert world.told("firing") == [f"{name}: {what}; everything is kept in memory until then"]
        storage.facts.remember("k", "1", 1)
        (tmp_path / name).rmdir()
        await trio.sleep(120.0)
        await storage.facts.settle()
        assert storage.facts.durable
        await storage.history.open()
        assert storage.state().durable
        nursery.cancel_scope.cancel()


async def test_memory_is_bounded_and_the_newest_stay(opened: Opener, world: World, autojump_clock: MockClock) -> None:
    settings = StoreSettings(ballast=0, memory_rows=100, write_budget=0)
    timeline = world.timeline()
    tags = world.tags(timeline, Tag("l/d/t", "float32"))
    cells = [cell for name in tags.names() if (cell := tags.cell(name))]
    async with opened(settings) as storage, trio.open_nursery() as nursery:
        nursery.start_soon(storage.record, tags, timeline)
        for number in range(300):
            await trio.sleep(61.0)
            tags.apply(cells, [float(number)], world.monotonic())
        await trio.sleep(0.1)
        found = await storage.history.samples("l/d/t", 0.0, world.wall() + 1, None, 1000)
        assert len(found) <= 100
        assert found[-1].value == 299.0
        history = storage.status()["history"]
        assert isinstance(history, dict)
        assert history["dropped"] != 0
        nursery.cancel_scope.cancel()


async def test_a_directory_that_cannot_be_made_leaves_a_store_in_memory(
    opened: Opener, world: World, tmp_path: Path, autojump_clock: MockClock
) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    async with opened(where=blocked / "state") as storage, trio.open_nursery() as nursery:
        nursery.start_soon(storage.run)
        storage.facts.remember("k", "1", 1, urgent=True)
        await storage.facts.settle()
        assert storage.facts.recall("k") == {"1": 1}
        assert not storage.facts.durable
        assert len(world.told("firing")) == 2
        blocked.unlink()
        await trio.sleep(120.0)
        assert storage.facts.durable
        storage.facts.remember("k", "2", 2, urgent=True)
        await storage.facts.settle()
        assert world.told("resolved") == ["ferrule.db: the disk takes data again"]
        nursery.cancel_scope.cancel()


async def test_history_that_leaves_the_last_space_to_facts_is_told_as_a_full_disk(
    opened: Opener, world: World, autojump_clock: MockClock
) -> None:
    timeline = world.timeline()
    tags = world.tags(timeline, Tag("l/d/t", "float32"))
    async with opened(StoreSettings(ballast=1 << 60)) as storage, trio.open_nursery() as nursery:
        nursery.start_soon(storage.run)
        nursery.start_soon(storage.record, tags, timeline)
        await trio.sleep(200.0)
        assert not storage.state().durable
        assert world.told("firing") == [
            "history.db: the disk is full: free some space; everything is kept in memory until then"
        ]
        storage.facts.remember("k", "1", 1)
        await storage.facts.settle()
        assert storage.facts.durable
        storage._ballast._size = 0
        storage._ballast.aboard = True
        await trio.sleep(40.0)
        assert storage.state().durable
        nursery.cancel_scope.cancel()


def test_ballast_is_taken_only_where_there_is_plenty(tmp_path: Path) -> None:
    ballast = Ballast(tmp_path / "ballast", 64 * 1024)
    assert not ballast.aboard
    assert ballast.take()
    assert (tmp_path / "ballast").stat().st_blocks * 512 >= 64 * 1024
    assert ballast.drop()
    assert not (tmp_path / "ballast").exists()
    assert not Ballast(tmp_path / "huge", 1 << 60).take()
    assert not Ballast(tmp_path / "none", 0).drop()
