"""Capabilities are invoked: the gateway's own on its lines, those of agents at their endpoints."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from gateway.api.asgi import Receive, Scope, Send, respond
from gateway.core.audit import AuditOutcome
from gateway.settings.line_model import LineSettings
from gateway.settings.model import AgentSettings, CapabilityLimit, LimitSettings
from tests.gateway.api.agent import Agent
from tests.gateway.api.rig import Rig, rpc_body

READ = {"line": "bus", "unit": 1, "table": "holding", "address": 0, "count": 2}
WRITE = {"line": "bus", "unit": 1, "table": "holding", "address": 0, "values": [7]}
Answer = Callable[[dict[str, Any]], object]


@pytest.fixture
def lined(rig: Rig) -> Rig:
    rig.field.line_reports = [
        {"line": "bus", "transport": "rtu", "state": "up"},
        {"line": "scale", "transport": "serial", "state": "up"},
    ]
    return rig


async def invoke(rig: Rig, *scopes: str, **params: object) -> Any:
    async with rig.in_memory() as client:
        client.headers.update(rig.bearer(*scopes))
        return (await client.post("/api/v1/rpc", json=rpc_body("capability.invoke", params))).json()


async def test_the_gateways_own_run_on_its_lines(lined: Rig) -> None:
    answer = await invoke(lined, "devices:read", capabilityId="modbus-rtu", operation="read", parameters=READ)
    assert answer["result"] == {
        "capabilityId": "modbus-rtu",
        "provider": "gateway",
        "operation": "read",
        "result": {"values": [1, 2]},
    }
    answer = await invoke(lined, "devices:write", capabilityId="modbus-rtu", operation="write", parameters=WRITE)
    assert answer["result"]["result"]["outcome"] == "refused"
    assert lined.field.written == [("bus", 1, "holding", 0, [7])]
    [noted] = lined.audit.of("modbus.write")
    assert (noted.outcome, noted.target) == (AuditOutcome.FAILED, "bus unit 1 holding 0")
    answer = await invoke(
        lined,
        "devices:write",
        capabilityId="serial-communication",
        operation="write",
        parameters={"line": "scale", "text": "x"},
    )
    assert answer["result"]["result"]["outcome"] == "confirmed"


@pytest.mark.parametrize(
    ("params", "code", "field"),
    [
        ({"capabilityId": "modbus-tcp", "operation": "read", "parameters": READ}, -32006, None),
        ({"capabilityId": "temperature-read"}, -32006, None),
        ({"capabilityId": "temperature-read", "agentId": "nobody"}, -32005, "agentId"),
        ({"capabilityId": ""}, -32602, "capabilityId"),
        ({"capabilityId": "modbus-rtu"}, -32602, "operation"),
        ({"capabilityId": "modbus-rtu", "operation": "erase"}, -32602, "operation"),
        (
            {"capabilityId": "modbus-rtu", "operation": "read", "parameters": {"line": "scale"}},
            -32602,
            "parameters.line",
        ),
        ({"capabilityId": "modbus-rtu", "operation": "read", "parameters": {"line": "bus"}}, -32602, "parameters.unit"),
    ],
)
async def test_what_cannot_be_invoked_says_why(lined: Rig, params: dict[str, object], code: int, field: str) -> None:
    fault = (await invoke(lined, "*", **params))["error"]
    assert (fault["code"], fault["data"].get("field")) == (code, field)


async def test_info_names_what_the_lines_can_do(lined: Rig) -> None:
    lined.field.line_reports.append({"line": "net", "transport": "tcp", "state": "up"})
    async with lined.in_memory() as client:
        capabilities = (await client.get("/api/v1/info")).json()["result"]["server"]["capabilities"]
    assert capabilities[2:] == ["serial-communication", "modbus-rtu", "modbus-tcp"]


async def test_an_operation_needs_the_scope_of_its_method(lined: Rig) -> None:
    for operation, needed, held in (
        ("read", "devices:read", "devices:write"),
        ("write", "devices:write", "devices:read"),
    ):
        fault = (await invoke(lined, held, capabilityId="modbus-rtu", operation=operation, parameters=READ))["error"]
        assert (fault["code"], fault["data"]["requiredScope"]) == (-32002, needed)
    assert lined.field.asked == lined.field.written == []


async def test_an_agent_invokes_what_its_token_was_given_for(lined: Rig) -> None:
    capability = {"id": "modbus-rtu", "name": "x", "description": "", "category": "modbus", "version": "1.0.0"}
    with_it, without = Agent(lined, "with"), Agent(lined, "without")
    await with_it.register(with_it.card(capabilities=[capability]))
    await without.register()
    params = {"capabilityId": "modbus-rtu", "operation": "read", "parameters": READ}
    assert "result" in await with_it.call("capability.invoke", **params)
    fault = (await without.call("capability.invoke", **params))["error"]
    assert (fault["code"], fault["data"]["requiredCapability"]) == (-32002, "modbus-rtu")


async def test_its_path_names_the_capability(lined: Rig) -> None:
    async with lined.in_memory() as client:
        body = rpc_body("capability.invoke", {"operation": "read", "parameters": READ})
        response = await client.post("/api/v1/capabilities/modbus-rtu/invoke", json=body)
        assert response.json()["result"]["result"] == {"values": [1, 2]}
        response = await client.post("/api/v1/capabilities/none/invoke", json=body)
        assert (response.status_code, response.json()["error"]["code"]) == (404, -32006)


async def test_a_write_that_is_not_over_in_time_is_unknown(lined: Rig, autojump_clock: MockClock) -> None:
    async def never(*_: object) -> None:
        await trio.sleep_forever()

    lined.field.serial_write = never  # type: ignore[method-assign, assignment] # a line that hangs
    answer = await invoke(
        lined, "*", capabilityId="serial-communication", operation="write", parameters={"line": "scale", "text": "x"}
    )
    assert answer["result"]["result"]["outcome"] == "unknown"
    assert lined.audit.of("serial.write")[0].outcome is AuditOutcome.UNKNOWN


async def test_each_capability_has_its_own_limit(tmp_path_factory: pytest.TempPathFactory) -> None:
    limit = CapabilityLimit(name="modbus-rtu", requests_per_minute=1, burst=2)
    rig = Rig(tmp_path_factory.mktemp("state"), LimitSettings(capabilities=(limit,)))
    rig.field.line_reports = [{"line": "bus", "transport": "rtu", "state": "up"}]
    params = {"capabilityId": "modbus-rtu", "operation": "read", "parameters": READ}
    async with rig.in_memory() as client:
        assert (await client.post("/api/v1/rpc", json=rpc_body("modbus.read", READ))).status_code == 200
        assert (await client.post("/api/v1/rpc", json=rpc_body("capability.invoke", params))).status_code == 200
        refused = await client.post("/api/v1/rpc", json=rpc_body("capability.invoke", params))
        assert refused.status_code == 429
        assert refused.json()["error"]["data"]["limit"] == 1
        other = rpc_body("capability.invoke", {**params, "capabilityId": "other"})
        assert (await client.post("/api/v1/rpc", json=other)).json()["error"]["code"] == -32006


class Peer:
    """What an agent answers at its endpoint."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answer: Answer = lambda call: {"jsonrpc": "2.0", "id": call["id"], "result": {"value": 21.5}}
        self.status = 200
        self.headers: list[tuple[bytes, bytes]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = (await receive())["body"]
        self.asked.append({"path": scope["path"], "headers": dict(scope["headers"]), **json.loads(body)})
        answer = self.answer(json.loads(body))
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        await respond(send, self.status, content, request=b"x", headers=self.headers)


@pytest.fixture
def trusting(rig: Rig) -> Rig:
    rig.settings = replace(rig.settings, agents=AgentSettings(ca=str(rig.state / "ca.pem")))
    return rig


def nested(call: Any, levels: int) -> bytes:
    """An answer whose result is nested so deep; it stands one level down itself."""
    return (
        json.dumps({"jsonrpc": "2.0", "id": call["id"], "result": "@"})
        .encode()
        .replace(b'"@"', b"[" * levels + b"]" * levels)
    )


def loopback(rig: Rig) -> dict[str, object]:
    """Where an agent on this machine is called: whatever a test serves there."""
    return {"protocol": "https", "host": "127.0.0.1", "port": rig.port, "path": "/agent"}


async def ask(rig: Rig, peer: Peer | None, **params: object) -> Any:
    """Invoke the capability of an agent that runs on this machine, behind the real server."""
    async with rig.served(app=peer or Peer()):
        agent = Agent(rig, peer="127.0.0.1")
        await agent.register(agent.card(endpoints=[loopback(rig)]))
        return await invoke(rig, "*", **{"capabilityId": "temperature-read", "parameters": {"address": 1}, **params})


async def test_an_agent_is_called_at_its_endpoint(trusting: Rig) -> None:
    peer = Peer()
    answer = await ask(trusting, peer, operation="read")
    assert answer["result"] == {
        "capabilityId": "temperature-read",
        "provider": "temp-sensor-001",
        "operation": "read",
        "result": {"value": 21.5},
    }
    [asked] = peer.asked
    assert (asked["path"], asked["method"], asked["params"]) == (
        "/agent",
        "capability.invoke",
        {"capabilityId": "temperature-read", "operation": "read", "parameters": {"address": 1}},
    )
    assert b"authorization" not in asked["headers"]
    assert trusting.audit.of("capability.invoke") == []


async def test_what_is_no_read_is_noted(trusting: Rig) -> None:
    assert (await ask(trusting, None, operation="heat"))["result"]["provider"] == "temp-sensor-001"
    [noted] = trusting.audit.of("capability.invoke")
    assert (noted.target, noted.outcome) == ("temp-sensor-001: temperature-read", AuditOutcome.DONE)


@pytest.mark.parametrize(
    ("answer", "noted_as", "outcome"),
    [
        (lambda _: b"no json", AuditOutcome.UNKNOWN, "unknown"),
        (lambda _: b"x" * (1024 * 1024 + 1), AuditOutcome.UNKNOWN, "unknown"),
        (
            lambda call: {"jsonrpc": "2.0", "id": call["id"], "error": {"code": -32000, "message": "no"}},
            AuditOutcome.FAILED,
            None,
        ),
    ],
)
async def test_what_was_sent_and_not_answered_is_unknown(
    trusting: Rig, answer: Answer, noted_as: AuditOutcome, outcome: str | None
) -> None:
    peer = Peer()
    peer.answer = answer
    fault = (await ask(trusting, peer, operation="heat"))["error"]
    assert (fault["code"], fault["data"].get("outcome")) == (-32007, outcome)
    [noted] = trusting.audit.of("capability.invoke")
    assert noted.outcome is noted_as


async def test_an_agent_that_never_answers_leaves_room_for_others(trusting: Rig, autojump_clock: MockClock) -> None:
    async def silent(stream: trio.SocketStream) -> None:
        with contextlib.suppress(trio.BrokenResourceError):
            await stream.receive_some()
            await trio.sleep_forever()

    # Threads and sockets of the system do not wait for this clock.
    autojump_clock.autojump_threshold = 0.3
    async with trusting.served(), trio.open_nursery() as nursery:
        [listener] = await nursery.start(partial(trio.serve_tcp, silent, 0, host="127.0.0.1"))
        agent = Agent(trusting, peer="127.0.0.1")
        port = listener.socket.getsockname()[1]
        endpoint = {"protocol": "https", "host": "127.0.0.1", "port": port, "path": "/"}
        await agent.register(agent.card(endpoints=[endpoint]))
        reasons: list[str] = []

        async def ask_once() -> None:
            answer = await invoke(trusting, "*", capabilityId="temperature-read", operation="heat")
            assert "outcome" not in answer["error"]["data"]
            reasons.append(answer["error"]["data"]["reason"])

        async with trio.open_nursery() as asking:
            for _ in range(5):
                asking.start_soon(ask_once)
        nursery.cancel_scope.cancel()
    assert sorted("did not answer" in reason for reason in reasons) == [False, False, True, True, True]
    assert {noted.outcome for noted in trusting.audit.of("capability.invoke")} == {AuditOutcome.FAILED}


async def test_without_an_authority_no_agent_is_called(rig: Rig) -> None:
    peer = Peer()
    fault = (await ask(rig, peer))["error"]
    assert fault["code"] == -32007
    assert "[agents] ca" in fault["data"]["reason"]
    assert "retryAfter" not in fault["data"]
    assert peer.asked == []


async def test_an_authority_that_cannot_be_read_is_not_waited_for(rig: Rig, tmp_path: Path) -> None:
    rig.settings = replace(rig.settings, agents=AgentSettings(ca=str(tmp_path / "none.pem")))
    fault = (await ask(rig, Peer()))["error"]
    assert "[agents] ca" in fault["data"]["reason"]
    assert "retryAfter" not in fault["data"]


async def test_a_certificate_of_another_authority_is_not_trusted(
    rig: Rig, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = Rig(tmp_path_factory.mktemp("other"))
    async with other.served():
        pass
    rig.settings = replace(rig.settings, agents=AgentSettings(ca=str(other.state / "ca.pem")))
    peer = Peer()
    fault = (await ask(rig, peer))["error"]
    assert fault["code"] == -32007
    assert "certificate that is not trusted" in fault["data"]["reason"]
    assert "[agents] ca" in fault["data"]["reason"]
    assert not {"retryAfter", "outcome"} & fault["data"].keys()
    assert peer.asked == []


@pytest.mark.parametrize(
    ("field", "shown"),
    [
        ({"field": "address"}, "parameters.address"),
        ({"field": "parameters.address"}, "parameters.address"),
        ({"field": "parameters"}, "parameters"),
        ({"field": "parametersX"}, "parameters.parametersX"),
        ({}, "parameters"),
    ],
)
async def test_the_place_an_agent_complains_of_is_named_once(trusting: Rig, field: dict[str, str], shown: str) -> None:
    peer = Peer()
    error = {"code": -32602, "message": "Invalid params", "data": field}
    peer.answer = lambda call: {"jsonrpc": "2.0", "id": call["id"], "error": error}
    assert (await ask(trusting, peer))["error"]["data"]["field"] == shown


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (lambda _: b"no json", -32007),
        (lambda _: {"jsonrpc": "2.0", "id": "another", "result": 1}, -32007),
        (lambda _: b"[" * 100_000, -32007),
        (lambda _: b"[" + b"[]," * 300_000 + b"1]", -32007),
        (lambda _: b"[" + b"1," * 70_000 + b"1]", -32007),
        (lambda call: nested(call, 32), -32007),
        (lambda call: nested(call, 400), -32007),
        (lambda _: b"x" * (1024 * 1024 + 1), -32007),
        (lambda call: {"jsonrpc": "2.0", "id": call["id"], "error": {"code": -32000, "message": "broken"}}, -32007),
        (lambda call: {"jsonrpc": "2.0", "id": call["id"], "error": {"code": -32602, "message": "address?"}}, -32602),
        (lambda call: {"jsonrpc": "2.0", "id": call["id"], "error": {"code": -32006, "message": "gone"}}, -32006),
    ],
)
async def test_what_an_agent_answers_wrongly_is_said(trusting: Rig, answer: Answer, code: int) -> None:
    peer = Peer()
    peer.answer = answer
    fault = (await ask(trusting, peer))["error"]
    assert fault["code"] == code
    assert "temp-sensor-001" in fault["data"]["reason"]


async def test_whoever_invokes_a_capability_is_not_taken_for_one_who_offers_it(trusting: Rig) -> None:
    """What an agent may invoke stands in its own card, so each caller looks like one that has it."""
    peer = Peer()
    async with trusting.served(app=peer):
        caller, other = Agent(trusting, "caller", peer="127.0.0.1"), Agent(trusting, "other")
        await other.register(other.card(endpoints=[]))
        await caller.register(caller.card(endpoints=[loopback(trusting)]))
        asked = {"capabilityId": "temperature-read", "operation": "read"}
        fault = (await caller.call("capability.invoke", **asked))["error"]
        assert (fault["code"], "other has no https endpoint" in fault["data"]["reason"]) == (-32007, True)
        await other.call("agent.unregister", agentId="other")
        assert (await caller.call("capability.invoke", **asked))["error"]["code"] == -32006
        sensor = Agent(trusting, peer="127.0.0.1")
        await sensor.register(sensor.card(endpoints=[loopback(trusting)]))
        assert (await caller.call("capability.invoke", **asked))["result"]["provider"] == sensor.agent_id


async def test_what_nests_as_deep_as_callers_may_is_handed_on(trusting: Rig) -> None:
    peer = Peer()
    peer.answer = lambda call: nested(call, 31)
    assert json.dumps((await ask(trusting, peer))["result"]["result"]) == "[" * 31 + "]" * 31


async def test_a_card_does_not_lead_the_gateway_to_itself(trusting: Rig) -> None:
    peer = Peer()
    async with trusting.served(app=peer):
        trusting.own_ports = {trusting.port}
        agent = Agent(trusting, peer="127.0.0.1")
        endpoint = {"protocol": "https", "host": "127.0.0.1", "port": trusting.port, "path": "/api/v1/rpc"}
        await agent.register(agent.card(endpoints=[endpoint]))
        fault = (await invoke(trusting, "*", capabilityId="temperature-read"))["error"]
    assert (fault["code"], "this gateway itself" in fault["data"]["reason"]) == (-32007, True)
    assert peer.asked == []


async def test_the_gateway_is_not_sent_elsewhere(trusting: Rig) -> None:
    peer = Peer()
    peer.status, peer.headers = 307, [(b"location", b"https://127.0.0.1:1/elsewhere")]
    fault = (await ask(trusting, peer))["error"]
    assert fault["code"] == -32007
    assert "elsewhere" in fault["data"]["reason"]


async def test_an_agent_without_https_or_that_is_away_is_not_available(trusting: Rig) -> None:
    agent = Agent(trusting)
    await agent.register(agent.card(endpoints=[{"protocol": "wss", "host": "10.0.0.5", "port": 1, "path": "/"}]))
    fault = (await invoke(trusting, "*", capabilityId="temperature-read"))["error"]
    assert (fault["code"], "wss" in fault["data"]["reason"]) == (-32007, True)
    await agent.call("agent.heartbeat", agentId=agent.agent_id, status="offline")
    fault = (await invoke(trusting, "*", capabilityId="temperature-read"))["error"]
    assert (fault["code"], "heard lately" in fault["data"]["reason"]) == (-32007, True)


async def test_a_card_does_not_lead_the_gateway_to_its_own_devices(trusting: Rig) -> None:
    touched = trio.Event()

    async def device(_: trio.SocketStream) -> None:
        touched.set()

    async with trio.open_nursery() as nursery:
        [listener] = await nursery.start(partial(trio.serve_tcp, device, 0, host="127.0.0.1"))
        port = listener.socket.getsockname()[1]
        line = LineSettings(name="plc", transport="tcp", host="127.0.0.1", tcp_port=port)
        async with trusting.served():
            trusting.settings = replace(trusting.settings, lines=(line,))
            agent = Agent(trusting, peer="127.0.0.1")
            endpoint = {"protocol": "https", "host": "127.0.0.1", "port": port, "path": "/"}
            await agent.register(agent.card(endpoints=[endpoint]))
            fault = (await invoke(trusting, "*", capabilityId="temperature-read", operation="read"))["error"]
        nursery.cancel_scope.cancel()
    assert (fault["code"], "a line of this gateway" in fault["data"]["reason"]) == (-32007, True)
    assert not touched.is_set()
