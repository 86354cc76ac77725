"""What somebody with an agent's token, or a little more, can try, replayed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import trio

from gateway.access.enrolment import DEFAULT_SCOPES
from gateway.core.audit import AuditOutcome
from tests.gateway.api.agent import Agent
from tests.gateway.api.rig import Rig, rpc_body

RPC = "/api/v1/rpc"
WRITING = [*DEFAULT_SCOPES, "devices:write"]
WRITE = {"tag": "bus/meter/power", "value": 21.5}


class Held:
    """A request whose body comes only when it is let go."""

    def __init__(self, agent: Agent, body: object) -> None:
        self._agent, self._body = agent, body
        self._begun, self._go = trio.Event(), trio.Event()
        self.answer: httpx.Response | None = None

    async def _content(self) -> AsyncIterator[bytes]:
        self._begun.set()
        await self._go.wait()
        yield json.dumps(self._body).encode()

    async def _send(self) -> None:
        headers = {**self._agent.bearer, "Content-Type": "application/json"}
        self.answer = await self._agent.client.post(RPC, content=self._content(), headers=headers)

    async def around(self, between: Any) -> httpx.Response:
        """Send the headers, have something happen, send the body."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._send)
            await self._begun.wait()
            await between()
            self._go.set()
        assert self.answer is not None
        return self.answer


async def test_a_revocation_ends_requests_whose_body_is_still_on_its_way(rig: Rig) -> None:
    agent = Agent(rig, scopes=WRITING)
    await agent.register()

    async def revoke() -> None:
        async with rig.in_memory() as client:
            client.headers.update(rig.bearer("agents:write"))
            answer = await client.post(RPC, json=rpc_body("agent.revoke", {"agentId": agent.agent_id}))
            assert answer.json()["result"]["revoked"]

    response = await Held(agent, rpc_body("tag.write", WRITE)).around(revoke)
    assert (response.status_code, response.json()["error"]["code"]) == (401, -32001)
    assert rig.field.written == []
    [noted] = rig.audit.of("auth.token")
    assert noted.details["method"] == "tag.write"


async def test_a_stolen_token_does_not_renew_itself_past_the_registration_that_voids_it(rig: Rig) -> None:
    agent = Agent(rig)
    await agent.register()
    rig.board.set(rig.board.wall + 3000)
    thief = Held(agent, rpc_body("agent.heartbeat", {"agentId": agent.agent_id, "renew": True}))

    async def register() -> None:
        await agent.register()

    answer = (await thief.around(register)).json()
    assert answer["error"]["code"] == -32001
    assert "token" not in json.dumps(answer.get("result", {}))


async def test_a_revocation_ends_a_batch_under_way(rig: Rig) -> None:
    agent = Agent(rig, scopes=[*WRITING, "agents:write"])
    await agent.register()
    batch = [rpc_body("agent.revoke", {"agentId": agent.agent_id}), rpc_body("tag.write", WRITE, 2)]
    answers = (await agent.client.post(RPC, json=batch, headers=agent.bearer)).json()
    assert [("result" in answer, answer.get("error", {}).get("code")) for answer in answers] == [
        (True, None),
        (False, -32001),
    ]
    assert rig.field.written == []


async def test_a_registration_does_not_count_again_after_a_restart(rig: Rig) -> None:
    agent = Agent(rig)
    await agent.register()
    card = agent.card()
    captured = agent.headers(card)
    assert (await agent.try_to_register(card, captured)).status_code == 200
    again = rig.restarted()
    replay = Agent(again)
    response = await replay.try_to_register(card, captured)
    assert response.status_code == 401
    assert "used before" in response.json()["error"]["data"]["reason"]


async def test_an_enrolment_ends_what_the_agent_had_even_if_it_was_dropped(rig: Rig) -> None:
    old = Agent(rig, scopes=WRITING)
    await old.register()
    rig.agents.directory.registry.unregister(old.agent_id)
    fresh = Agent(rig)
    await fresh.register()
    # Its token, and with its key the way back to what it was once allowed, are gone.
    assert (await old.call("tag.write", **WRITE))["error"]["code"] == -32001
    rig.agents.directory.registry.unregister(old.agent_id)
    assert (await old.try_to_register()).status_code == 401
    assert (await fresh.try_to_register()).status_code == 200


async def test_who_misnames_itself_writes_no_rows_of_its_own_making(rig: Rig) -> None:
    agent = Agent(rig)
    await agent.register()
    for method in ("gateway.stop", "audit.changed", "x\ny"):
        body = rpc_body(method, {})
        response = await agent.client.post(RPC, json=body, headers={**agent.bearer, "X-Agent-ID": "hvac-1"})
        assert response.json()["error"]["code"] == -32002
    noted = [entry for entry in rig.audit.entries if entry.outcome is AuditOutcome.DENIED]
    assert [(entry.action, entry.details["method"]) for entry in noted] == [
        ("auth.token", "gateway.stop"),
        ("auth.token", "audit.changed"),
        ("auth.token", "x\ny"),
    ]
    # Whose token it was is told beside the name that was claimed.
    assert {entry.subject for entry in noted} == {"hvac-1"}
    assert all(agent.agent_id in str(entry.details["reason"]) for entry in noted)


async def test_a_long_card_does_not_hide_with_which_key_it_came(rig: Rig) -> None:
    agent = Agent(rig)
    capabilities = [
        {"id": f"{number:02}-{'x' * 40}", "name": "x", "description": "", "category": "x", "version": "1.0.0"}
        for number in range(55)
    ]
    await agent.register(agent.card(capabilities=capabilities))
    [noted] = rig.audit.of("agent.register")
    assert noted.details["kid"] == agent.kid
    assert noted.details["issued"]
    assert noted.details["capabilityCount"] == 55


async def test_an_enrolment_does_nothing_but_register(rig: Rig) -> None:
    agent = Agent(rig)
    assert (await agent.call("server.info"))["error"]["code"] == -32002


@pytest.mark.parametrize("pdu", ["  ", "\n\n"])
async def test_a_request_of_nothing_is_a_mistake_of_the_caller(rig: Rig, pdu: str) -> None:
    async with rig.in_memory() as client:
        params = {"line": "bus", "lease": "x", "unit": 1, "pdu": pdu}
        answer = (await client.post(RPC, json=rpc_body("line.exchange", params))).json()
    assert (answer["error"]["code"], answer["error"]["data"]["field"]) == (-32602, "pdu")


async def test_one_enrolment_used_twice_at_once_registers_once(rig: Rig) -> None:
    agent = Agent(rig)
    codes: list[int] = []

    async def register() -> None:
        codes.append((await agent.try_to_register()).status_code)

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(register)
    assert sorted(codes) == [200, 401, 401, 401, 401]
    assert len(rig.audit.of("agent.register")) == 1


async def test_a_signature_that_went_along_with_another_call_registers_nobody(rig: Rig) -> None:
    agent = Agent(rig)
    await agent.register()
    card = agent.card()
    captured = agent.headers(card)
    for _ in range(2):
        response = await agent.client.post(RPC, json=rpc_body("agent.list"), headers=captured)
        assert response.status_code == 200
    response = await agent.try_to_register(card, captured)
    assert response.status_code == 401
    assert "used before" in response.json()["error"]["data"]["reason"]
    assert (await agent.try_to_register(card)).status_code == 200
