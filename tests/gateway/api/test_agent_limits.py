"""What one agent may ask is its own: by its id, whatever token it has (AL-01 to AL-12)."""

from __future__ import annotations

from pathlib import Path

import httpx
import trio
from trio.testing import MockClock

from gateway.settings.model import LimitSettings
from tests.gateway.api.agent import Agent
from tests.gateway.api.rig import Rig, rpc_body

RPC = "/api/v1/rpc"


async def test_an_agent_is_told_its_own_limit(rig: Rig, autojump_clock: MockClock) -> None:
    agent = Agent(rig)
    await agent.register()
    response = await agent.client.get("/api/v1/agents", headers=agent.bearer)
    assert response.headers["x-ratelimit-limit"] == "100"
    assert response.headers["x-ratelimit-window"] == "60"
    assert int(response.headers["x-ratelimit-remaining"]) < 20
    assert response.headers["ratelimit-policy"] == '"agent";q=100;w=60'


async def test_beyond_it_the_seeds_error_comes_and_a_new_token_is_no_fresh_start(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    rig = Rig(tmp_path, LimitSettings(agent_requests_per_minute=1, agent_burst=3))
    agent, other = Agent(rig), Agent(rig, "other")
    # Registering counts as well.
    await agent.register()
    await agent.register()
    assert (await agent.client.get("/api/v1/agents", headers=agent.bearer)).status_code == 200
    refused = await agent.client.get("/api/v1/agents?id=7", headers=agent.bearer)
    assert refused.status_code == 429
    wait = refused.headers["retry-after"]
    assert refused.json() == {
        "jsonrpc": "2.0",
        "id": 7,
        "error": {
            "code": -32004,
            "message": "Rate limit exceeded",
            "data": {
                "reason": f"too many requests (agent): wait {wait} s",
                "limit": 1,
                "window": 60,
                "retryAfter": int(wait),
            },
        },
    }
    assert (await agent.try_to_register()).status_code == 429
    assert [noted.subject for noted in rig.audit.of("rate.limit")] == ["temp-sensor-001"] * 2
    await other.register()
    async with rig.in_memory() as client:
        assert (await client.get("/api/v1/info")).status_code == 200


async def test_an_agent_has_so_many_requests_under_way(rig: Rig, autojump_clock: MockClock) -> None:
    agent, other = Agent(rig), Agent(rig, "other")
    await agent.register()
    await other.register()
    rig.field.read_takes = 10.0
    statuses: list[int] = []

    async def read(caller: Agent) -> httpx.Response:
        body = rpc_body("tag.read", {"tags": ["bus/meter/power"]})
        return await caller.client.post(RPC, json=body, headers=caller.bearer)

    async def note(caller: Agent) -> None:
        statuses.append((await read(caller)).status_code)

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(note, agent)
        await trio.sleep(1)
        refused = await read(agent)
        assert refused.status_code == 503
        assert refused.json()["error"]["code"] == -32007
        assert refused.json()["error"]["data"]["agentConnections"] == 5
        assert refused.headers["retry-after"] == "1"
        nursery.start_soon(note, other)
    assert statuses == [200] * 6
    assert (await read(agent)).status_code == 200
