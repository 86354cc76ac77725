"""Every example of the A2A reference is replayed, literally where it can be (ruling 25).

``reference_examples.json`` holds its examples in their order. What comes back is compared member by member. A deviation
is in the tables below with the ruling that settled it; any other fails, and so does a row that nothing needs any more.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from trio.testing import MockClock

from gateway.agents.grant import Grant
from gateway.api.rpc_errors import STATUS
from gateway.core import rfc3339
from gateway.settings.model import GatewaySettings, LimitSettings
from tests.gateway.agents.board import sound
from tests.gateway.api.agent import Agent
from tests.gateway.api.rig import Rig

EXAMPLES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "reference_examples.json").read_text())
ADDITION = "an addition, as ruling 2 and D-090 allow: members beside those of the reference, none in their place"

# What of a response is measured, or made anew each time: its kind is compared, not its value.
MEASURED: dict[int, dict[str, str]] = {
    6: {
        "result.performance.*": "D-097: measured over five minutes",
    },
    8: {"result.token": "D-032: a token of its own; its beginning is compared below"},
    24: {
        "result.governors.*.health": "D-093: measured",
        "result.governors.intelligence.learningActive": "D-094: measured",
        "result.governors.meta.systemOptimal": "D-094: measured",
        "result.governors.*.active": "D-093: false before its first look",
        "result.overall.health": "D-093: measured",
    },
    26: {"result.estimatedDuration": "D-097: seconds this analysis takes here"},
    31: {"error.data.retryAfter": "D-160: until the token is there"},
}
# What differs: "+" a member more, "-" one less, "~" another value.
DEVIATIONS: dict[int, dict[str, str]] = {
    4: {"+result.server.location": ADDITION},
    6: {"+result.storage": ADDITION},
    10: {
        "+result.agents[0].active": ADDITION,
        "+result.agents[0].healthy": ADDITION,
        "+result.agents[0].clock": f"ruling 22; {ADDITION}",
        "+result.agents[0].metrics": ADDITION,
    },
    16: {
        "+result.services[0].agentId": f"D-086: whose it is; {ADDITION}",
        "+result.services[0].expiresAt": f"D-088; {ADDITION}",
    },
    22: {"~result.security.signatureValid": "D-037: null where no signature was sent; true would be a lie"},
    24: {
        "+result.governors.*": f"D-093: each term is exported; {ADDITION}",
    },
    26: {"~status": "D-095: 202 with Location"},
    28: {"+error.data.field": "D-027: where in the card the address stands"},
    31: {"+error.data.reason": "D-027: every error says why in words"},
}
# Blocks that are no exchange with a server, or are replayed by a test of their own below.
OTHERS: dict[int, str] = {
    0: "the type of a card: D-036 to D-042, tests/gateway/agents/test_card.py",
    1: "the headers of registration: sent in test_the_headers_of_registration",
    2: "A2ATokenManager, a library for TypeScript: D-171; tokens are those of D-032 and D-033",
    29: "the headers of a response: test_the_headers_of_a_response",
    30: "the type of the limits: ruling 18, tests/gateway/api/test_agent_limits.py",
    32: "A2AClient, a library for TypeScript: D-171; its calls: test_the_calls_of_the_client",
    33: "the same; the call to the sensor is between two agents and not ours: ruling 26",
    34: "the same",
}


@dataclass(frozen=True)
class Exchange:
    """A request and its response by their numbers; at what moment the clock of the reference stands."""

    request: int
    response: int
    verb: str
    path: str
    at: str = "2025-07-10T15:30:00.000Z"


EXCHANGES = [
    Exchange(3, 4, "GET", "/api/v1/info?id=1"),
    Exchange(5, 6, "GET", "/api/v1/health?id=2"),
    Exchange(7, 8, "POST", "/api/v1/agents/register"),
    Exchange(9, 10, "GET", "/api/v1/agents", "2025-07-10T15:29:45.000Z"),
    Exchange(11, 12, "DELETE", "/api/v1/agents/temp-sensor-001"),
    Exchange(13, 14, "POST", "/api/v1/agents/temp-sensor-001/heartbeat", "2025-07-10T15:31:30.000Z"),
    Exchange(15, 16, "GET", "/api/v1/discovery/services"),
    Exchange(17, 18, "POST", "/api/v1/discovery/announce"),
    Exchange(19, 20, "POST", "/api/v1/security/validate-address"),
    Exchange(21, 22, "POST", "/api/v1/security/validate-card"),
    Exchange(23, 24, "GET", "/api/v1/governor/status", "2025-07-10T15:29:50.000Z"),
    Exchange(25, 26, "POST", "/api/v1/governor/analyze"),
]
ERRORS = {27: 400, 28: 403, 31: 429}
_COMMENT = re.compile(r"\s*// .*")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT")


def written(number: int) -> str:
    """An example as it stands there."""
    return "\n".join(EXAMPLES[number]["text"])


def document(number: int) -> Any:
    """The JSON of an example, without comments (D-028)."""
    return json.loads(_COMMENT.sub("", written(number)))


def differences(expected: Any, found: Any, path: str, measured: Mapping[str, str]) -> Iterator[str]:
    """What is not as in the reference."""
    if any(fnmatchcase(path, pattern) for pattern in measured):
        number = isinstance(expected, int | float) and not isinstance(expected, bool)
        alike = isinstance(found, int | float) if number else isinstance(found, type(expected))
        if not alike:
            yield f"~{path}"
    elif isinstance(expected, dict) and isinstance(found, dict):
        for name in expected.keys() | found.keys():
            inner = f"{path}.{name}".removeprefix(".")
            if name not in found or name not in expected:
                yield f"{'-' if name in expected else '+'}{inner}"
            else:
                yield from differences(expected[name], found[name], inner, measured)
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for place, (one, other) in enumerate(zip(expected, found, strict=True)):
            yield from differences(one, other, f"{path}[{place}]", measured)
    elif expected != found or isinstance(expected, bool) != isinstance(found, bool):
        yield f"~{path}"


def check(number: int, status: int, found: Any, wanted: int = 200) -> None:
    """Hold a response against the reference and the tables."""
    allowed = DEVIATIONS.get(number, {})
    seen = list(differences(document(number), found, "", MEASURED.get(number, {})))
    if status != wanted:
        seen.append("~status")
    unsettled = [one for one in seen if not any(fnmatchcase(one, row.replace("[", "[[]")) for row in allowed)]
    assert unsettled == [], json.dumps(found, indent=1)
    unneeded = [row for row in allowed if not any(fnmatchcase(one, row.replace("[", "[[]")) for one in seen)]
    assert unneeded == []


@pytest.fixture
async def rig(tmp_path: Path) -> Rig:
    """The gateway of the reference, with its name and version."""
    return Rig(tmp_path, named=GatewaySettings(name="Cyreal A2A Server"), version="0.1.0")


@pytest.fixture
async def operator(rig: Rig) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(rig.app, client=("192.168.1.50", 40000)), base_url="https://192.168.1.10:3500"
    )


def five_agents(rig: Rig) -> None:
    registry = rig.agents.directory.registry
    for number in range(1, 6):
        registry.register(sound(f"temp-sensor-00{number}"), Grant())


async def prepare(rig: Rig, exchange: Exchange, clock: MockClock) -> dict[str, str]:
    """Bring about what the example takes for granted. Returns the headers of its call."""
    registry = rig.agents.directory.registry
    match exchange.response:
        case 6:
            five_agents(rig)
            registry.heartbeat("temp-sensor-005", "offline")
            clock.jump(3600)
            async with rig.in_memory() as client:
                await client.get("/api/v1/info")
            clock.jump(0.5)
            return {}
        case 8:
            agent = Agent(rig)
            return agent.headers(document(7)["params"]["agentCard"])
        case 10 | 12 | 14:
            registry.register(sound(), Grant())
        case 16:
            registry.register(sound("modbus-gateway"), Grant())
            service = document(16)["result"]["services"][0]
            rig.agents.directory.announce("modbus-gateway", service)
        case 24:
            five_agents(rig)
            rig.steering.line()
            rig.steering.device(latency=0.02)
            governors = rig.governing.parts.governors
            for _ in range(3):
                for pulse in governors.pulses.values():
                    rig.steering.now = trio.current_time()
                    governors.tick(pulse, trio.current_time())
        case _:
            pass
    return rig.bearer("*")


@pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda exchange: exchange.path)
async def test_an_exchange_of_the_reference(
    rig: Rig, operator: httpx.AsyncClient, exchange: Exchange, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    rig.board.set(rfc3339.parse(exchange.at))
    nursery.start_soon(rig.governing.parts.analyses.run)
    headers = await prepare(rig, exchange, autojump_clock)
    content = None
    if EXAMPLES[exchange.request]["language"] == "json":
        content = json.dumps(document(exchange.request)).encode()
        headers = {**headers, "Content-Type": "application/json"}
    response = await operator.request(exchange.verb, exchange.path, content=content, headers=headers)
    check(exchange.response, response.status_code, response.json())
    if exchange.response == 8:
        begin = document(8)["result"]["token"].removesuffix("...")
        assert response.json()["result"]["token"].startswith(begin)
    if exchange.response == 26:
        location = response.headers["location"]
        assert location == "/api/v1/governor/analyses/analysis-001"
        assert (await operator.get(location, headers=headers)).json()["result"]["status"] == "running"
    nursery.cancel_scope.cancel()


async def test_an_error_has_the_seeds_shape(rig: Rig, operator: httpx.AsyncClient) -> None:
    body = {"jsonrpc": "2.0", "method": "agent.unregister", "id": 1, "params": {"agentId": ""}}
    response = await operator.post("/api/v1/rpc", json=body, headers=rig.bearer("*"))
    check(27, response.status_code, response.json())


async def test_a_public_address_is_the_seeds_error(rig: Rig, operator: httpx.AsyncClient) -> None:
    agent = Agent(rig)
    card = agent.card(endpoints=[{"protocol": "https", "host": "8.8.8.8", "port": 8443, "path": "/"}])
    body = {"jsonrpc": "2.0", "method": "agent.register", "id": 1, "params": {"agentCard": card}}
    response = await operator.post("/api/v1/agents/register", json=body, headers=agent.headers(card))
    check(28, response.status_code, response.json(), ERRORS[28])


async def test_too_many_requests_are_the_seeds_error(tmp_path: Path, autojump_clock: MockClock) -> None:
    rig = Rig(tmp_path, LimitSettings(agent_burst=1))
    agent = Agent(rig)
    await agent.register()
    response = await agent.client.get("/api/v1/agents?id=1", headers=agent.bearer)
    check(31, response.status_code, response.json(), ERRORS[31])


async def test_the_headers_of_registration(rig: Rig) -> None:
    """Block 1: the four headers, by their names."""
    first, *rest = written(1).splitlines()
    assert first == "POST /api/v1/agents/register"
    agent = Agent(rig)
    sent = agent.headers(agent.card()) | {"Content-Type": "application/json"}
    assert {line.partition(":")[0] for line in rest} == set(sent)
    assert (await agent.try_to_register()).status_code == 200


async def test_the_headers_of_a_response(rig: Rig, operator: httpx.AsyncClient, autojump_clock: MockClock) -> None:
    """Block 29: the limit and the window literally; what remains is that of the burst (D-162)."""
    rig.board.set(1720622400.0)
    response = await operator.get("/api/v1/info", headers=rig.bearer("*"))
    wanted = dict(line.split(": ") for line in written(29).splitlines()[1:])
    assert response.status_code == 200
    assert {name: response.headers[name] for name in wanted} == wanted | {
        "X-RateLimit-Remaining": "99",
        "X-RateLimit-Reset": "1720622401",
    }


async def test_the_calls_of_the_client(rig: Rig) -> None:
    """Blocks 32 to 34: what the client of the reference sends, with the values it has there."""
    agent = Agent(rig, "my-temp-sensor")
    parameter = {"name": "address", "type": "number", "required": True, "description": "Modbus slave address (1-247)"}
    capability = {
        "id": "temperature-read",
        "name": "Temperature Reading",
        "description": "Read temperature via Modbus RTU",
        "category": "sensor",
        "version": "1.0.0",
        "parameters": [parameter],
    }
    card = {
        "agentId": "my-temp-sensor",
        "name": "Temperature Sensor",
        "description": "Modbus temperature sensor agent",
        "version": "1.0.0",
        "capabilities": [capability],
        "endpoints": [{"protocol": "https", "host": "192.168.1.101", "port": 8443, "path": "/api/v1"}],
    }
    assert (await agent.register(card))["agentId"] == "my-temp-sensor"
    beat = {"status": "active", "metrics": {"temperature": 21.5, "connections": 3}}
    assert (await agent.call("agent.heartbeat", agentId="my-temp-sensor", **beat))["result"]["acknowledged"] is True
    found = (await agent.call("discovery.services", capability="temperature-read", location="factory-floor-a"))[
        "result"
    ]
    assert found == {"services": [], "total": 0}
    address = (await agent.call("security.validateAddress", address="192.168.1.100"))["result"]
    assert (address["valid"], address["message"]) == (True, "Address is RFC-1918 compliant")
    checked = (await agent.call("security.validateCard", agentCard=card))["result"]
    assert (checked["valid"], checked["issues"]) == (True, [])


async def test_comments_are_for_readers(rig: Rig, operator: httpx.AsyncClient) -> None:
    """D-028: three bodies of the reference have comments, which JSON has not."""
    commented = [
        number
        for number, example in enumerate(EXAMPLES)
        if "  // " in written(number) and example["language"] == "json"
    ]
    assert commented == [9, 15, 25]
    headers = rig.bearer("*") | {"Content-Type": "application/json"}
    for number in commented:
        response = await operator.post("/api/v1/rpc", content=written(number), headers=headers)
        assert response.json()["error"]["code"] == -32700


def test_every_code_of_the_reference_has_its_status() -> None:
    codes = [-32700, -32600, -32601, -32602, -32603, *range(-32001, -32008, -1)]
    # What is not found, and what conflicts, have codes of ours: the reference has none.
    assert set(STATUS) - {-32010, -32011} == set(codes)


def test_every_example_is_replayed_or_accounted_for() -> None:
    replayed = {number for exchange in EXCHANGES for number in (exchange.request, exchange.response)} | set(ERRORS)
    assert replayed | set(OTHERS) == set(range(len(EXAMPLES)))
    assert not replayed & set(OTHERS)


async def test_a_batch_as_stock_clients_send_it(rig: Rig, operator: httpx.AsyncClient) -> None:
    calls = [
        {"jsonrpc": "2.0", "method": "server.info", "id": "b3f1"},
        {"jsonrpc": "2.0", "method": "security.validateAddress", "params": {"address": "10.1.2.3"}, "id": 2},
        {"jsonrpc": "2.0", "method": "agent.list", "params": {}, "id": 3},
        {"jsonrpc": "2.0", "method": "server.health"},
        {"jsonrpc": "2.0", "method": "no.such", "id": 4},
    ]
    response = await operator.post("/api/v1/rpc", json=calls, headers=rig.bearer("*"))
    assert response.status_code == 200
    answers = {answer["id"]: answer for answer in response.json()}
    assert set(answers) == {"b3f1", 2, 3, 4}
    assert answers[2]["result"]["type"] == "rfc1918-class-a"
    assert answers[4]["error"]["code"] == -32601


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here")
@pytest.mark.parametrize(
    "exchange", [found for found in EXCHANGES if found.request in {9, 11, 15, 23}], ids=lambda found: found.path
)
async def test_a_body_with_get_or_delete_arrives_over_the_wire(rig: Rig, exchange: Exchange) -> None:
    """What the reference shows, sent as it shows it, by a client of others and through the real server."""
    rig.agents.directory.registry.register(sound(), Grant())
    token = rig.bearer("*")["Authorization"]
    async with rig.served():
        command = ["curl", "-sS", "--noproxy", "*", "--cacert", str(rig.state / "ca.pem"), "-X", exchange.verb]
        command += ["-H", f"Authorization: {token}", "-H", "Content-Type: application/json"]
        command += ["-d", json.dumps(document(exchange.request)), f"{rig.url}{exchange.path}"]
        done = await trio.run_process(command, capture_stdout=True)
    answer = json.loads(done.stdout)
    assert answer["id"] == document(exchange.request)["id"]
    assert "result" in answer
