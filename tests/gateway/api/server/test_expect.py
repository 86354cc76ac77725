"""Callers that wait to be told before they send a body (RFC 9110, 10.1.1)."""

from __future__ import annotations

import json

import pytest
import trio
from trio.testing import MockClock

from gateway.settings.model import LimitSettings
from tests.gateway.api.rig import Rig, read_response, rpc_body
from tests.gateway.api.wire import Wire

HEAD = (
    b"POST %b HTTP/1.1\r\nHost: board\r\nContent-Type: application/json\r\nAuthorization: %b\r\n"
    b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n"
)
RPC = b"/api/v1/rpc"


async def test_who_waits_is_told_once_and_then_answered(
    rig: Rig, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    stream = await Wire(rig, nursery, LimitSettings()).call()
    token, body = rig.bearer()["Authorization"].encode(), json.dumps(rpc_body("server.info")).encode()
    for _ in range(2):
        await stream.send_all(HEAD % (RPC, token, len(body)))
        assert await stream.receive_some() == b"HTTP/1.1 100 Continue\r\n\r\n"
        await stream.send_all(body[:5])
        await trio.sleep(1)
        await stream.send_all(body[5:])
        assert (await read_response(stream)).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    ("path", "length", "token", "status"),
    [
        pytest.param(RPC, 90_000_000, True, 413, id="too long"),
        pytest.param(RPC, 500_000, False, 401, id="no token"),
        pytest.param(b"/nowhere", 5, True, 404, id="no such path"),
    ],
)
async def test_who_would_be_refused_is_not_told_to_send(  # noqa: PLR0917 - a case each
    rig: Rig, nursery: trio.Nursery, autojump_clock: MockClock, path: bytes, length: int, token: object, status: int
) -> None:
    stream = await Wire(rig, nursery, LimitSettings()).call()
    await stream.send_all(HEAD % (path, rig.bearer()["Authorization"].encode() if token else b"", length))
    answer = await read_response(stream)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"connection: close" in answer.lower()


async def test_a_request_without_a_body_has_nothing_to_send(
    rig: Rig, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    stream = await Wire(rig, nursery, LimitSettings()).call()
    await stream.send_all(b"GET /api/v1/health HTTP/1.1\r\nHost: board\r\nExpect: 100-continue\r\n\r\n")
    assert (await read_response(stream)).startswith(b"HTTP/1.1 200 OK\r\n")
