"""Paths, verbs, types and headers: what stands around a call."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx
import pytest
import trio
from trio.testing import MockClock

from gateway.settings.model import LimitSettings
from tests.gateway.api.fakes import NOON
from tests.gateway.api.rig import Rig, call, post, rpc_body


async def test_info_is_the_seeds_example(client: httpx.AsyncClient) -> None:
    response = await client.get("/api/v1/info?id=1")
    assert response.status_code == 200
    assert response.json() == {
        "jsonrpc": "2.0",
        "id": 1,
        "result": {
            "server": {
                "name": "rig",
                "location": "boiler room",
                "version": "1.2.3",
                "protocolVersion": "1.0",
                "capabilities": ["agent-registry", "service-discovery", "serial-communication", "modbus-rtu"],
            },
            "security": {"rfc1918Enforced": True, "httpsOnly": True, "tokenRequired": True},
            "limits": {"maxAgents": 100, "maxConnections": 50, "requestsPerMinute": 1000},
        },
    }


async def test_health_is_the_seeds_example_measured(rig: Rig, autojump_clock: MockClock) -> None:
    rig.board.set(1752161400.0)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(rig.app), base_url="https://rig") as stranger:
        first = (await stranger.get("/api/v1/health?id=2")).json()
        autojump_clock.jump(100)
        second = (await stranger.get("/api/v1/health")).json()
    assert first == {
        "jsonrpc": "2.0",
        "id": 2,
        "result": {
            "status": "healthy",
            "timestamp": "2025-07-10T15:30:00.000Z",
            "uptime": 0,
            "agents": {"total": 0, "active": 0, "healthy": 0},
            "performance": {"averageResponseTime": None, "requestsPerSecond": None, "errorRate": None},
            "storage": {
                "durable": True,
                "writtenToday": 1234,
                "writeBudget": 200_000_000,
                "history": "everything",
                "rowsInMemory": 0,
                "oldestInMemory": None,
                "message": None,
            },
        },
    }
    assert second["id"] is None
    assert second["result"]["uptime"] == 100
    assert second["result"]["performance"] == {
        "averageResponseTime": 0.0,
        "requestsPerSecond": 0.01,
        "errorRate": 0.0,
    }


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (1, "1 row of history waits in memory, the oldest since 2027-01-15T08:00:00.000Z"),
        (312, "312 rows of history wait in memory, the oldest since 2027-01-15T08:00:00.000Z"),
    ],
)
async def test_health_says_what_is_in_memory_only(rig: Rig, stranger: httpx.AsyncClient, rows: int, words: str) -> None:
    rig.store.rows_waiting, rig.store.oldest_waiting = rows, NOON
    storage = (await stranger.get("/api/v1/health")).json()["result"]["storage"]
    assert storage["history"] == "everything"
    assert (storage["rowsInMemory"], storage["oldestInMemory"]) == (rows, "2027-01-15T08:00:00.000Z")
    assert storage["message"] == words


@pytest.mark.parametrize(
    ("query", "id_"),
    [("", None), ("?id=7", 7), ("?id=007", 7), ("?id=a7", "a7"), ("?id=", ""), ("?id=-1", "-1"), ("?id=٣", "٣")],
)
async def test_the_id_of_the_query_is_echoed(client: httpx.AsyncClient, query: str, id_: object) -> None:
    for path in ("info", "health"):
        assert (await client.get(f"/api/v1/{path}{query}")).json()["id"] == id_


async def test_an_endless_number_stays_text(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"/api/v1/info?id={'9' * 5000}")).json()["id"] == "9" * 5000


async def test_info_without_a_token_is_refused_with_status_401(stranger: httpx.AsyncClient) -> None:
    response = await stranger.get("/api/v1/info?id=9")
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert (response.json()["id"], response.json()["error"]["code"]) == (9, -32001)


async def test_a_fault_of_ours_on_a_path_has_status_500_and_shows_in_health(rig: Rig) -> None:
    rig.field.lines = None  # type: ignore[assignment,method-assign] # so that health itself falls
    async with rig.in_memory() as client:
        response = await client.get("/api/v1/health")
        assert response.status_code == 500
        assert response.json()["error"]["code"] == -32603
        del rig.field.lines  # health works again
        performance = (await client.get("/api/v1/health")).json()["result"]["performance"]
    assert performance["errorRate"] == 1.0


async def test_head_is_get_without_a_body(client: httpx.AsyncClient) -> None:
    assert (await client.head("/api/v1/health")).status_code == 200


@pytest.mark.parametrize(
    ("verb", "path", "allow"),
    [
        ("GET", "/api/v1/rpc", "POST"),
        ("PUT", "/api/v1/rpc", "POST"),
        ("POST", "/api/v1/info", "GET, HEAD"),
        ("DELETE", "/api/v1/health", "GET, HEAD"),
    ],
)
async def test_a_wrong_verb_is_told_the_right_one(client: httpx.AsyncClient, verb: str, path: str, allow: str) -> None:
    response = await client.request(verb, path)
    assert response.status_code == 405
    assert response.headers["allow"] == allow
    assert response.json()["error"]["code"] == -32601


@pytest.mark.parametrize("path", ["/api/v1", "/api/v1/", "/api/v1/nothing", "/api/v1/rpc/", "/api/v1/INFO"])
async def test_a_wrong_path_of_this_family_answers_json_rpc(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(path)
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/json"
    assert (response.json()["jsonrpc"], response.json()["error"]["code"]) == ("2.0", -32601)


@pytest.mark.parametrize("path", ["/", "/v1/plugins", "/api", "/api/v10/rpc", "/api/v2/rpc", "/favicon.ico"])
async def test_any_other_path_answers_a_problem(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(path)
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert (problem["title"], problem["status"], problem["type"]) == ("Not Found", 404, "/problems/not-found")
    assert path in problem["detail"]
    if not path.startswith("/v1/"):
        assert problem["detail"].endswith("The device API is at /api/v1/rpc, the plugin API under /v1.")


@pytest.mark.parametrize(
    ("headers", "accepted"),
    [
        ({"Content-Type": "application/json"}, True),
        ({"Content-Type": "Application/JSON; charset=UTF-8"}, True),
        ({"Content-Type": 'application/json;charset="utf-8"'}, True),
        ({"Content-Type": "application/json-rpc"}, True),
        ({"Content-Type": "application/json", "Content-Encoding": "identity"}, True),
        ({"Content-Type": "application/json; charset=latin-1"}, False),
        ({"Content-Type": "application/x-www-form-urlencoded"}, False),
        ({"Content-Type": "text/plain"}, False),
        ({}, False),
        ({"Content-Type": "application/json", "Content-Encoding": "gzip"}, False),
    ],
)
async def test_only_json_is_taken(client: httpx.AsyncClient, headers: dict[str, str], *, accepted: bool) -> None:
    response = await client.post("/api/v1/rpc", content=json.dumps(rpc_body("server.info")), headers=headers)
    assert response.status_code == (200 if accepted else 415)
    assert ("result" in response.json()) is accepted


async def test_the_limit_on_bodies_is_the_configured_one(tmp_path: Path) -> None:
    async with Rig(tmp_path, LimitSettings(body_size=100)).in_memory() as client:
        body = json.dumps(rpc_body("server.info")).encode()
        assert (await post(client, body.ljust(100))).status_code == 200
        response = await post(client, body.ljust(101))
        assert response.status_code == 413
        assert "longer than 100 bytes" in response.json()["error"]["data"]["reason"]
        assert "server" in (await call(client, "server.info"))["result"]


async def test_a_body_that_drips_is_given_up(rig: Rig, autojump_clock: MockClock) -> None:
    async def slow() -> object:
        for _ in range(100):
            await trio.sleep(1)
            yield b" "

    async with rig.in_memory() as client:
        response = await client.post(
            "/api/v1/rpc",
            content=slow(),  # type: ignore[arg-type] # an async iterator
            headers={"Content-Type": "application/json"},
        )
    assert response.status_code == 408


async def test_the_request_id_is_echoed_or_made(client: httpx.AsyncClient) -> None:
    for path in ("/api/v1/health", "/nowhere"):
        echoed = await client.get(path, headers={"X-Request-ID": "trace-1.A_b"})
        assert echoed.headers["x-request-id"] == "trace-1.A_b"
        for odd in ("", "a b", 'x"><script>', "x" * 129):
            made = (await client.get(path, headers={"X-Request-ID": odd})).headers["x-request-id"]
            assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", made)


async def test_no_answer_may_be_stored(client: httpx.AsyncClient) -> None:
    for path in ("/api/v1/health", "/api/v1/info", "/api/v1/rpc", "/api/v1/x", "/"):
        assert (await client.get(path)).headers["cache-control"] == "no-store"
