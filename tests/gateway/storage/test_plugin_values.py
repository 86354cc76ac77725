"""Values that instances of plugins keep: each its own, on the disk when that was said, gone when that was said."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from gateway.core.eventlog import NotKept
from gateway.storage.plugin_store import open_plugins
from gateway.storage.plugin_values import StoredValues
from gateway.storage.settings import StoreSettings
from gateway.storage.storage import open_storage

NOON = 1_800_000_000.0
# Keeps values one after the other, and says each when it is kept, until it is killed.
KEEPS = f"""
import sys
from itertools import count
from pathlib import Path

import trio

from gateway.storage.plugin_store import open_plugins
from gateway.storage.plugin_values import StoredValues
from gateway.storage.settings import StoreSettings
from gateway.storage.storage import open_storage


async def main():
    settings = StoreSettings(write_budget=200_000_000)
    async with (
        open_storage(
            Path(sys.argv[1]), settings=settings, monotonic=trio.current_time, wall=lambda: {NOON}
        ) as storage,
        open_plugins(storage) as plugins,
    ):
        values = StoredValues(plugins.database)
        for number in count():
            await values.put("scale-1", "number", str(number))
            print(number, flush=True)

trio.run(main)
"""


@asynccontextmanager
async def values_in(directory: Path) -> AsyncIterator[StoredValues]:
    settings = StoreSettings(write_budget=200_000_000)
    async with (
        open_storage(
            directory, settings=settings, monotonic=trio.current_time, wall=lambda: NOON, inline=True
        ) as storage,
        open_plugins(storage) as plugins,
    ):
        yield StoredValues(plugins.database)


async def test_each_instance_has_values_of_its_own(tmp_path: Path) -> None:
    async with values_in(tmp_path) as values:
        await values.put("scale-1", "größe", '"ä"')
        await values.put("scale-1", "b", "1")
        await values.put("scale-1", "b", "22")
        await values.put("scale-2", "b", "3")
        assert await values.get("scale-1", "b") == "22"
        assert await values.get("scale-1", "c") is None
        assert await values.sizes("scale-1") == {"b": 3, "größe": 7 + 4}
        assert await values.delete("scale-1", "b")
        assert not await values.delete("scale-1", "b")
    async with values_in(tmp_path) as values:
        assert await values.get("scale-1", "größe") == '"ä"'
        await values.forget("scale-1")
        assert await values.sizes("scale-1") == {}
        assert await values.get("scale-2", "b") == "3"


async def test_what_was_said_to_be_kept_is_there_after_kill_9(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", KEEPS, tmp_path], stdout=subprocess.PIPE, text=True) as process:  # noqa: ASYNC220 - ours
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= 20:
                break
        os.kill(process.pid, signal.SIGKILL)
        said = [line, *process.stdout]
    async with values_in(tmp_path) as values:
        kept = await values.get("scale-1", "number")
        assert kept is not None
        # The one that was under way may be there as well.
        assert int(kept) in {int(said[-1]), int(said[-1]) + 1}


async def test_a_disk_that_takes_nothing_says_so(tmp_path: Path) -> None:
    async with values_in(tmp_path):
        pass
    (tmp_path / "plugins.db-wal").unlink(missing_ok=True)
    (tmp_path / "plugins.db").unlink()
    (tmp_path / "plugins.db").mkdir()
    async with values_in(tmp_path) as values:
        for work in (
            values.put("a", "b", "1"),
            values.get("a", "b"),
            values.delete("a", "b"),
            values.sizes("a"),
            values.forget("a"),
        ):
            with pytest.raises(NotKept):
                await work
