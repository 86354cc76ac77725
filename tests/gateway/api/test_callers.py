"""Who may call what, and how each refusal looks."""

from __future__ import annotations

import httpx
import pytest
import structlog

from tests.gateway.agents.board import service_json
from tests.gateway.api.fakes import NOON
from tests.gateway.api.rig import ALL, Rig, post, rpc_body

# Where to find out who gives tokens (RFC 9728).
WHERE = 'resource_metadata="https://rig/.well-known/oauth-protected-resource/api/v1"'
API_KEY = 'ApiKey realm="ferrule"'
TOKEN_ONLY = ["server.info"]
READS = {
    "line.list": {},
    "device.list": {},
    "lease.list": {},
    "tag.list": {},
    "tag.read": {"tags": ["bus/meter/power"]},
    "tag.history": {"tag": "bus/meter/power", "start": 0, "end": 1},
    "modbus.read": {"line": "bus", "unit": 1, "table": "coil", "address": 0, "count": 1},
    "serial.list": {},
    "serial.read": {"line": "scale"},
    "line.traffic": {"line": "bus"},
}
WRITES = {
    "tag.write": {"tag": "bus/meter/power", "value": 1},
    "modbus.write": {"line": "bus", "unit": 1, "table": "coil", "address": 0, "values": [1]},
    "serial.write": {"line": "scale", "text": "x"},
    "line.borrow": {"line": "bus", "seconds": 60},
    "line.exchange": {"line": "bus", "lease": "a-lease", "unit": 1, "pdu": "0300000001"},
    "line.return": {"line": "bus", "lease": "a-lease"},
}
BY_SCOPE: dict[str, dict[str, object]] = {
    "devices:read": {**READS, "alert.list": {}, "alarm.list": {}},
    "devices:write": {**WRITES, "alarm.ack": {"alarmId": "alarm-1"}},
    "agents:read": {
        "agent.list": {},
        "discovery.services": {},
        "security.validateAddress": {"address": "10.0.0.1"},
        "security.validateCard": {"agentCard": {}},
    },
    "agents:write": {
        "discovery.announce": {"service": service_json()},
        "discovery.withdraw": {"serviceId": "temp-logger-001"},
        "agent.revoke": {"agentId": "temp-sensor-001"},
    },
    "governor:read": {"governor.status": {}, "governor.analyses": {}, "governor.actions": {}},
    "governor:analyze": {"governor.analyze": {"scope": "agents"}},
    "events:subscribe": {"event.list": {}},
    "messaging:write": {"agent.message": {"toAgent": "Agent-2", "content": "hello"}},
    "messaging:read": {"agent.messages": {}},
}
# These answer nobody's call with a result unless there is an agent or an analysis or a
# message: see test_agents, test_governors, test_messages.
ABOUT_SOMETHING = {
    "agent.acknowledge": {"messageId": "msg-1"},
    "agent.card": {"agentId": "temp-sensor-001"},
    "agent.heartbeat": {"agentId": "temp-sensor-001"},
    "agent.unregister": {"agentId": "temp-sensor-001"},
    "governor.analysis": {"analysisId": "analysis-001"},
    "token.revoke": {"tokenId": "9xTq2mVb0aYc1dEf"},
    "capability.invoke": {"capabilityId": "modbus-rtu"},
}
EVERY: dict[str, object] = {name: params for methods in BY_SCOPE.values() for name, params in methods.items()}


@pytest.mark.parametrize("method", [*TOKEN_ONLY, *EVERY, *ABOUT_SOMETHING, "agent.register", "no.such"])
async def test_without_a_token_nothing_is_told(stranger: httpx.AsyncClient, method: str) -> None:
    params: dict[str, object] = {"agentCard": {}} if method == "agent.register" else {}
    response = await post(stranger, rpc_body(method, params, id_="x"))
    assert response.status_code == 401
    assert response.headers.get_list("www-authenticate") == [f'Bearer realm="ferrule", {WHERE}', API_KEY]
    assert response.json() == {
        "jsonrpc": "2.0",
        "id": "x",
        "error": {
            "code": -32001,
            "message": "Authentication error",
            "data": {"reason": "no token: send Authorization: Bearer TOKEN"},
        },
    }


async def test_health_needs_no_token_and_bears_a_bad_one(stranger: httpx.AsyncClient) -> None:
    for headers in ({}, {"Authorization": "Bearer nonsense"}):
        response = await post(stranger, rpc_body("server.health"), headers)
        assert response.status_code == 200
        assert response.json()["result"]["status"] == "healthy"


@pytest.mark.parametrize(
    "authorization", ["Bearer", "Bearer x.y.z", "Basic YTpi", "x", "", "Bearer \xff\xfe", "Bearer " + "a" * 9000]
)
async def test_a_bad_token_is_refused(stranger: httpx.AsyncClient, authorization: str) -> None:
    response = await post(stranger, rpc_body("server.info"), {"Authorization": authorization.encode("latin-1")})  # type: ignore[dict-item] # bytes pass as they are
    assert response.status_code == 401
    bearer = f'Bearer realm="ferrule", {WHERE}, error="invalid_token"'
    assert response.headers.get_list("www-authenticate") == [bearer, API_KEY]
    assert response.json()["error"]["code"] == -32001


async def test_an_expired_token_is_refused_and_a_doubtful_clock_told(rig: Rig, stranger: httpx.AsyncClient) -> None:
    old = rig.bearer()
    rig.board.set(rig.board.wall + 7200)
    answer = (await post(stranger, rpc_body("server.info"), old)).json()
    assert "expired" in answer["error"]["data"]["reason"]
    assert "serverTime" not in answer["error"]["data"]
    rig.board.set(NOON - 10**9, synchronised=False)
    answer = (await post(stranger, rpc_body("server.info"), old)).json()
    assert answer["error"]["data"]["serverTime"] == "1995-05-09T06:13:20.000Z"


async def test_two_authorization_headers_are_one_too_many(rig: Rig) -> None:
    headers = [("authorization", value) for value in rig.bearer().values()] * 2
    async with httpx.AsyncClient(transport=httpx.ASGITransport(rig.app), base_url="https://rig") as client:
        response = await client.get("/api/v1/info", headers=headers)
    assert response.status_code == 401


async def test_the_scheme_may_be_written_in_any_case(rig: Rig, stranger: httpx.AsyncClient) -> None:
    headers = {"authorization": rig.bearer()["Authorization"].replace("Bearer", "bEARER")}
    assert (await post(stranger, rpc_body("server.info"), headers)).json()["result"]


@pytest.mark.parametrize(("held", "methods"), BY_SCOPE.items())
async def test_a_scope_opens_its_methods_and_no_others(
    rig: Rig, stranger: httpx.AsyncClient, held: str, methods: dict[str, object]
) -> None:
    for method, params in EVERY.items():
        response = await post(stranger, rpc_body(method, params), rig.bearer(held))
        assert response.status_code == 200
        answer = response.json()
        if method in methods:
            assert "result" in answer, answer
        else:
            needed = next(scope for scope, opened in BY_SCOPE.items() if method in opened)
            assert answer["error"]["code"] == -32002
            assert answer["error"]["message"] == "Authorization error"
            assert answer["error"]["data"]["requiredScope"] == needed
            assert "www-authenticate" not in response.headers


async def test_any_token_opens_server_info(rig: Rig, stranger: httpx.AsyncClient) -> None:
    assert (await post(stranger, rpc_body("server.info"), rig.bearer("metrics:read"))).json()["result"]


async def test_the_tests_know_every_method(rig: Rig) -> None:
    known = {"server.health", "agent.register", *TOKEN_ONLY, *EVERY, *ABOUT_SOMETHING}
    assert known == rig.methods


async def test_no_secret_reaches_log_or_answer(rig: Rig, client: httpx.AsyncClient) -> None:
    canary = rig.bearer(*ALL)["Authorization"].removeprefix("Bearer ")
    wrong = canary[:-8] + "AAAAAAAA"
    rig.field.fault = RuntimeError("a fault, so that something is logged")
    with structlog.testing.capture_logs() as logs:
        answers = [
            (await post(client, rpc_body("tag.read", {"tags": ["x"]}), {"Authorization": f"Bearer {token}"})).text
            for token in (canary, wrong)
        ]
        answers.append((await client.get("/api/v1/info", headers={"Authorization": f"Bearer {wrong}"})).text)
        answers.append((await client.get("/nowhere", headers={"Authorization": f"Bearer {canary}"})).text)
    assert logs
    said = repr(logs) + "".join(answers)
    for secret in (canary, wrong, canary.split(".")[2], rig.root._secret.hex(), repr(rig.root._secret)):
        assert secret not in said
