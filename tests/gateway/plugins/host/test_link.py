"""The link over streams: answers find who asked, floods wait, and an end is heard by all."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from gateway.core.ports import Json
from gateway.plugins.host.link import GoneError, Link, RefusedError
from gateway.plugins.host.messages import Fault
from gateway.plugins.host.pace import Rate

from .fakes import FakeProcess


@dataclass
class Ends:
    link: Link
    process: FakeProcess
    overheard: list[str] = field(default_factory=list)


@asynccontextmanager
async def linked(**options: Any) -> AsyncIterator[Ends]:
    async def serve(method: str, params: Mapping[str, Json]) -> Json | Fault:
        await trio.sleep(1 if method == "slow" else 0)
        if method == "large":
            return "x" * 300_000
        return Fault(-32601, "no") if method == "wrong" else {"method": method}

    process = FakeProcess()
    overheard: list[str] = []
    link = Link(process.stdin, process.stdout, serve, overheard.append, **options)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(link.run)
        yield Ends(link, process, overheard)
        nursery.cancel_scope.cancel()


async def test_both_ask_and_both_answer(autojump_clock: MockClock) -> None:
    async with linked() as on, trio.open_nursery() as nursery:
        answers: list[object] = []

        async def ask() -> None:
            answers.append(await on.link.call("health", {}, 5))

        nursery.start_soon(ask)
        asked = await on.process.hear() or {}
        await on.process.say({"id": "x", "method": "read"})
        await on.process.say({"id": asked["id"], "result": 7})
        assert await on.process.hear() == {"jsonrpc": "2.0", "id": "x", "result": {"method": "read"}}
        await on.process.say({"id": 2, "method": "wrong"})
        assert (await on.process.hear() or {})["error"]["code"] == -32601
        await on.process.say({"id": 3, "method": "large"})
        assert "ask for less" in (await on.process.hear() or {})["error"]["message"]
    assert answers == [7]


async def test_errors_and_time_outs(autojump_clock: MockClock) -> None:
    async with linked() as on, trio.open_nursery() as nursery:

        async def refuse() -> None:
            asked = await on.process.hear() or {}
            await on.process.say({"id": asked["id"], "error": {"code": -1, "message": "not now"}})

        nursery.start_soon(refuse)
        with pytest.raises(RefusedError, match="not now"):
            await on.link.call("config", {}, 5)
        with pytest.raises(trio.TooSlowError):
            await on.link.call("config", {}, 5)
        asked = await on.process.hear() or {}
        await on.process.say({"id": asked["id"], "result": 1})
        await trio.sleep(0.1)
        assert on.link.conversation.counts.late == 1


async def test_an_end_is_heard_by_who_waits_and_who_comes_later(autojump_clock: MockClock) -> None:
    async with linked() as on:

        async def wait() -> None:
            with pytest.raises(GoneError):
                await on.link.call("health", {}, 100)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await trio.sleep(1)
            on.process.end(0)
        assert trio.current_time() < 5
        with pytest.raises(GoneError):
            await on.link.call("health", {}, 100)


async def test_who_does_not_read_is_not_answered_for_ever(autojump_clock: MockClock) -> None:
    async with linked() as on:
        on.process.reads.receive_some_hook = trio.sleep_forever
        for number in range(16):
            await on.process.say({"id": number, "method": "slow"})
        await on.process.say({"id": 99, "method": "slow"})
        await trio.sleep(0.1)
        assert on.link.conversation.counts.busy == 1
        await trio.sleep(2)
        assert on.link.conversation.asked == 0


async def test_a_flood_is_read_at_the_highest_pace(autojump_clock: MockClock) -> None:
    async with linked(rate=Rate(lines=10, bytes=1e6, burst=1)) as on:
        for _ in range(100):
            await on.process.say(b"babble")
            await trio.sleep(0.01)
        heard = len(on.overheard)
        assert heard <= 25
        await trio.sleep(100)
        assert len(on.overheard) == 100


async def test_notifications_are_not_answered(autojump_clock: MockClock) -> None:
    async with linked() as on:
        await on.process.say({"method": "wrong"})
        await on.process.say({"id": 1, "method": "read"})
        assert json.loads(json.dumps(await on.process.hear()))["id"] == 1
