"""The test profile: an echo, and no response that does not keep to its model."""

from __future__ import annotations

import json

import httpx
import pytest
import structlog
import trio
from wsproto.events import BytesMessage, CloseConnection, TextMessage

from gateway.api.asgi import Receive, Scope, Send
from gateway.api.results.table import RESULTS
from gateway.api.seed_paths import method_of
from gateway.api.test_profile.profile import ECHO, TestProfile, only_loopback, violations
from gateway.settings.model import LimitSettings
from tests.gateway.api.rig import Rig, call, result, rpc_body
from tests.gateway.api.wire import Socket, Wire

CALLS = [
    ("server.info", {}),
    ("server.health", {}),
    ("tag.list", {}),
    ("tag.read", {"tags": ["bus/meter/power", "bus/meter/run", "bus/dead/flow", "bus/dead/new"]}),
    ("tag.write", {"tag": "bus/meter/power", "value": 1}),
    ("tag.history", {"tag": "bus/meter/power", "start": 0, "end": 10}),
    ("tag.history", {"tag": "bus/meter/power", "start": 0, "end": 10, "resolution": "1m"}),
    ("modbus.read", {"line": "bus", "unit": 1, "table": "holding", "address": 0, "count": 2}),
    ("modbus.write", {"line": "bus", "unit": 1, "table": "holding", "address": 0, "values": [1]}),
    ("lease.list", {}),
    ("line.borrow", {"line": "bus", "seconds": 60}),
    ("line.return", {"line": "bus", "lease": "a-lease"}),
    ("line.exchange", {"line": "bus", "lease": "a-lease", "unit": 1, "pdu": "0300000001"}),
    ("line.traffic", {"line": "bus"}),
    ("serial.read", {"line": "scale"}),
    ("serial.write", {"line": "scale", "text": "x"}),
    ("agent.list", {}),
    ("discovery.services", {}),
    ("security.validateAddress", {"address": "8.8.8.8"}),
    ("security.validateCard", {"agentCard": {}}),
    ("governor.status", {}),
    ("governor.analyze", {"scope": "agents"}),
    ("governor.analyses", {}),
    ("governor.actions", {}),
    ("alert.list", {}),
    ("event.list", {}),
    ("agent.message", {"toAgent": "Agent-2", "content": "hello"}),
    ("agent.messages", {}),
    ("alarm.list", {}),
    ("alarm.ack", {"alarmId": "alarm-1", "comment": "seen"}),
]
# Their answers are held against their models in test_agents, test_capabilities, test_discovery, test_governors and
# test_messages.
ELSEWHERE = {
    "agent.acknowledge",
    "agent.register",
    "agent.card",
    "agent.heartbeat",
    "agent.unregister",
    "agent.revoke",
    "token.revoke",
    "discovery.announce",
    "discovery.withdraw",
    "governor.analysis",
    "capability.invoke",
}


def profiled(rig: Rig) -> httpx.AsyncClient:
    app = TestProfile(rig.app, method_of)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://rig", headers=rig.bearer("*"))


@pytest.mark.parametrize(("method", "params"), CALLS)
async def test_what_keeps_to_its_model_goes_through(rig: Rig, method: str, params: dict[str, object]) -> None:
    async with profiled(rig) as client:
        assert await result(client, method, params)


async def test_paths_batches_errors_and_notifications_go_through(rig: Rig) -> None:
    async with profiled(rig) as client:
        assert (await client.get("/api/v1/health?id=7")).json()["id"] == 7
        assert (await client.head("/api/v1/health")).status_code == 200
        assert (await client.get("/api/v1/nowhere")).status_code == 404
        batch = [
            rpc_body("server.info", id_=1),
            rpc_body("no.such", id_="a"),
            {"jsonrpc": "2.0", "method": "server.info"},
        ]
        answers = (await client.post("/api/v1/rpc", json=batch)).json()
        assert [answer["id"] for answer in answers] == [1, "a"]
        assert (await client.post("/api/v1/rpc", json=batch[2])).status_code == 204
        assert (await client.post("/api/v1/rpc", content=b"{", headers={"Content-Type": "application/json"})).json()


async def test_what_does_not_is_a_fault_that_says_where(rig: Rig) -> None:
    async with profiled(rig) as client:
        with structlog.testing.capture_logs() as logs:
            # The lines of the fake field are made of two members only.
            answer = await call(client, "line.list")
        assert answer["error"]["code"] == -32603
        [words] = answer["error"]["data"]["violations"]
        assert words == "line.list: Object missing required field `line` - at `$.lines[0]`" or "transport" in words
        assert [entry["log_level"] for entry in logs] == ["error"]


@pytest.mark.parametrize(
    ("reading", "fault"),
    [
        ({"quality": "bad", "value": 1, "reason": "stale"}, "quality bad with the value 1"),
        ({"quality": "good", "value": 1, "reason": "stale"}, "quality good with the reason stale"),
        ({"quality": "good", "value": 1, "reason": None, "timestamp": None}, "a value without a time"),
        ({"quality": "fine"}, "Invalid enum value 'fine'"),
        ({"timestamp": "yesterday"}, "matching regex"),
        ({"extra": 1}, "unknown field `extra`"),
    ],
)
def test_a_reading_must_hold_together(reading: dict[str, object], fault: str) -> None:
    good = {
        "tag": "a/b/c",
        "value": 1,
        "quality": "good",
        "reason": None,
        "timestamp": "2026-01-01T00:00:00Z",
        "clock": "synchronised",
        "sequence": 1,
    }

    def said(one: dict[str, object]) -> list[str]:
        body = {"jsonrpc": "2.0", "id": 1, "result": {"readings": [one]}}
        return violations(json.dumps(body).encode(), {"1": ["tag.read"]})

    assert said(good) == []
    [words] = said(good | reading)
    assert fault in words


@pytest.mark.parametrize(
    ("method", "answer", "fault"),
    [
        (
            "lease.list",
            {"leases": [{"tag": "a/b/c", "value": 1, "safeValue": 0, "secondsLeft": 3.0, "owed": True}], "total": 1},
            "owed with 3.0 s left",
        ),
        (
            "line.exchange",
            {"pdu": None, "reason": None, "message": None, "seconds": None, "causes": [], "latePossible": False},
            "neither a reply nor a reason",
        ),
        ("line.borrow", {"lease": "0a", "seconds": -1, "until": "2026-01-01T00:00:00Z"}, ">= 0"),
        ("line.return", {}, "missing required field `line`"),
        (
            "line.traffic",
            {"records": [{"number": 1, "time": 1.5, "direction": "sent", "data": "0X"}], "lost": 0},
            "matching regex",
        ),
    ],
)
def test_leases_and_answers_to_tools_must_hold_together(method: str, answer: dict[str, object], fault: str) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "result": answer}).encode()
    [words] = violations(body, {"1": [method]})
    assert fault in words


async def test_calls_of_a_batch_may_share_an_id(rig: Rig) -> None:
    """JSON-RPC forbids it to nobody, and their answers are right in whatever order they come."""
    calls = [rpc_body(name, {}, id_=None) for name in ("alert.list", "server.info", "tag.list")]
    async with profiled(rig) as client:
        answers = (await client.post("/api/v1/rpc", json=calls)).json()
    assert [set(answer) for answer in answers] == [{"jsonrpc", "id", "result"}] * 3
    wrong = json.dumps([{"jsonrpc": "2.0", "id": None, "result": {"alarm": 1}}]).encode()
    assert violations(wrong, {"null": ["alert.list", "agent.list"]})


async def test_every_method_has_a_model(rig: Rig) -> None:
    assert set(RESULTS) == rig.methods


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]x",
        b"{}",
        b'{"jsonrpc":"2.0","id":1}',
        b'{"jsonrpc":"2.0","id":1,"result":1,"error":{}}',
        b'{"jsonrpc":"2.0","id":2,"result":{}}',
        b'{"jsonrpc":"2.0","id":1,"error":{"code":1.5,"message":"x"}}',
    ],
)
def test_what_is_no_response_object_is_told(body: bytes) -> None:
    assert violations(body, {"1": ["server.info"]})


def test_every_method_of_the_field_has_a_model() -> None:
    assert {name for name, _ in CALLS} | {"line.list", "device.list", "serial.list"} | ELSEWHERE == set(RESULTS)


async def test_the_echo_is_there_with_the_profile_and_not_without(rig: Rig, nursery: trio.Nursery) -> None:
    socket = await Wire(rig, nursery, LimitSettings(), TestProfile(rig.app, method_of)).websocket(ECHO)
    for message in (TextMessage(data="x"), BytesMessage(data=b"")):
        await socket.send(message)
        assert await socket.receive() == message
    await socket.send(CloseConnection(code=1000))
    async with profiled(rig) as client:
        assert (await client.get(ECHO)).status_code == 426
    async with rig.in_memory() as client:
        assert (await client.get(ECHO)).status_code == 404
    without = Socket(await Wire(rig, nursery, LimitSettings()).call())
    with pytest.raises(AssertionError, match="RejectConnection"):
        await without.open(ECHO)
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("bind", "only"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("10.0.0.1", False),
        ("private", False),
        ("lo", False),
        ("eth0", False),
    ],
)
def test_loopback_is_what_only_this_machine_reaches(bind: str, *, only: bool) -> None:
    assert only_loopback(bind) is only


@pytest.mark.parametrize(
    ("path", "refused"),
    [
        ("/v1/good", None),
        ("/v1/elsewhere", None),
        ("/v1/wrong", "1 is not of type"),
        ("/v1/teapot", "status 418 is not described"),
        ("/v1/text", "as text/plain is not described"),
    ],
)
async def test_the_plugin_api_is_held_against_its_description(path: str, refused: str | None) -> None:
    answers = {
        "/v1/good": (200, b"application/json", b'{"name": "x"}'),
        "/v1/wrong": (200, b"application/json", b'{"name": 1}'),
        "/v1/teapot": (418, b"application/json", b"{}"),
        "/v1/text": (200, b"text/plain", b"x"),
        "/v1/elsewhere": (200, b"text/plain", b"x"),
    }
    shape = {"type": "object", "properties": {"name": {"type": "string"}}}
    answer = {"200": {"description": "", "content": {"application/json": {"schema": shape}}}}
    paths = {at: {"get": {"operationId": at, "responses": answer}} for at in answers if at != "/v1/elsewhere"}
    answers["/v1/openapi.json"] = (200, b"application/json", json.dumps({"paths": paths, "components": {}}).encode())

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        status, content_type, body = answers[scope["path"]]
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", content_type)]})
        await send({"type": "http.response.body", "body": body})

    transport = httpx.ASGITransport(TestProfile(app, method_of))
    async with httpx.AsyncClient(transport=transport, base_url="https://rig") as client:
        with structlog.testing.capture_logs():
            reply = await client.get(path)
    if refused is None:
        assert (reply.status_code, reply.content) == (answers[path][0], answers[path][2])
    else:
        assert reply.status_code == 500
        assert refused in reply.json()["detail"]
