"""The journal and messages on the real file of events, over a restart."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from gateway.core.alerts import Alerts
from gateway.core.bus import Bus
from gateway.core.events import Event, EventSource
from gateway.core.principal import Kind, Principal
from gateway.core.timeline import Timeline
from gateway.events.charges import Charges
from gateway.events.journal import Journal
from gateway.events.messages import Messages
from gateway.events.shares import Shares
from gateway.storage import Boot, StoreSettings, open_storage
from gateway.storage.event_store import EventStore, open_events
from tests.gateway.events.board import Disk
from tests.gateway.events.desk import Post

ONE = Principal("one", frozenset({"messaging:write"}), Kind.AGENT, "t")
TWO = Principal("two", frozenset({"messaging:read"}), Kind.AGENT, "t")


@asynccontextmanager
async def run(state: Path, used: int = 0) -> AsyncIterator[tuple[Journal, Messages, EventStore]]:
    """One run of what keeps events, on a state directory."""
    async with (
        open_storage(
            state,
            settings=StoreSettings(),
            monotonic=trio.current_time,
            wall=time.time,
            boot=Boot("boot", lambda: 1.0),
            announce=lambda *_: None,
        ) as storage,
        open_events(storage, wall=time.time, used=used) as store,
        trio.open_nursery() as nursery,
    ):
        timeline = Timeline(trio.current_time, time.time, lambda: True)
        source = EventSource("gw", timeline, used, reserve=lambda _: None, stride=1000)
        bus: Bus[Event] = Bus()
        alerts = Alerts(timeline.now, lambda *_: None, lambda: "alert")
        journal = Journal(source, bus, store.log, alerts)
        nursery.start_soon(journal.run)
        charges = Charges(Shares(64_000_000, 604_800.0, storage.facts, timeline.now), alerts)
        yield journal, Messages(journal, store.mailbox, Post(Disk()), charges, timeline.now), store
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("priority", ["low", "regular", "urgent"])
async def test_what_was_taken_is_there_after_a_restart(tmp_path: Path, priority: str) -> None:
    async with run(tmp_path) as (journal, messages, _):
        event = await journal.accept("user:action", {"a": [1, None, "é"]}, routing_key="x.y")
        sent = await messages.send(ONE, "two", "hello", priority=priority)
        journal.announce("device:down", {"line": "bus", "device": "pump", "unit": 1, "reason": "no_answer"})
    async with run(tmp_path, used=journal.published) as (journal, messages, store):
        found = await store.log.after(0, 10)
        assert [one.type for one in found] == ["user:action", "message:received", "device:down"]
        assert found[0] == event
        (message,) = await messages.pull(TWO)
        assert (message.id, message.content, message.priority) == (sent.id, "hello", sent.priority)
        assert message.expires == pytest.approx(sent.expires, abs=0.01)
        assert (await messages.acknowledge(TWO, sent.id)).acknowledged is not None
        assert await messages.pull(TWO) == []
        assert await journal.watch(0) == found[-1].sequence
        assert (await journal.accept("user:action", {})).sequence > found[-1].sequence
