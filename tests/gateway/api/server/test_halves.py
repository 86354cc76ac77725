"""Callers that close their sending half and wait for the answer."""

from __future__ import annotations

import json
import socket

import pytest
import trio

from tests.gateway.api.rig import Rig, rpc_body
from tests.gateway.api.wire import rest

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("pause", [0.0, 0.05], ids=["in one piece", "in two"])
async def test_the_answer_to_a_whole_request_is_sent_after_the_caller_has_ended_its_half(
    rig: Rig, pause: float
) -> None:
    rig.field.write_takes = 0.1
    body = json.dumps(rpc_body("tag.write", {"tag": "bus/meter/power", "value": 1})).encode()
    head = b"POST /api/v1/rpc HTTP/1.1\r\nHost: board\r\nContent-Type: application/json\r\nAuthorization: %b\r\n"
    async with rig.served():
        stream = await rig.connect()
        head = head % rig.bearer()["Authorization"].encode() + b"Content-Length: %d\r\n\r\n" % len(body)
        await stream.send_all(head if pause else head + body)
        if pause:
            await trio.sleep(pause)
            await stream.send_all(body)
        stream.transport_stream.socket.shutdown(socket.SHUT_WR)
        with trio.fail_after(5):
            answer = await rest(stream)
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b'"confirmed"' in answer
        await trio.aclose_forcefully(stream)


async def test_half_a_request_is_not_carried_out(rig: Rig) -> None:
    async with rig.served():
        stream = await rig.connect()
        await stream.send_all(b"POST /api/v1/rpc HTTP/1.1\r\nHost: board\r\nContent-Length: 100\r\n\r\n{")
        stream.transport_stream.socket.shutdown(socket.SHUT_WR)
        with trio.fail_after(5):
            assert b" 200 " not in await rest(stream)
        await trio.aclose_forcefully(stream)
    assert not rig.field.written
