"""Rate limits as callers meet them: headers on every response, and what a refused call is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from trio.testing import MockClock

from gateway.api.asgi import Event, Scope
from gateway.settings.model import CapabilityLimit, LimitSettings
from tests.gateway.api.rig import Rig, read_response, rpc_body

JSON = {"Content-Type": "application/json"}
HEADERS = ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "x-ratelimit-window"]
DRAFT = ["ratelimit-policy", "ratelimit"]
RPC = "/api/v1/rpc"
FEW = LimitSettings(requests_per_minute=6, burst=3, anonymous_requests_per_minute=6, anonymous_burst=1)


@pytest.fixture
def few(tmp_path: Path) -> Callable[..., Rig]:
    def make(limits: LimitSettings = FEW) -> Rig:
        return Rig(tmp_path, limits)

    return make


REQUESTS: dict[str, tuple[int, str, str, dict[str, object]]] = {
    "result": (200, "POST", RPC, {"json": rpc_body("tag.list")}),
    "error": (200, "POST", RPC, {"json": rpc_body("tag.read", {"tags": ["no/such/tag"]})}),
    "batch": (200, "POST", RPC, {"json": [rpc_body("tag.list"), rpc_body("nothing")]}),
    "notification": (204, "POST", RPC, {"json": {"jsonrpc": "2.0", "method": "tag.list"}}),
    "no token": (401, "POST", RPC, {"json": rpc_body("tag.list"), "headers": {"Authorization": ""}}),
    "no JSON": (415, "POST", RPC, {"content": b"x"}),
    "too long": (413, "POST", RPC, {"content": b" " * 1_048_577, "headers": JSON}),
    "wrong verb": (405, "GET", RPC, {}),
    "no such path of the API": (404, "GET", "/api/v1/nothing", {}),
    "no such path": (404, "GET", "/nothing", {}),
    "health": (200, "GET", "/api/v1/health", {"headers": {"Authorization": ""}}),
    "info": (200, "GET", "/api/v1/info", {}),
}


@pytest.mark.parametrize("name", REQUESTS)
async def test_every_response_says_what_is_left(client: httpx.AsyncClient, rig: Rig, name: str) -> None:
    status, verb, path, more = REQUESTS[name]
    before = rig.board.wall
    response = await client.request(verb, path, **more)  # type: ignore[arg-type] # each has its own arguments
    assert response.status_code == status
    limit, remaining, reset, window = (int(response.headers[header]) for header in HEADERS)
    assert 0 <= remaining < limit
    assert before <= reset <= before + window
    assert window == 60
    assert all(header in response.headers for header in DRAFT)
    assert "retry-after" not in response.headers


async def test_a_call_too_many_is_told_when_to_come_again(few: Callable[..., Rig], mock_clock: MockClock) -> None:
    rig = few()
    async with rig.in_memory() as client:
        for _ in range(3):
            assert (await client.post(RPC, json=rpc_body("tag.list"))).status_code == 200
        response = await client.post(RPC, json=rpc_body("tag.list", id_="mine"))
        assert response.status_code == 429
        assert response.json() == {
            "jsonrpc": "2.0",
            "id": "mine",
            "error": {
                "code": -32004,
                "message": "Rate limit exceeded",
                "data": {
                    "reason": "too many requests (address): wait 10 s",
                    "limit": 6,
                    "window": 60,
                    "retryAfter": 10,
                },
            },
        }
        assert response.headers["retry-after"] == response.headers["x-ratelimit-retry-after"] == "10"
        assert response.headers["x-ratelimit-remaining"] == "0"
        mock_clock.jump(10)
        assert (await client.post(RPC, json=rpc_body("tag.list"))).status_code == 200


async def test_outside_the_api_the_refusal_is_a_problem_document(few: Callable[..., Rig]) -> None:
    async with few().in_memory() as client:
        for _ in range(3):
            await client.get("/elsewhere")
        response = await client.get("/elsewhere")
    assert response.status_code == 429
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
    assert response.headers["retry-after"] == response.headers["x-ratelimit-retry-after"]


@pytest.mark.parametrize("path", ["/api/v1/health", "/api/v1/nothing", "/nothing"])
async def test_strangers_have_their_own_limit_and_every_path_counts(few: Callable[..., Rig], path: str) -> None:
    rig = few()
    async with rig.in_memory() as client:
        for expected in (401, 429):
            response = await client.post(RPC, json=rpc_body("tag.list"), headers={"Authorization": "Bearer guess"})
            assert response.status_code == expected
        assert (await client.get(path, headers={"Authorization": ""})).status_code == 429
        assert (await client.post(RPC, json=rpc_body("tag.list"))).status_code == 200


async def test_the_items_of_a_batch_count_one_by_one(few: Callable[..., Rig]) -> None:
    async with few().in_memory() as client:
        response = await client.post(RPC, json=[rpc_body("tag.list", id_=number) for number in range(5)])
        assert response.status_code == 200
        answers = {answer["id"]: answer.get("error", {}).get("code") for answer in response.json()}
        assert answers == {0: None, 1: None, 2: None, 3: -32004, 4: -32004}
        assert response.headers["x-ratelimit-remaining"] == "0"
        # Nothing of it was done: HTTP says so as well.
        response = await client.post(RPC, json=[rpc_body("tag.list", id_=number) for number in range(5)])
        assert response.status_code == 429
        assert [answer["error"]["code"] for answer in response.json()] == [-32004] * 5
        assert response.headers["retry-after"] == str(response.json()[0]["error"]["data"]["retryAfter"])


async def test_a_refused_batch_of_notifications_still_has_an_answer(few: Callable[..., Rig]) -> None:
    async with few().in_memory() as client:
        quiet = [{"jsonrpc": "2.0", "method": "tag.list"}] * 3
        assert (await client.post(RPC, json=quiet)).status_code == 204
        response = await client.post(RPC, json=quiet)
    assert response.status_code == 429
    assert response.json()["error"]["code"] == -32004


async def test_a_refused_call_is_not_carried_out(few: Callable[..., Rig]) -> None:
    write = CapabilityLimit(name="tag.write", requests_per_minute=1)
    rig = few(LimitSettings(capabilities=(write,)))
    body = rpc_body("tag.write", {"tag": "bus/meter/power", "value": 1})
    async with rig.in_memory() as client:
        statuses = [(await client.post(RPC, json=body)).status_code for _ in range(3)]
        assert statuses == [200, 429, 429]
        assert len(rig.field.written) == 1
        assert (await client.post(RPC, json=rpc_body("tag.list"))).status_code == 200


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer guess"}, "devices:read"])
async def test_who_may_not_use_a_capability_cannot_use_up_its_limit(few: Callable[..., Rig], headers: object) -> None:
    rig = few(LimitSettings(capabilities=(CapabilityLimit(name="tag.write", requests_per_minute=10),)))
    body = rpc_body("tag.write", {"tag": "bus/meter/power", "value": 1})
    transport = httpx.ASGITransport(rig.app, client=("10.0.0.7", 1))
    given = rig.bearer(headers) if isinstance(headers, str) else headers
    async with httpx.AsyncClient(transport=transport, base_url="https://rig", headers=given) as stranger:  # type: ignore[arg-type] # headers as they are
        for _ in range(5):
            assert (await stranger.post(RPC, json=body)).json()["error"]["code"] in {-32001, -32002}
    async with rig.in_memory() as client:
        assert (await client.post(RPC, json=body)).json()["result"]["outcome"] == "confirmed"
        assert (await client.post(RPC, json=body)).status_code == 429


async def test_a_limit_of_a_method_holds_on_its_own_path_too(few: Callable[..., Rig]) -> None:
    rig = few(LimitSettings(capabilities=(CapabilityLimit(name="server.info", requests_per_minute=10),)))
    async with rig.in_memory() as client:
        assert (await client.get("/api/v1/info?id=7")).status_code == 200
        response = await client.get("/api/v1/info?id=7")
        assert (response.status_code, response.json()["id"]) == (429, 7)


@pytest.mark.parametrize("length", [b"20000", None])
async def test_of_a_refused_caller_long_bodies_are_not_read(few: Callable[..., Rig], length: bytes | None) -> None:
    rig = few()
    async with rig.in_memory() as client:
        await client.post(RPC, json=[rpc_body("tag.list")] * 3)
    sent: list[Event] = []

    async def receive() -> Event:
        raise AssertionError("the body was read")

    async def send(event: Event) -> None:
        sent.append(event)

    headers = [(b"content-type", b"application/json"), (b"authorization", rig.bearer()["Authorization"].encode())]
    if length is not None:
        headers.append((b"content-length", length))
    scope: Scope = {"type": "http", "path": RPC, "method": "POST", "client": ("127.0.0.1", 1), "headers": headers}
    await rig.app(scope, receive, send)
    start, body = sent
    assert start["status"] == 429
    assert (b"connection", b"close") in start["headers"]
    assert json.loads(body["body"])["id"] is None
    assert rig.rates.refused == {"address": 1}


async def test_a_reload_changes_the_limits_in_force(few: Callable[..., Rig]) -> None:
    rig = few()
    async with rig.in_memory() as client:
        rig.rates.follow(LimitSettings(requests_per_minute=50, burst=4, body_size=1024))
        response = await client.post(RPC, json=rpc_body("server.info"))
        assert response.json()["result"]["limits"]["requestsPerMinute"] == 50
        assert response.headers["x-ratelimit-limit"] == "50"
        assert response.headers["x-ratelimit-remaining"] == "3"
        assert (await client.post(RPC, content=b" " * 1025, headers=JSON)).status_code == 413


async def test_over_the_wire_the_limit_is_of_the_peer_address(few: Callable[..., Rig]) -> None:
    rig = few()
    async with rig.served(), rig.client() as client:
        statuses = [(await client.get("/api/v1/info")).status_code for _ in range(4)]
        assert statuses == [200, 200, 200, 429]


async def test_a_flood_of_strangers_from_everywhere_costs_a_known_caller_nothing(rig: Rig) -> None:
    statuses: set[int] = set()
    async with rig.in_memory() as known:
        for host in range(1, 200):
            transport = httpx.ASGITransport(rig.app, client=(f"10.0.0.{host}", 1))
            async with httpx.AsyncClient(transport=transport, base_url="https://rig") as stranger:
                for _ in range(3):
                    response = await stranger.post(RPC, json=rpc_body("tag.list"))
                    statuses.add(response.status_code)
            if host % 10 == 0:
                assert (await known.post(RPC, json=rpc_body("tag.list"))).status_code == 200
    assert statuses == {401, 429}


UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
EARLY: dict[str, tuple[bytes, bytes]] = {
    "no HTTP": (b"400", b"nonsense\r\n\r\n"),
    "another version": (b"505", b"GET / HTTP/2.0\r\nHost: localhost\r\n\r\n"),
    "too long a header": (b"431", b"GET / HTTP/1.1\r\nHost: localhost\r\nx: " + b"y" * 20_000 + b"\r\n\r\n"),
    "a foreign name": (b"421", b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n"),
    "a foreign page": (
        b"403",
        b"OPTIONS / HTTP/1.1\r\nHost: localhost\r\nOrigin: https://a.b\r\nAccess-Control-Request-Method: POST\r\n\r\n",
    ),
    "a WebSocket": (
        b"403",
        UPGRADE,
    ),
}


@pytest.mark.parametrize("name", EARLY)
async def test_what_never_reaches_the_application_counts_and_says_what_is_left(rig: Rig, name: str) -> None:
    status, sent = EARLY[name]
    async with rig.served():
        for left in (29, 28):
            async with await rig.connect() as stream:
                await stream.send_all(sent)
                head = (await read_response(stream)).lower().partition(b"\r\n\r\n")[0].split(b"\r\n")
            assert head[0].split()[1] == status
            assert head.count(b"x-ratelimit-remaining: %d" % left) == 1
            assert b"x-ratelimit-limit: 30" in head


async def test_an_answer_of_the_application_is_counted_once(rig: Rig) -> None:
    async with rig.served(), rig.client() as client:
        response = await client.get("/api/v1/info")
        assert response.headers.get_list("x-ratelimit-remaining") == ["99"]
