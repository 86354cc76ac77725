"""No statement runs in the thread of the run loop, and a query ends when nobody waits for it."""

from __future__ import annotations

import sqlite3
import threading

import pytest
import trio

from gateway.storage.hands import Inline, Threads

from .conftest import Opener

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT sum(i) FROM n"


async def test_statements_run_beside_the_run_loop(opened: Opener) -> None:
    def where(_: sqlite3.Connection) -> int:
        return threading.get_ident()

    async with opened(inline=False) as storage:
        assert await storage.write(where, "test") != threading.get_ident()
        assert await storage.read(where) != threading.get_ident()
    async with opened(inline=True) as storage:
        assert await storage.write(where, "test") == threading.get_ident()


async def test_a_cancelled_query_ends_and_the_store_goes_on(opened: Opener) -> None:
    async with opened(inline=False) as storage:
        running = threading.Event()

        def endless(connection: sqlite3.Connection) -> None:
            running.set()
            connection.execute(ENDLESS).fetchone()

        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(storage.read, endless)
                await trio.to_thread.run_sync(running.wait)
                scope.cancel()
        assert scope.cancelled_caught
        storage.facts.remember("k", "1", 1)
        await storage.facts.settle()
        assert storage.facts.durable
        assert await storage.read(lambda connection: connection.execute("SELECT 1").fetchone()) == (1,)


async def test_writes_go_one_at_a_time_and_reads_beside_them() -> None:
    hands = Threads()
    release = threading.Event()
    order: list[str] = []

    def slow() -> None:
        release.wait()
        order.append("first")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(hands.write, slow)
        await trio.testing.wait_all_tasks_blocked(0.01)
        nursery.start_soon(hands.write, lambda: order.append("second"))
        await hands.read(lambda _: order.append("read"))
        release.set()
    assert order == ["read", "first", "second"]


async def test_what_a_job_raises_reaches_the_caller() -> None:
    def failing(_: object) -> None:
        raise LookupError("by the job")

    for hands in (Threads(), Inline()):
        with pytest.raises(LookupError, match="by the job"):
            await hands.read(failing)
        with pytest.raises(LookupError, match="by the job"):
            await hands.write(lambda: failing(None))
