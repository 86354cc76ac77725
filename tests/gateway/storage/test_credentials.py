"""Clients and API keys on the disk: there after a restart, and after a file that had to be begun anew."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.core.clients import ApiKey, Client, ClientKind
from gateway.core.eventlog import NotKept
from gateway.storage import Storage, StoreSettings, open_storage
from gateway.storage.storage import CONTROL_FILE

PUMP = Client(
    id="pump",
    name='pump "room"',
    kind=ClientKind.CONFIDENTIAL,
    digest=bytes(range(32)),
    roles=frozenset({"viewer", "operator"}),
    scopes=frozenset({"plugins:*"}),
    redirect_uris=("https://a/b?c=d", "com.example.app:/cb"),
    rate_limit=30,
    first=True,
    disabled=True,
    created=1_800_000_000,
)
PAGE = Client(id="page", name="page", kind=ClientKind.PUBLIC, digest=None, roles=frozenset(), scopes=frozenset({"*"}))
KEY = ApiKey(
    id="key-1", name="k", owner="client:pump", digest=bytes(32), scopes=frozenset({"a:b"}), created=5, expires=9, used=7
)


@asynccontextmanager
async def opened(directory: Path) -> AsyncIterator[Storage]:
    async with open_storage(
        directory, settings=StoreSettings(), monotonic=lambda: 0.0, wall=lambda: 1_800_000_000.0, inline=True
    ) as storage:
        yield storage


async def test_what_was_saved_is_there_after_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path) as storage:
        for client in (PUMP, PAGE):
            await storage.credentials.save_client(client)
        await storage.credentials.save_key(KEY)
    async with opened(tmp_path) as storage:
        assert {client.id: client for client in await storage.credentials.clients()} == {"pump": PUMP, "page": PAGE}
        assert list(await storage.credentials.keys()) == [KEY]
        await storage.credentials.save_client(replace(PAGE, disabled=True))
        await storage.credentials.remove_client("pump")
        await storage.credentials.remove_key("key-1")
        await storage.credentials.save_uses({"page": 11, "pump": 12}, {"key-1": 13})
    async with opened(tmp_path) as storage:
        assert list(await storage.credentials.clients()) == [replace(PAGE, disabled=True, used=11)]
        assert not await storage.credentials.keys()


async def test_what_the_disk_does_not_take_is_not_said_to_be_kept(tmp_path: Path) -> None:
    async with opened(tmp_path) as storage:
        await storage.credentials.save_client(PUMP)
        other = sqlite3.connect(tmp_path / CONTROL_FILE, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(NotKept):
            await storage.credentials.save_client(PAGE)
        other.execute("ROLLBACK")
        other.close()
    async with opened(tmp_path) as storage:
        assert list(await storage.credentials.clients()) == [PUMP]


async def test_a_file_that_is_begun_anew_gets_them_all_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as storage:
        for client in (PUMP, PAGE):
            await storage.credentials.save_client(client)
        await storage.credentials.save_key(KEY)
        await storage._control.checkpoint()
        await storage._control.close()
        (tmp_path / CONTROL_FILE).write_bytes(b"no database at all" * 500)
        with pytest.raises(NotKept):
            await storage.credentials.save_client(replace(PAGE, disabled=True))
        await storage.credentials.save_client(replace(PAGE, disabled=True))
    async with opened(tmp_path) as storage:
        kept = {client.id: client for client in await storage.credentials.clients()}
        assert kept == {"pump": PUMP, "page": replace(PAGE, disabled=True)}
        assert list(await storage.credentials.keys()) == [KEY]


async def test_a_damaged_row_takes_no_other_along(tmp_path: Path) -> None:
    async with opened(tmp_path) as storage:
        for client in (PUMP, PAGE):
            await storage.credentials.save_client(client)
        await storage.write(
            lambda connection: connection.execute("UPDATE client SET kind = 'q' WHERE id = 'pump'"), "test"
        )
    async with opened(tmp_path) as storage:
        assert [client.id for client in await storage.credentials.clients()] == ["page"]
