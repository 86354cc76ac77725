"""A full disk refuses in words and loses nothing it took; a damaged file is set aside, and none of it is believed."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from trio.testing import MockClock

from gateway.core.eventlog import KeptWebhook, NotKept, Priority
from gateway.storage.event_store import EVENTS_FILE
from tests.e2e.programs import missing
from tests.gateway.storage.conftest import Opener, World
from tests.gateway.storage.event_making import attempt, delivery, entry, events_in, message
from tests.gateway.storage.test_corruption import set_aside

SCENE = Path(__file__).with_name("event_full_disk.py")
ROOT = Path(__file__).parents[3]


def test_a_full_disk_refuses_and_loses_nothing_it_took(tmp_path: Path) -> None:
    mount = f"mount -t tmpfs -o size=2m none {tmp_path}"
    inside = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    try:
        subprocess.run([*inside, mount], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        missing("no user namespaces here to mount a small file system in")
    ended = subprocess.run(
        [*inside, f"{mount} && exec {sys.executable} {SCENE} {tmp_path}"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    saw = json.loads(ended.stdout.splitlines()[-1])
    # The ballast went for events first; then they were refused, and what was there could still be read.
    assert not saw["ballast_when_full"]
    assert len(saw["kept"]) > 60
    assert len(saw["refused"]) > 100
    assert saw["read_when_full"] == [number for number in saw["kept"] if number < 600]
    assert "the disk is full: free some space" in str(saw["recorded"])
    assert [words for words in saw["news"] if "events.db: the disk is full" in words]
    # With room again everything goes on.
    assert saw["found"] == saw["kept"]
    assert saw["found"][-20:] == list(range(600, 620))
    assert (saw["deliveries"], saw["cursor"]) == (["d-2"], [6])


async def test_a_flipped_byte_anywhere_is_found_or_does_no_harm(
    opened: Opener, world: World, tmp_path: Path, autojump_clock: MockClock
) -> None:
    sound = tmp_path / "sound"
    kept = {number: entry(number, priority=Priority(number % 4)) for number in range(1, 60)}
    async with events_in(opened, world)(run=False, where=sound) as store:
        await store.outbox.save(KeptWebhook("wh-1", {"url": "https://a.example"}, 0))
        await store.log.append(list(kept.values()))
        await store.log.append([message(60)])
        for number in range(1, 8):
            await store.outbox.record("wh-1", number, [delivery(number, number)], [attempt(number)])
    contents = {name: (sound / name).read_bytes() for name in (EVENTS_FILE, "ferrule.db")}
    chance = random.Random(11)
    set_aside_ = 0
    for number in range(60):
        where = tmp_path / str(number)
        where.mkdir()
        for name, content in contents.items():
            damaged = bytearray(content)
            if name == EVENTS_FILE:
                # Half of them in the first page, where every byte matters.
                damaged[chance.randrange(100 if number % 2 else len(damaged))] ^= chance.randrange(1, 256)
            (where / name).write_bytes(damaged)
        async with events_in(opened, world)(run=False, where=where) as store:
            try:
                found = await store.log.after(0, 1000)
                await store.outbox.deliveries("wh-1")
                await store.mailbox.fetch(None, waiting_only=False, after=0, limit=100)
            except NotKept:
                found = []
            # What is not as it was written is left out.
            assert all(event == kept[event.sequence].event for event in found if event.sequence < 60)
            await store.log.append([entry(1000)])
            assert (await store.log.after(999, 10))[0].sequence == 1000
            assert [webhook.id for webhook in await store.outbox.webhooks()] == ["wh-1"]
        set_aside_ += set_aside(where, EVENTS_FILE)
    assert set_aside_ > 10
    assert len([told for told in world.told("firing") if told.startswith("events.db was damaged")]) == set_aside_


@pytest.mark.parametrize("content", [b"", b"\0" * 8192, b"garbage" * 2000, b"SQLite format 3\0"], ids=len)
async def test_what_is_no_database_is_set_aside(opened: Opener, world: World, tmp_path: Path, content: bytes) -> None:
    (tmp_path / EVENTS_FILE).write_bytes(content)
    (tmp_path / f"{EVENTS_FILE}-wal").write_bytes(content)
    for number in (1, 2):
        async with events_in(opened, world)(run=False) as store:
            await store.log.append([entry(number)])
            assert len(await store.log.after(0, 10)) == number
