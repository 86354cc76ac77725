"""What a stranger on the LAN can send, replayed: the server lives, nothing is left behind, and it can be ended."""

from __future__ import annotations

import contextlib

import pytest
import trio

from gateway.api.asgi import Receive, Scope, Send
from tests.gateway.api.rig import Rig, read_response

pytestmark = pytest.mark.e2e

UPGRADE = (
    b"GET /api/v1/live HTTP/1.1\r\nHost: board\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


async def still_serves(rig: Rig) -> None:
    async with rig.client() as client:
        assert (await client.get("/api/v1/health")).status_code == 200


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(UPGRADE + b"\x81\x85\x00\x00\x00\x00hello" * 50, id="WebSocket frames before the handshake ends"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9) * 20, id="HTTP/2 preface"),
        pytest.param(
            b"GET / HTTP/1.1\r\nHost: board\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
            b"HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n" + bytes(60),
            id="upgrade to h2c",
        ),
        pytest.param(b"GET /%ff%fe%00 HTTP/1.1\r\nHost: board\r\n\r\n", id="path of no text"),
        pytest.param("GET /ä HTTP/1.1\r\nHost: board\r\n\r\n".encode(), id="path beyond ASCII"),
        pytest.param(b"\x00" * 70000, id="no HTTP at all"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: board\r\nX: " + b"a" * 200000, id="endless header"),
        pytest.param(b"POST /api/v1/rpc HTTP/1.1\r\nHost: board\r\nContent-Length: -1\r\n\r\n", id="negative length"),
        pytest.param(b"POST /api/v1/rpc HTTP/1.1\r\nHost: board\r\nContent-Length: 9\r\n\r\n{", id="half a body"),
        pytest.param(
            b"POST /api/v1/rpc HTTP/1.1\r\nHost: board\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
            id="broken chunk",
        ),
        pytest.param(b"GET /api/v1/health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", id="two hosts"),
    ],
)
async def test_one_connection_cannot_end_the_server(rig: Rig, sent: bytes) -> None:
    async with rig.served():
        stream = await rig.connect()
        with contextlib.suppress(trio.BrokenResourceError), trio.move_on_after(0.3):
            await stream.send_all(sent)
            await read_response(stream)
        await trio.aclose_forcefully(stream)
        await still_serves(rig)


async def test_bytes_that_are_no_tls_end_one_connection_only(rig: Rig) -> None:
    async with rig.served():
        stream = await trio.open_tcp_stream("127.0.0.1", rig.port)
        await stream.send_all(b"GET / HTTP/1.1\r\n\r\n")
        with trio.fail_after(5):
            while await stream.receive_some():
                pass
        await stream.aclose()
        await still_serves(rig)


async def test_a_websocket_is_refused_while_there_is_none(rig: Rig) -> None:
    async with rig.served():
        stream = await rig.connect()
        await stream.send_all(UPGRADE)
        assert (await read_response(stream)).startswith(b"HTTP/1.1 403 ")
        await trio.aclose_forcefully(stream)


async def test_an_answer_before_the_body_was_read_leaves_no_tasks_behind(rig: Rig) -> None:
    async def hasty(scope: Scope, receive: Receive, send: Send) -> None:
        await trio.sleep(0.2)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    async with rig.served(app=hasty, grace=30):
        await trio.testing.wait_all_tasks_blocked()
        before = trio.lowlevel.current_statistics().tasks_living
        stream = await rig.connect()
        await stream.send_all(b"POST / HTTP/1.1\r\nHost: board\r\nContent-Length: 30000000\r\n\r\n")
        with pytest.raises(trio.BrokenResourceError):
            for _ in range(300):
                await stream.send_all(bytes(100_000))
        await trio.aclose_forcefully(stream)
        with trio.fail_after(5):
            while trio.lowlevel.current_statistics().tasks_living > before:  # noqa: ASYNC110 - nothing announces it
                await trio.sleep(0.02)


async def test_a_caller_who_does_not_read_does_not_hold_up_the_end(rig: Rig) -> None:
    async def generous(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": bytes(50_000_000)})

    with trio.fail_after(5):
        async with rig.served(app=generous, grace=0.2) as stop:
            stream = await rig.connect()
            await stream.send_all(b"GET / HTTP/1.1\r\nHost: board\r\n\r\n")
            await trio.sleep(0.1)
            stop.set()
        await trio.aclose_forcefully(stream)
