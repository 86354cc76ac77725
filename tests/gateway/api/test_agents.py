"""Agents register, live, renew and go, and nobody does that for them who may not."""

from __future__ import annotations

import httpx
import pytest
import trio
from trio.testing import MockClock

from gateway.core.audit import AuditOutcome
from gateway.settings.model import LimitSettings
from tests.gateway.api.agent import Agent
from tests.gateway.api.fakes import NOON
from tests.gateway.api.rig import Rig, call, error, result


async def test_an_agent_registers_and_is_listed(rig: Rig) -> None:
    rig.board.set(NOON)
    agent = Agent(rig)
    answer = await agent.register()
    assert answer == {
        "registered": True,
        "agentId": "temp-sensor-001",
        "token": agent.token,
        "expiresAt": "2027-01-15T09:00:00.000Z",
    }
    listed = (await agent.call("agent.list"))["result"]
    assert listed["total"] == 1
    assert listed["agents"][0]["status"] == "active"
    assert listed["agents"][0]["lastSeen"] == "2027-01-15T08:00:00.000Z"
    assert listed["agents"][0]["capabilities"] == ["temperature-read"]
    health = (await agent.client.get("/api/v1/health")).json()["result"]
    assert health["agents"] == {"total": 1, "active": 1, "healthy": 1}
    assert [event for event, _ in rig.told] == ["agent:registered"]
    [noted] = rig.audit.of("agent.register")
    assert (noted.kind, noted.subject, noted.target, noted.peer) == (
        "enrolment",
        "temp-sensor-001",
        "temp-sensor-001",
        "192.168.1.100",
    )
    assert agent.token not in repr(noted)
    assert "enrolledBy" not in noted.details


async def test_the_audit_log_tells_who_enrolled_an_agent(rig: Rig) -> None:
    agent = Agent(rig, by="anna")
    await agent.register()
    [noted] = rig.audit.of("agent.register")
    assert (noted.subject, noted.details["enrolledBy"]) == ("temp-sensor-001", "operator:anna")
    await agent.register()
    assert "enrolledBy" not in rig.audit.of("agent.register")[-1].details


async def test_an_enrolment_registers_once(rig: Rig) -> None:
    agent = Agent(rig)
    enrolment = agent.token
    await agent.register()
    agent.token = enrolment
    response = await agent.try_to_register()
    assert response.status_code == 401
    assert "was used" in response.json()["error"]["data"]["reason"]


async def test_a_registration_that_is_refused_leaves_the_enrolment_good(rig: Rig) -> None:
    agent = Agent(rig, capabilities=["other"])
    refused = await agent.try_to_register()
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, -32002)
    assert refused.json()["error"]["data"]["field"] == "agentCard.capabilities[0].id"
    await agent.register(agent.card(capabilities=[]))


@pytest.mark.parametrize(
    ("changes", "status", "code", "words"),
    [
        ({"Authorization": None}, 401, -32001, "no token"),
        ({"X-Agent-ID": None}, 401, -32001, "X-Agent-ID is missing"),
        ({"X-Agent-ID": "another"}, 403, -32002, "X-Agent-ID must be"),
        ({"X-Agent-Signature": None}, 401, -32001, "X-Agent-Signature is missing"),
        ({"X-Agent-Signature": "e30..AAAA"}, 401, -32001, "X-Agent-Signature"),
    ],
)
async def test_a_registration_takes_token_id_and_signature(
    rig: Rig, changes: dict[str, str | None], status: int, code: int, words: str
) -> None:
    agent = Agent(rig)
    response = await agent.try_to_register(headers=changes)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert words in response.json()["error"]["data"]["reason"]
    assert rig.agents.directory.counts().total == 0
    [noted] = rig.audit.of("auth.token" if code == -32001 else "agent.register")
    assert noted.outcome is AuditOutcome.DENIED
    await agent.register()


async def test_an_operator_does_not_register_agents(rig: Rig) -> None:
    agent = Agent(rig)
    response = await agent.try_to_register(headers=rig.bearer("*"))
    assert (response.status_code, response.json()["error"]["code"]) == (403, -32002)
    assert "enrol" in response.json()["error"]["data"]["reason"]


async def test_an_enrolment_opens_nothing_but_registration(rig: Rig) -> None:
    agent = Agent(rig, scopes=["*"])
    for method, params in (
        ("agent.list", {}),
        ("agent.heartbeat", {"agentId": agent.agent_id}),
        ("agent.unregister", {"agentId": agent.agent_id}),
        ("discovery.announce", {"service": {}}),
        ("tag.list", {}),
    ):
        error = (await agent.call(method, **params))["error"]
        assert error["code"] == -32002
        assert "register first (agent.register)" in error["data"]["reason"]


async def test_the_card_of_another_is_not_registered(rig: Rig) -> None:
    agent = Agent(rig)
    response = await agent.try_to_register(agent.card(agentId="another"))
    assert (response.status_code, response.json()["error"]["code"]) == (403, -32002)


async def test_a_public_endpoint_is_the_seeds_security_error(rig: Rig) -> None:
    agent = Agent(rig)
    endpoint = {"protocol": "https", "host": "8.8.8.8", "port": 8443, "path": "/api/v1"}
    response = await agent.try_to_register(agent.card(endpoints=[endpoint]))
    assert response.status_code == 403
    assert "www-authenticate" not in response.headers
    assert response.json()["error"] == {
        "code": -32003,
        "message": "RFC-1918 violation",
        "data": {
            "field": "agentCard.endpoints[0].host",
            "address": "8.8.8.8",
            "reason": "Public IP addresses are not allowed",
            "allowedRanges": ["192.168.0.0/16", "10.0.0.0/8", "172.16.0.0/12", "127.0.0.0/8"],
        },
    }


async def test_at_the_most_agents_the_next_is_told(tmp_path_factory: pytest.TempPathFactory) -> None:
    rig = Rig(tmp_path_factory.mktemp("state"), LimitSettings(max_agents=1))
    await Agent(rig).register()
    other = Agent(rig, "other")
    response = await other.try_to_register()
    assert (response.status_code, response.json()["error"]["code"]) == (503, -32007)
    assert response.json()["error"]["data"]["maxAgents"] == 1
    assert int(response.headers["retry-after"]) >= 1


async def test_registered_anew_the_old_token_is_void(rig: Rig) -> None:
    agent = Agent(rig)
    await agent.register()
    old = agent.token
    await agent.register(agent.card(name="Another name"))
    assert agent.token != old
    assert (await agent.call("agent.list"))["result"]["agents"][0]["name"] == "Another name"
    new, agent.token = agent.token, old
    assert (await agent.call("agent.list"))["error"]["code"] == -32001
    # It still tells who comes, along with a new signature.
    await agent.register()
    agent.token = new
    assert (await agent.call("agent.list"))["error"]["code"] == -32001


async def test_an_agent_that_was_off_comes_back_with_its_last_token(rig: Rig) -> None:
    agent = Agent(rig)
    await agent.register()
    rig.board.set(rig.board.wall + 86400)
    assert (await agent.call("agent.list"))["error"]["code"] == -32001
    await agent.register()
    assert (await agent.call("agent.list"))["result"]["total"] == 1


async def test_enrolled_anew_the_key_of_before_is_none(rig: Rig) -> None:
    agent = Agent(rig)
    await agent.register()
    old = (agent.token, agent.kid, agent.key)
    agent.enrol()
    await agent.register()
    assert (await agent.call("agent.list"))["result"]["total"] == 1
    agent.token, agent.kid, agent.key = old
    response = await agent.try_to_register()
    assert response.status_code == 401
    assert "another key" in response.json()["error"]["data"]["reason"]


async def test_a_heartbeat_is_acknowledged(rig: Rig) -> None:
    rig.board.set(NOON)
    agent = Agent(rig)
    await agent.register()
    answer = await agent.call(
        "agent.heartbeat", agentId=agent.agent_id, status="busy", metrics={"cpu": 45.2, "connections": 3}
    )
    assert answer["result"] == {"acknowledged": True, "nextHeartbeat": "2027-01-15T08:00:30.000Z"}
    listed = (await agent.call("agent.list"))["result"]["agents"][0]
    assert (listed["status"], listed["metrics"]) == ("busy", {"cpu": 45.2, "connections": 3})


async def test_a_heartbeat_may_bring_the_next_token(rig: Rig) -> None:
    agent = Agent(rig)
    await agent.register()
    first = agent.token
    early = await agent.call("agent.heartbeat", agentId=agent.agent_id, renew=True)
    assert "token" not in early["result"]
    rig.board.set(rig.board.wall + 3000)
    unasked = await agent.call("agent.heartbeat", agentId=agent.agent_id)
    assert "token" not in unasked["result"]
    answer = await agent.call("agent.heartbeat", agentId=agent.agent_id, renew=True)
    agent.token = answer["result"]["token"]
    assert (await agent.call("agent.list"))["result"]["total"] == 1
    agent.token = first
    assert (await agent.call("agent.list"))["result"]["total"] == 1


async def test_a_token_is_renewed_for_a_month_and_then_only_for_a_signature(
    rig: Rig, autojump_clock: MockClock
) -> None:
    rig.board.set(NOON)
    agent = Agent(rig)
    await agent.register()
    begun = rig.board.wall
    answer: dict[str, object] = {}
    while "registerAgain" not in answer:
        await trio.sleep(1)
        rig.board.set(rig.board.wall + 3000)
        answer = (await agent.call("agent.heartbeat", agentId=agent.agent_id, renew=True))["result"]
        agent.token = str(answer.get("token", agent.token))
    assert 30 <= (rig.board.wall - begun) / 86400 < 30.1
    assert "with a fresh signature" in str(answer["registerAgain"])
    # It is good to its end, for the registration too, and then the month begins anew.
    await agent.register()
    rig.board.set(rig.board.wall + 3000)
    assert "token" in (await agent.call("agent.heartbeat", agentId=agent.agent_id, renew=True))["result"]


async def test_an_agent_that_registers_all_the_time_does_not_wear_the_disk_out(
    rig: Rig, autojump_clock: MockClock
) -> None:
    agent = Agent(rig)
    await agent.register()
    rig.facts.urgent.clear()
    for _ in range(60):
        await trio.sleep(5)
        await agent.register()
    assert {kind for kind, _ in rig.facts.urgent} == {"agent_revoked", "nonce"}
    # The rig's run of the gateway stands still within its first hour.
    assert [kind for kind, _ in rig.facts.urgent].count("agent_revoked") == 19
    # What voids tokens counts at once all the same, and a new card is on the disk when it is answered.
    first = agent.token
    await agent.register(agent.card(name="Other"))
    assert ("agent", agent.agent_id) in rig.facts.urgent
    agent.token = first
    assert (await agent.call("agent.list"))["error"]["code"] == -32001


async def test_each_renewal_is_in_the_audit_log(rig: Rig) -> None:
    rig.board.set(NOON)
    agent = Agent(rig)
    await agent.register()
    rig.board.set(rig.board.wall + 3000)
    await agent.call("agent.heartbeat", agentId=agent.agent_id, renew=True)
    [noted] = rig.audit.of("agent.renew")
    assert (noted.subject, noted.target, noted.peer) == (agent.agent_id, agent.agent_id, agent.peer)
    assert noted.details["signed"] == "2027-01-15T08:00:00.000Z"
    assert noted.details["issued"] != noted.token_id


@pytest.mark.parametrize("method", ["agent.heartbeat", "agent.unregister"])
async def test_agents_act_for_themselves(rig: Rig, method: str) -> None:
    one, other = Agent(rig), Agent(rig, "other")
    await one.register()
    await other.register()
    refused = await one.call(method, agentId="other")
    assert (refused["error"]["code"], refused["error"]["data"]["requiredScope"]) == (-32002, "agents:write")
    async with rig.in_memory() as client:
        assert (await error(client, method, {"agentId": "other"}))["code"] == -32002
        asked = await client.delete("/api/v1/agents/other")
        assert asked.headers["www-authenticate"].endswith('error="insufficient_scope", scope="agents:write"')
        client.headers.update(rig.bearer("agents:write"))
        assert await result(client, method, {"agentId": "other"})
        assert (await error(client, method, {"agentId": "nobody"}))["code"] == -32005


async def test_an_unregistered_agent_is_gone_with_its_token(rig: Rig) -> None:
    agent = Agent(rig)
    await agent.register()
    assert (await agent.call("agent.unregister", agentId=agent.agent_id))["result"] == {
        "unregistered": True,
        "agentId": "temp-sensor-001",
    }
    assert (await agent.call("agent.list"))["error"]["code"] == -32001
    assert (await agent.try_to_register()).status_code == 401
    assert [noted.subject for noted in rig.audit.of("agent.unregister")] == ["temp-sensor-001"]
    agent.enrol()
    rig.board.set(rig.board.wall + 1)


async def test_an_operator_revokes_what_an_agent_has(rig: Rig) -> None:
    agent, waiting = Agent(rig), Agent(rig, "waiting")
    await agent.register()
    async with rig.in_memory() as client:
        client.headers.update(rig.bearer("agents:write", "agents:read"))
        answer = await result(client, "agent.revoke", {"agentId": agent.agent_id})
        assert answer == {"revoked": True, "agentId": agent.agent_id, "unregistered": True}
        answer = await result(client, "agent.revoke", {"agentId": "waiting"})
        assert answer == {"revoked": True, "agentId": "waiting", "unregistered": False}
        assert (await result(client, "agent.list"))["total"] == 0
        assert (await error(client, "agent.revoke", {"agentId": "no id at all"}))["code"] == -32602
    assert (await agent.call("agent.list"))["error"]["code"] == -32001
    assert (await agent.try_to_register()).status_code == 401
    assert (await waiting.try_to_register()).status_code == 401
    assert len(rig.audit.of("agent.revoke")) == 2


async def test_no_id_is_the_seeds_error(client: httpx.AsyncClient, rig: Rig) -> None:
    client.headers.update(rig.bearer("agents:write"))
    for method in ("agent.unregister", "agent.heartbeat", "agent.revoke"):
        assert (await call(client, method, {"agentId": ""}))["error"] == {
            "code": -32602,
            "message": "Invalid params",
            "data": {"field": "agentId", "reason": "Agent ID must be a non-empty string", "provided": ""},
        }


async def test_the_list_is_filtered_and_paged(rig: Rig, autojump_clock: MockClock) -> None:
    for agent_id in ("a", "b", "c"):
        await Agent(rig, agent_id).register()
    silent = Agent(rig, "silent")
    await silent.register(silent.card(capabilities=[]))
    async with rig.in_memory() as client:
        client.headers.update(rig.bearer("agents:read"))

        async def found(**params: object) -> list[str]:
            answer = await result(client, "agent.list", params)
            assert answer["total"] >= len(answer["agents"])
            return [agent["agentId"] for agent in answer["agents"]]

        assert await found(capability="temperature-read") == ["a", "b", "c"]
        assert await found(capability="temperature") == []
        assert await found(limit=2, offset=1) == ["b", "c"]
        assert await found(active=True) == ["a", "b", "c", "silent"]
        assert await found(active=False) == []
        assert (await error(client, "agent.list", {"limit": 0}))["data"]["field"] == "limit"
        assert (await error(client, "agent.list", {"capabilty": "x"}))["data"]["field"] == "capabilty"


async def test_the_card_of_an_agent_says_how_its_capabilities_are_used(rig: Rig) -> None:
    rig.board.set(NOON)
    agent, reader = Agent(rig), Agent(rig, "reader")
    card = agent.card(metadata={"hall": 3}, lastSeen="2001-01-01T00:00:00Z")
    await agent.register(card)
    await reader.register()
    response = await reader.client.get("/api/v1/agents/temp-sensor-001?id=1", headers=reader.bearer)
    assert response.json()["result"] == {"agentCard": card | {"lastSeen": "2027-01-15T08:00:00.000Z"}}
    unknown = await reader.client.get("/api/v1/agents/nobody", headers=reader.bearer)
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, -32005)


async def test_what_an_agent_says_of_itself_must_be_so(rig: Rig) -> None:
    agent = Agent(rig)
    await agent.register()
    body = {"jsonrpc": "2.0", "method": "agent.list", "id": 1}

    async def answer(**headers: str) -> dict[str, object]:
        response = await agent.client.post("/api/v1/rpc", json=body, headers=agent.bearer | headers)
        found: dict[str, object] = response.json()
        return found

    good = agent.sign(agent.card())
    assert "result" in await answer(**{"X-Agent-ID": agent.agent_id})
    assert "result" in await answer(**{"X-Agent-Signature": good})
    assert "result" in await answer(**{"X-Agent-Signature": good})
    wrong = await answer(**{"X-Agent-ID": "another"})
    assert wrong["error"]["code"] == -32002  # type: ignore[index] # an error object
    forged = await answer(**{"X-Agent-Signature": agent.sign(agent.card(name="Another"))})
    assert forged["error"]["code"] == -32001  # type: ignore[index] # an error object


async def test_an_operator_is_no_agent(rig: Rig, client: httpx.AsyncClient) -> None:
    agent = Agent(rig)
    await agent.register()
    operator = rig.bearer("*")
    for header in ({"X-Agent-ID": agent.agent_id}, {"X-Agent-Signature": agent.sign(agent.card())}):
        client.headers.update(operator)
        response = await client.get("/api/v1/agents", headers=header)
        assert response.status_code in {401, 403}
