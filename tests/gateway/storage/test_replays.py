"""What is kept of requests that may come twice is on the disk when that was said."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from gateway.core.replays import KeptRequest
from gateway.storage.plugin_store import open_plugins
from gateway.storage.replay_store import StoredReplays
from gateway.storage.settings import StoreSettings
from gateway.storage.storage import open_storage

NOON = 1_800_000_000.0
DAY = 24 * 3600.0


@asynccontextmanager
async def store_in(directory: Path) -> AsyncIterator[StoredReplays]:
    settings = StoreSettings(write_budget=200_000_000)
    async with (
        open_storage(
            directory, settings=settings, monotonic=trio.current_time, wall=lambda: NOON, inline=True
        ) as storage,
        open_plugins(storage) as plugins,
    ):
        yield StoredReplays(plugins.database)


async def test_what_was_begun_and_what_was_answered_is_there_after_a_restart(tmp_path: Path) -> None:
    async with store_in(tmp_path) as store:
        for name in (b"begun", b"done", b"refused"):
            assert await store.find(name, NOON - DAY) is None
            await store.begin(name, b"caller", b"mark", NOON, NOON - DAY)
        await store.finish(b"done", b"answer")
        await store.forget(b"refused")
    async with store_in(tmp_path) as store:
        assert await store.find(b"begun", NOON - DAY) == KeptRequest(b"mark", None)
        assert await store.find(b"done", NOON - DAY) == KeptRequest(b"mark", b"answer")
        assert await store.find(b"refused", NOON - DAY) is None
        assert await store.find(b"done", NOON) is None, "a day is over"
