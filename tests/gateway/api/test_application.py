"""Paths, envelopes, statuses and headers: who may call what, and how each refusal looks."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx
import pytest
import structlog
import trio
from trio.testing import MockClock

from gateway.core.errors import Code, GatewayError
from gateway.settings.model import LimitSettings
from tests.gateway.api.rig import ALL, NOON, Rig, call, rpc_body

TOKEN_ONLY = ["server.info"]
READS = {
    "line.list": {},
    "device.list": {},
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


@pytest.fixture
async def stranger(rig: Rig) -> httpx.AsyncClient:
    """A client without a token."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(rig.app), base_url="https://rig")


async def post(client: httpx.AsyncClient, body: object, headers: dict[str, str] | None = None) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await client.post(
        "/api/v1/rpc", content=content, headers={"Content-Type": "application/json"} | (headers or {})
    )


# --- who may call what -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [*TOKEN_ONLY, *READS, *WRITES, "no.such"])
async def test_without_a_token_nothing_is_told(stranger: httpx.AsyncClient, method: str) -> None:
    response = await post(stranger, rpc_body(method, id_="x"))
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Bearer realm="ferrule"'
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
    assert response.headers["www-authenticate"] == 'Bearer realm="ferrule", error="invalid_token"'
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


@pytest.mark.parametrize(("held", "methods"), [("devices:read", READS), ("devices:write", WRITES)])
async def test_a_scope_opens_its_methods_and_no_others(
    rig: Rig, stranger: httpx.AsyncClient, held: str, methods: dict[str, object]
) -> None:
    for method, params in (READS | WRITES).items():
        response = await post(stranger, rpc_body(method, params), rig.bearer(held))
        assert response.status_code == 200
        answer = response.json()
        if method in methods:
            assert "result" in answer, answer
        else:
            needed = "devices:write" if method in WRITES else "devices:read"
            assert answer["error"]["code"] == -32002
            assert answer["error"]["message"] == "Authorization error"
            assert answer["error"]["data"]["requiredScope"] == needed
            assert "www-authenticate" not in response.headers


async def test_any_token_opens_server_info(rig: Rig, stranger: httpx.AsyncClient) -> None:
    assert (await post(stranger, rpc_body("server.info"), rig.bearer("metrics:read"))).json()["result"]


async def test_the_tests_know_every_method(rig: Rig) -> None:
    known = {"server.health", *TOKEN_ONLY, *READS, *WRITES}
    assert known == set(rig.app._dispatch._methods)  # type: ignore[attr-defined] # there is no method that lists them yet


# --- forms of a call -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", -32700),
        (b"\xff", -32700),
        (b'{"jsonrpc":"2.0","method":"server.info","id":1,"id":2}', -32700),
        (b"[]", -32600),
        (b"1", -32600),
        (b'{"method":"server.info","id":1}', -32600),
        (b'{"jsonrpc":"2.0","method":"server.inf","id":1}', -32601),
        (b'{"jsonrpc":"2.0","method":"tag.read","id":1}', -32602),
    ],
)
async def test_errors_of_json_rpc_come_with_status_200(client: httpx.AsyncClient, body: bytes, code: int) -> None:
    response = await post(client, body)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.json()["error"]["code"] == code


async def test_an_unknown_method_is_named(client: httpx.AsyncClient) -> None:
    answer = await call(client, "tag.reed")
    assert answer["error"] == {"code": -32601, "message": "Method not found", "data": {"method": "tag.reed"}}


async def test_a_notification_is_carried_out_and_not_answered(rig: Rig, client: httpx.AsyncClient) -> None:
    body = {"jsonrpc": "2.0", "method": "tag.write", "params": WRITES["tag.write"]}
    response = await post(client, body)
    assert (response.status_code, response.content) == (204, b"")
    assert "content-length" not in response.headers
    assert rig.field.written
    assert (await post(client, {"jsonrpc": "2.0", "method": "no.such"})).status_code == 204


async def test_a_notification_without_a_token_is_refused(rig: Rig, stranger: httpx.AsyncClient) -> None:
    response = await post(stranger, {"jsonrpc": "2.0", "method": "tag.write", "params": WRITES["tag.write"]})
    assert response.status_code == 401
    assert not rig.field.written


async def test_a_batch_is_answered_item_by_item(rig: Rig, client: httpx.AsyncClient) -> None:
    batch = [
        rpc_body("tag.write", WRITES["tag.write"], "w"),
        {"jsonrpc": "2.0", "method": "tag.write", "params": WRITES["tag.write"]},
        1,
        rpc_body("no.such", id_=None),
        rpc_body("tag.read", {"tags": ["bus/meter/power"]}, 5),
    ]
    response = await post(client, batch)
    assert response.status_code == 200
    written, invalid, unknown, read = response.json()
    assert (written["id"], written["result"]["outcome"]) == ("w", "confirmed")
    assert (invalid["id"], invalid["error"]["code"]) == (None, -32600)
    assert (unknown["id"], unknown["error"]["code"]) == (None, -32601)
    assert (read["id"], read["result"]["readings"][0]["value"]) == (5, 42.5)
    assert len(rig.field.written) == 2


async def test_a_batch_of_notifications_is_answered_with_nothing(client: httpx.AsyncClient) -> None:
    response = await post(client, [{"jsonrpc": "2.0", "method": "server.info"}] * 20)
    assert (response.status_code, response.content) == (204, b"")


async def test_a_batch_without_a_token_tells_each_call(stranger: httpx.AsyncClient) -> None:
    response = await post(stranger, [rpc_body("server.info", id_=1), rpc_body("server.health", id_=2)])
    assert response.status_code == 200
    info, health = response.json()
    assert info["error"]["code"] == -32001
    assert health["result"]


async def test_the_calls_of_a_batch_share_one_deadline(rig: Rig, autojump_clock: MockClock) -> None:
    rig.field.write_takes = 20
    async with rig.in_memory() as client:
        response = await post(client, [rpc_body("tag.write", WRITES["tag.write"], number) for number in range(3)])
    first, second, third = response.json()
    assert first["result"]["outcome"] == "confirmed"
    assert second["result"]["outcome"] == "unknown"
    assert third["error"]["code"] == -32007
    assert "not begun" in third["error"]["data"]["reason"]
    assert len(rig.field.written) == 1


# --- every error of the table ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "message", "number_and_status"),
    [
        (Code.INVALID, "Invalid params", (-32602, 200)),
        (Code.UNAUTHENTICATED, "Authentication error", (-32001, 401)),
        (Code.FORBIDDEN, "Authorization error", (-32002, 200)),
        (Code.NOT_PRIVATE, "RFC-1918 violation", (-32003, 200)),
        (Code.TOO_MANY, "Rate limit exceeded", (-32004, 429)),
        (Code.AGENT_NOT_FOUND, "Agent not found", (-32005, 200)),
        (Code.CAPABILITY_NOT_FOUND, "Capability not found", (-32006, 200)),
        (Code.UNAVAILABLE, "Service unavailable", (-32007, 200)),
    ],
)
async def test_each_error_of_the_gateway_has_its_code_message_and_data(
    rig: Rig, client: httpx.AsyncClient, code: Code, message: str, number_and_status: tuple[int, int]
) -> None:
    number, status = number_and_status
    rig.field.fault = GatewayError(code, "because", details={"retryAfter": 45})
    response = await post(client, rpc_body("tag.read", {"tags": ["x"]}))
    assert response.status_code == status
    found = response.json()["error"]
    provided = {"provided": None} if code is Code.INVALID else {}
    assert found == {"code": number, "message": message, "data": {"reason": "because", "retryAfter": 45} | provided}
    assert response.headers.get("retry-after") == ("45" if status == 429 else None)


async def test_every_code_is_in_the_table(rig: Rig, client: httpx.AsyncClient) -> None:
    numbers = set()
    for code in Code:
        rig.field.fault = GatewayError(code, "because")
        numbers.add((await call(client, "tag.read", {"tags": ["x"]}))["error"]["code"])
    assert len(numbers) == len(Code)


async def test_a_fault_of_ours_is_logged_with_an_id_and_told_only_by_it(rig: Rig, client: httpx.AsyncClient) -> None:
    rig.field.fault = RuntimeError("secret inner workings")
    with structlog.testing.capture_logs() as logs:
        response = await post(client, rpc_body("tag.read", {"tags": ["x"]}))
    found = response.json()["error"]
    assert response.status_code == 200
    assert (found["code"], found["message"], set(found["data"])) == (-32603, "Internal error", {"errorId"})
    (entry,) = logs
    assert entry["error_id"] == found["data"]["errorId"]
    assert (entry["event"], entry["method"], entry["exc_info"]) == ("method failed", "tag.read", True)
    assert "secret" not in response.text


async def test_a_result_json_cannot_carry_is_a_fault_of_ours(rig: Rig, client: httpx.AsyncClient) -> None:
    rig.field.known["odd"] = object()  # type: ignore[assignment] # what a bug would put there
    assert (await call(client, "tag.read", {"tags": ["odd"]}))["error"]["code"] == -32603


# --- the seed's own paths --------------------------------------------------------------------------------------


async def test_info_is_the_seeds_example(client: httpx.AsyncClient) -> None:
    response = await client.get("/api/v1/info?id=1")
    assert response.status_code == 200
    assert response.json() == {
        "jsonrpc": "2.0",
        "id": 1,
        "result": {
            "server": {
                "name": "rig",
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


# --- other paths, verbs, types ---------------------------------------------------------------------------------


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


# --- secrets ---------------------------------------------------------------------------------------------------


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
