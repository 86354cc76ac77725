"""Events and messages through the real journal onto a real disk: what was acknowledged is there after a restart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import httpx
import trio

from gateway.api.rest.ports import EventParts
from gateway.api.rest.table import plugin_routes
from gateway.core.alerts import Alerts
from gateway.core.bus import Bus
from gateway.core.events import Event, EventSource
from gateway.core.roster import Roster
from gateway.events.charges import Charges
from gateway.events.journal import Journal
from gateway.events.messages import Messages
from gateway.events.publishers import Publishers
from gateway.events.shares import Shares
from tests.gateway.api.agent import Agent
from tests.gateway.api.registry import Plugins
from tests.gateway.api.rig import Rig
from tests.gateway.api.services import Services
from tests.gateway.storage.event_making import store_in


class Known:
    """A roster of everybody but one."""

    def get(self, agent: str) -> object:
        return None if agent == "nobody" else agent


@dataclass
class Real(Services):
    """Journal, log and mailbox are real; webhooks and alarms are not."""

    real: EventParts | None = None

    @property
    def parts(self) -> EventParts:
        assert self.real is not None
        return self.real


@asynccontextmanager
async def gateway(disk: Path, state: Path, number: int) -> AsyncIterator[Rig]:
    """A gateway whose events are kept in a directory, with numbers from one on."""
    rig = Rig(state)
    board = rig.board
    async with store_in(disk) as store, trio.open_nursery() as nursery:
        source = EventSource("rig", board.timeline, number, reserve=lambda _: None, stride=1000)
        alerts = Alerts(board.timeline.now, lambda _, __: None, lambda: "alert-1")
        journal = Journal(source, Bus[Event](), store.log, alerts)
        nursery.start_soon(journal.run)
        charges = Charges(Shares(1_000_000, 86400, rig.facts, board.timeline.now), alerts)
        publishers = Publishers(journal, charges, rig.audit, board.timeline.now)
        messages = Messages(journal, store.mailbox, cast("Roster", Known()), charges, board.timeline.now)
        services = Real()
        services.real = EventParts(
            door=publishers, history=store.log, messages=messages, alarms=services.alarms, webhooks=services.webhooks
        )
        yield Rig(state, routes=plugin_routes(services.parts, Plugins(state).parts), services=services)
        nursery.cancel_scope.cancel()


async def test_what_was_acknowledged_is_there_after_a_restart(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    event = {"event_type": "user:action", "payload": {"n": 1, "large": 2**63}, "routing_key": "a.b"}
    async with gateway(disk, tmp_path, 0) as rig, rig.in_memory() as client:
        client.headers.update(rig.bearer("*"))
        published = (await client.post("/v1/events", json={"data": event})).json()["data"]
        body = {"data": {"to_agent": "temp-sensor-001", "content": "hello", "priority": "regular"}}
        first = (await client.post("/v1/messages", json=body)).json()["data"]
        agent = Agent(rig)
        await agent.register()
        [read] = (await agent.call("agent.messages"))["result"]["messages"]
        assert (read["messageId"], read["fromAgent"], read["content"]) == (first["message_id"], "operator", "hello")
        assert (await agent.call("agent.acknowledge", messageId=read["messageId"]))["result"]["acknowledged"] is True
        second = (await client.post("/v1/messages", json=body)).json()["data"]
    async with gateway(disk, tmp_path, 1000) as rig, rig.in_memory() as client:
        client.headers.update(rig.bearer("*"))
        rows = (await client.get("/v1/events")).json()["data"]
        assert [row["type"] for row in rows] == ["user:action", "message:received", "message:received"]
        assert (rows[0]["id"], rows[0]["data"]) == (published["event_id"], event["payload"])
        waiting = (await client.get("/v1/messages")).json()["data"]
        assert [row["message_id"] for row in waiting] == [second["message_id"]]


async def test_who_is_nobody_gets_no_message(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    async with gateway(disk, tmp_path, 0) as rig:
        transport = httpx.ASGITransport(rig.app)
        async with httpx.AsyncClient(transport=transport, base_url="https://rig", headers=rig.bearer("*")) as client:
            body = {"data": {"to_agent": "nobody", "content": "hello"}}
            response = await client.post("/v1/messages", json=body)
    assert (response.status_code, response.json()["errors"][0]["source"]) == (422, {"pointer": "/data/to_agent"})
