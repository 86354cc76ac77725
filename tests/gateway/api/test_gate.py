"""Under which names the gateway is called, and from which web pages (D-070)."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from gateway.api.gate import Gate, host_name
from gateway.settings.model import LimitSettings, ServerSettings
from tests.gateway.api.rig import Rig, result, rpc_body
from tests.gateway.api.wire import Wire, echo, rest

PANEL = "https://panel.example.com"
NAMES = frozenset({"board", "192.168.1.7", "::1", "*.site.example"})


def gated(rig: Rig) -> httpx.AsyncClient:
    gate = Gate(rig.app, lambda: NAMES, (PANEL,), rig.board.timeline.now)
    return httpx.AsyncClient(transport=httpx.ASGITransport(gate), base_url="https://board", headers=rig.bearer())


@pytest.mark.parametrize(
    "host", ["board", "BOARD:3500", "board.", "192.168.1.7:1", "[::1]", "[0:0::1]:3500", "a.site.example"]
)
async def test_the_gateway_answers_to_its_names(rig: Rig, host: str) -> None:
    async with gated(rig) as client:
        for _ in range(2):
            assert (await client.get("/api/v1/health", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "board.evil.example",
        "192.168.1.8",
        "site.example",
        "a.b.site.example",
        "[::2]",
        "",
        "board:x",
        "[board]",
    ],
)
async def test_the_gateway_does_not_answer_to_others(rig: Rig, host: str) -> None:
    async with gated(rig) as client:
        rpc = await client.post("/api/v1/rpc", json=rpc_body("server.info"), headers={"Host": host})
        page = await client.get("/", headers={"Host": host})
    assert rpc.status_code == page.status_code == 421
    assert "[server] host_names" in rpc.json()["error"]["data"]["reason"]
    assert page.headers["content-type"] == "application/problem+json"
    assert page.json()["title"] == "Misdirected Request"


@given(st.binary(max_size=60))
def test_any_host_header_has_a_name_or_none(host: bytes) -> None:
    assert host_name(host) is None or host_name(host)


async def test_forwarded_headers_say_nothing(rig: Rig) -> None:
    claims = {
        "Forwarded": "for=127.0.0.1;host=board;proto=https",
        "X-Forwarded-Host": "board",
        "X-Forwarded-For": "127.0.0.1",
        "X-Real-IP": "127.0.0.1",
        "X-Original-URL": "/api/v1/health",
    }
    async with gated(rig) as client:
        refused = await client.get("/api/v1/health", headers={**claims, "Host": "evil.example"})
        assert refused.status_code == 421
        assert (await client.get("/nowhere", headers=claims)).status_code == 404


async def test_a_page_that_is_named_may_call(rig: Rig) -> None:
    async with gated(rig) as client:
        asked = await client.options(
            "/api/v1/rpc",
            headers={
                "Origin": PANEL,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Private-Network": "true",
            },
        )
        assert asked.status_code == 204
        assert asked.headers["access-control-allow-origin"] == PANEL
        assert asked.headers["access-control-allow-private-network"] == "true"
        allowed = asked.headers["access-control-allow-headers"].split(", ")
        assert {"authorization", "content-type", "if-match", "x-api-version"} <= set(allowed)
        answer = await client.post("/api/v1/rpc", json=rpc_body("server.info"), headers={"Origin": PANEL})
    assert answer.headers["access-control-allow-origin"] == PANEL
    assert answer.headers["vary"] == "origin"
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("origin", ["https://evil.example", "http://panel.example.com", f"{PANEL}:444", "null", "*"])
async def test_other_pages_may_not(rig: Rig, origin: str) -> None:
    async with gated(rig) as client:
        asked = await client.options("/api/v1/rpc", headers={"Origin": origin, "Access-Control-Request-Method": "POST"})
        assert asked.status_code == 403
        assert "[server] cors_origins" in asked.json()["error"]["data"]["reason"]
        # A browser keeps such an answer from the page.
        answer = await client.get("/api/v1/health", headers={"Origin": origin})
    assert not [name for name in (*asked.headers, *answer.headers) if name.startswith("access-control")]


def handshake(**headers: str) -> bytes:
    lines = {
        "Host": "127.0.0.1:3500",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        **headers,
    }
    return "\r\n".join(["GET / HTTP/1.1", *(f"{name}: {value}" for name, value in lines.items()), "", ""]).encode()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 101),
        ({"Origin": "https://127.0.0.1:3500"}, 101),
        ({"Origin": PANEL}, 101),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:3500"}, 403),
        ({"Host": "evil.example", "Origin": "https://evil.example"}, 421),
    ],
)
async def test_a_websocket_is_opened_by_pages_that_may(
    rig: Rig, nursery: trio.Nursery, headers: dict[str, str], status: int
) -> None:
    settings = ServerSettings(cors_origins=(PANEL,))
    stream = await Wire(rig, nursery, LimitSettings(), echo, settings).call()
    await stream.send_all(handshake(**headers))
    answer = bytes(await stream.receive_some())
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    if status != 101:
        body: Any = json.loads((answer + await rest(stream)).partition(b"\r\n\r\n")[2])
        assert body["status"] == status
        assert "[server] " in body["detail"]
    nursery.cancel_scope.cancel()


@pytest.mark.e2e
async def test_the_real_server_answers_to_its_certificates_names_and_those_it_was_given(rig: Rig) -> None:
    async with rig.served(server=ServerSettings(host_names=("Gateway.Example.com",))), rig.client() as client:
        assert await result(client, "server.info")
        for host, status in {
            "board.local": 200,
            "gateway.example.com:3500": 200,
            "localhost": 200,
            "10.99.0.1": 421,
            "evil.example": 421,
        }.items():
            assert (await client.get("/api/v1/health", headers={"Host": host})).status_code == status
        # The address of another interface becomes a name as soon as the certificate has it.
        await rig.tls.cover(["127.0.0.1", "10.99.0.1"])
        assert (await client.get("/api/v1/health", headers={"Host": "10.99.0.1"})).status_code == 200
