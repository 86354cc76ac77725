"""Paths that stand for one method: their verbs, where parameters may stand, and that they agree (D-020 to D-026)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx
import pytest

from gateway.agents.grant import Grant
from gateway.api.seed_paths import ROUTES, find, method_of
from gateway.api.test_profile.profile import TestProfile
from tests.gateway.agents.board import sound
from tests.gateway.api.rig import Rig, read_response, rpc_body

JSON = {"Content-Type": "application/json"}
AGENTS = "/api/v1/agents"
ONE = f"{AGENTS}/temp-sensor-001"


@pytest.fixture
async def api(rig: Rig) -> AsyncIterator[httpx.AsyncClient]:
    """Calls with a token for everything, past the models of the test profile, where one agent is registered."""
    rig.agents.directory.registry.register(sound(), Grant())
    rig.agents.directory.registry.register(sound("other", capabilities=[]), Grant())
    app = TestProfile(rig.app, method_of)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="https://rig", headers=rig.bearer("*")
    ) as client:
        yield client


async def send(
    api: httpx.AsyncClient, verb: str, path: str, body: object = None, headers: dict[str, str] | None = None
) -> httpx.Response:
    content = None if body is None else json.dumps(body).encode()
    return await api.request(verb, path, content=content, headers=(JSON if body is not None else {}) | (headers or {}))


def ids(response: httpx.Response) -> list[str]:
    assert response.status_code == 200, response.text
    return [agent["agentId"] for agent in response.json()["result"]["agents"]]


async def test_parameters_stand_in_the_query(api: httpx.AsyncClient) -> None:
    assert ids(await api.get(AGENTS)) == ["temp-sensor-001", "other"]
    assert ids(await api.get(AGENTS, params={"capability": "temperature-read"})) == ["temp-sensor-001"]
    assert ids(await api.get(f"{AGENTS}?active=true&limit=1&offset=1")) == ["other"]
    assert ids(await api.get(f"{AGENTS}?active=false")) == []
    response = await api.get(f"{AGENTS}?id=7")
    assert response.json()["id"] == 7
    assert (await api.get(f"{AGENTS}?id=a%20b")).json()["id"] == "a b"
    assert (await api.get(AGENTS)).json()["id"] is None


@pytest.mark.parametrize(
    ("query", "field", "provided"),
    [
        ("active=yes", "active", "yes"),
        ("limit=x", "limit", "x"),
        ("limit=0", "limit", 0),
        ("capabilty=a", "capabilty", "a"),
        ("capability=a&capability=b", "capability", "b"),
        ("&".join(f"a{number}=1" for number in range(40)), "query", None),
    ],
)
async def test_a_query_that_is_wrong_says_where(
    api: httpx.AsyncClient, query: str, field: str, provided: object
) -> None:
    response = await api.get(f"{AGENTS}?{query}")
    fault = response.json()["error"]
    assert (response.status_code, fault["code"]) == (400, -32602)
    assert (fault["data"]["field"], fault["data"]["provided"]) == (field, provided)


async def test_a_body_with_get_must_agree_with_the_query(api: httpx.AsyncClient) -> None:
    body = rpc_body("agent.list", {"capability": "temperature-read"}, 4)
    assert ids(await send(api, "GET", AGENTS, body)) == ["temp-sensor-001"]
    assert ids(await send(api, "GET", f"{AGENTS}?capability=temperature-read", body)) == ["temp-sensor-001"]
    response = await send(api, "GET", f"{AGENTS}?capability=another", body)
    assert (response.status_code, response.json()["id"]) == (400, 4)
    assert response.json()["error"]["data"] == {
        "field": "capability",
        "reason": "must be what the query says: another",
        "provided": "temperature-read",
    }


async def test_the_path_names_the_agent_and_the_body_must_agree(api: httpx.AsyncClient) -> None:
    beat = rpc_body("agent.heartbeat", {"agentId": "temp-sensor-001"}, 6)
    assert (await send(api, "POST", f"{ONE}/heartbeat", beat)).json()["result"]["acknowledged"] is True
    unnamed = rpc_body("agent.heartbeat", {}, 6)
    assert (await send(api, "POST", f"{ONE}/heartbeat", unnamed)).json()["result"]["acknowledged"] is True
    response = await send(api, "POST", f"{AGENTS}/other/heartbeat", beat)
    assert (response.status_code, response.json()["id"]) == (400, 6)
    assert response.json()["error"]["data"] == {
        "field": "agentId",
        "reason": "must be what the path says: other",
        "provided": "temp-sensor-001",
    }
    assert (await send(api, "DELETE", f"{AGENTS}/other")).json()["result"]["unregistered"] is True
    gone = await send(api, "DELETE", f"{AGENTS}/other")
    assert (gone.status_code, gone.json()["error"]["code"]) == (404, -32005)


async def test_an_agent_may_be_called_like_a_path(rig: Rig, api: httpx.AsyncClient) -> None:
    rig.agents.directory.registry.register(sound("register"), Grant())
    assert (await api.delete(f"{AGENTS}/register")).json()["result"]["agentId"] == "register"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (rpc_body("agent.register", {}), 404, -32601),
        ([rpc_body("discovery.announce", {})], 400, -32600),
        ({"id": 1, "method": "discovery.announce"}, 400, -32600),
        ({"jsonrpc": "2.0", "id": 1}, 400, -32600),
        (rpc_body("discovery.announce", ["x"]), 400, -32602),
        (rpc_body("discovery.announce", {}), 400, -32602),
    ],
)
async def test_a_path_takes_its_own_method_once(api: httpx.AsyncClient, body: object, status: int, code: int) -> None:
    response = await send(api, "POST", "/api/v1/discovery/announce", body)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)


async def test_with_get_the_method_may_be_left_out(api: httpx.AsyncClient) -> None:
    body = {"jsonrpc": "2.0", "id": "x", "params": {"limit": 1}}
    response = await send(api, "GET", AGENTS, body)
    assert response.json()["id"] == "x"
    assert ids(response) == ["temp-sensor-001"]
    assert (await send(api, "GET", AGENTS, {"id": 1})).json()["error"]["code"] == -32600


async def test_a_notification_is_carried_out_and_not_answered(rig: Rig, api: httpx.AsyncClient) -> None:
    body = {"jsonrpc": "2.0", "method": "agent.unregister"}
    response = await send(api, "DELETE", ONE, body)
    assert (response.status_code, response.content) == (204, b"")
    assert rig.agents.directory.get("temp-sensor-001") is None
    assert (await send(api, "DELETE", ONE, body)).status_code == 204
    api.headers["Authorization"] = "Bearer x"
    assert (await send(api, "DELETE", ONE, body)).status_code == 401


async def test_who_has_no_token_is_told_nothing_else(stranger: httpx.AsyncClient) -> None:
    for verb, path, body in (
        ("GET", f"{AGENTS}?nonsense=1", None),
        ("POST", f"{ONE}/heartbeat", rpc_body("agent.heartbeat", {"agentId": "another"})),
        ("POST", "/api/v1/discovery/announce", rpc_body("no.such", {})),
        ("GET", "/api/v1/governor/analyses/analysis-001", None),
    ):
        response = await send(stranger, verb, path, body)
        assert (response.status_code, response.json()["error"]["code"]) == (401, -32001)
        assert response.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("verb", "path", "allow"),
    [
        ("PUT", AGENTS, "GET, HEAD"),
        ("POST", AGENTS, "GET, HEAD"),
        ("POST", ONE, "DELETE, GET, HEAD"),
        ("GET", f"{ONE}/heartbeat", "POST"),
        ("PUT", f"{AGENTS}/register", "POST"),
        ("DELETE", "/api/v1/governor/status", "GET, HEAD"),
        ("GET", "/api/v1/capabilities/modbus-rtu/invoke", "POST"),
    ],
)
async def test_a_path_says_which_verbs_it_takes(api: httpx.AsyncClient, verb: str, path: str, allow: str) -> None:
    response = await api.request(verb, path)
    assert response.status_code == 405
    assert response.headers["allow"] == allow
    assert response.json()["error"]["code"] == -32601


async def test_head_is_get_without_a_body(rig: Rig) -> None:
    async with rig.served(), rig.client() as client:
        client.headers.update(rig.bearer("*"))
        response = await client.head(AGENTS)
        assert (response.status_code, response.content) == (200, b"")
        assert int(response.headers["content-length"]) > 0


@pytest.mark.parametrize(
    "path", [f"{ONE}/x", "/api/v1/agents/", "/api/v1/agents/a/b/heartbeat", "/api/v1/capabilities"]
)
async def test_what_is_none_of_them_is_not_found(api: httpx.AsyncClient, path: str) -> None:
    response = await api.get(path)
    assert (response.status_code, response.json()["error"]["code"]) == (404, -32601)


async def test_an_unusual_body_is_short_and_is_json(api: httpx.AsyncClient) -> None:
    long = rpc_body("agent.list", {"capability": "x" * 17_000})
    response = await send(api, "GET", AGENTS, long)
    assert (response.status_code, response.headers["connection"]) == (413, "close")
    response = await api.request("GET", AGENTS, content=b"capability=x")
    assert response.status_code == 415
    # Where the reference shows none, it is not looked at.
    assert (await send(api, "GET", "/api/v1/info", {"nonsense": 1})).status_code == 200


async def test_an_unusual_body_says_how_long_it_is(rig: Rig) -> None:
    async with rig.served():
        token = rig.bearer("*")["Authorization"]
        head = (
            f"GET {AGENTS} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {token}\r\nContent-Type: application/json\r\n"
        )
        async with await rig.connect() as stream:
            await stream.send_all(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n")
            answer = await read_response(stream)
    assert answer.startswith(b"HTTP/1.1 411 ")
    assert b"Content-Length" in answer


async def test_each_path_of_the_reference_has_its_method(rig: Rig) -> None:
    for route in ROUTES:
        path = "/api/v1" + route.path.replace("{", "").replace("}", "")
        found = find(path, route.verb)
        assert found is not None
        assert found.route is route
        assert route.method in rig.methods
    assert len({route.path for route in ROUTES}) == 15


async def test_a_post_without_a_method_is_told_which_one_the_path_takes(api: httpx.AsyncClient) -> None:
    response = await send(api, "POST", f"{ONE}/heartbeat", {"jsonrpc": "2.0", "id": 7, "params": {}})
    assert (response.status_code, response.json()["id"]) == (400, 7)
    assert response.json()["error"]["data"]["reason"] == "method is missing: this path takes agent.heartbeat"
    response = await send(api, "POST", f"{ONE}/heartbeat", {"id": 7})
    assert response.json()["error"]["data"]["reason"] == 'jsonrpc must be "2.0"'
