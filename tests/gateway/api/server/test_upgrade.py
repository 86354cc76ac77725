"""The answer that makes a WebSocket of a connection."""

from __future__ import annotations

import pytest
import trio

from gateway.api.asgi import Receive, Scope, Send
from gateway.api.server.writer import COUNTED
from tests.gateway.api.rig import Rig

pytestmark = pytest.mark.e2e

UPGRADE = (
    b"GET /live HTTP/1.1\r\nHost: board\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


async def test_it_says_what_the_application_says_of_limits(rig: Rig) -> None:
    async def live(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        visit = rig.rates.visit("127.0.0.1", None)
        visit.admit()
        await send({"type": "websocket.accept", "headers": visit.headers(rig.board.wall)})
        await receive()

    async with rig.served(app=live):
        stream = await rig.connect()
        await stream.send_all(UPGRADE)
        answer = await stream.receive_some()
        assert answer.startswith(b"HTTP/1.1 101 ")
        assert b"\r\n" + COUNTED + b": " in answer
        assert b"\r\nx-ratelimit-remaining: " in answer
        await trio.aclose_forcefully(stream)
