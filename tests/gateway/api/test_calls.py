"""Forms of a call: single, batch, notification, and every error there is."""

from __future__ import annotations

import httpx
import pytest
import structlog
from trio.testing import MockClock

from gateway.core.errors import Code, GatewayError
from tests.gateway.api.rig import Rig, call, post, rpc_body

WRITE = {"tag": "bus/meter/power", "value": 1}


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
    reason = 'there is no such method. Did you mean "tag.read"?'
    data = {"method": "tag.reed", "reason": reason}
    assert answer["error"] == {"code": -32601, "message": "Method not found", "data": data}


async def test_a_notification_is_carried_out_and_not_answered(rig: Rig, client: httpx.AsyncClient) -> None:
    body = {"jsonrpc": "2.0", "method": "tag.write", "params": WRITE}
    response = await post(client, body)
    assert (response.status_code, response.content) == (204, b"")
    assert "content-length" not in response.headers
    assert rig.field.written
    assert (await post(client, {"jsonrpc": "2.0", "method": "no.such"})).status_code == 204


async def test_a_notification_without_a_token_is_refused(rig: Rig, stranger: httpx.AsyncClient) -> None:
    response = await post(stranger, {"jsonrpc": "2.0", "method": "tag.write", "params": WRITE})
    assert response.status_code == 401
    assert not rig.field.written


async def test_a_batch_is_answered_item_by_item(rig: Rig, client: httpx.AsyncClient) -> None:
    batch = [
        rpc_body("tag.write", WRITE, "w"),
        {"jsonrpc": "2.0", "method": "tag.write", "params": WRITE},
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
        response = await post(client, [rpc_body("tag.write", WRITE, number) for number in range(3)])
    first, second, third = response.json()
    assert first["result"]["outcome"] == "confirmed"
    assert second["result"]["outcome"] == "unknown"
    assert third["error"]["code"] == -32007
    assert "not begun" in third["error"]["data"]["reason"]
    assert len(rig.field.written) == 1


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
