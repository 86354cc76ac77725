"""Connections to the files of the store are counted: ``system:health`` tells them."""

from __future__ import annotations

import sqlite3

import trio

from tests.gateway.storage.conftest import Opener


def one(connection: sqlite3.Connection) -> int:
    (found,) = connection.execute("SELECT 1").fetchone()
    return int(found)


async def test_connections_that_are_open_are_counted(opened: Opener) -> None:
    async with opened(inline=False) as storage:
        before = storage.state().connections
        assert before is not None
        # At least those that write; who read the facts at the start may be there still.
        assert before >= 2
        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(storage.read, one)
        some = storage.state().connections
        assert some is not None
        assert before <= some <= before + 2
        another = storage.another_file("events.db", "events", 1024)
        assert storage.state().connections == some
        await another.open()
        assert storage.state().connections == some + 1
        assert await another.read(one) == 1
        assert storage.state().connections == some + 2
    assert storage.state().connections == 0
