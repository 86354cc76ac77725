"""What a stranger on the LAN can send, replayed: the server lives, nothing is left behind, and it can be ended."""

from __future__ import annotations

import contextlib
import random
import socket

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from gateway.api.asgi import Receive, Scope, Send
from gateway.settings.model import LimitSettings
from tests.gateway.api.rig import Rig, read_response
from tests.gateway.api.test_parser import REFUSED
from tests.gateway.api.wire import Wire, echo, rest

pytestmark = pytest.mark.e2e

UPGRADE = (
    b"GET /api/v1/live HTTP/1.1\r\nHost: board\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


async def until_tasks_are(count: int) -> None:
    with trio.fail_after(5):
        while trio.lowlevel.current_statistics().tasks_living > count:  # noqa: ASYNC110 - nothing announces it
            await trio.sleep(0.02)


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


@pytest.mark.parametrize(("sent", "status"), REFUSED)
async def test_all_of_them_are_refused_by_the_server_in_memory(
    rig: Rig, nursery: trio.Nursery, autojump_clock: MockClock, sent: bytes, status: int
) -> None:
    wire = Wire(rig, nursery, LimitSettings(target_size=200, header_size=1000))
    stream = await wire.call()
    await stream.send_all(sent + b"\r\nGET /api/v1/health HTTP/1.1\r\nHost: board\r\n\r\n")
    answer = await rest(stream)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert answer.count(b"HTTP/1.1 ") == 1
    await trio.testing.wait_all_tasks_blocked()
    assert len(wire.server.connections) == 0


@pytest.mark.parametrize(("sent", "status"), REFUSED[::4])
async def test_what_could_smuggle_a_request_is_refused_and_nothing_behind_it_is_read(
    rig: Rig, sent: bytes, status: int
) -> None:
    async with rig.served(limits=LimitSettings(target_size=200, header_size=1000)):
        stream = await rig.connect()
        await stream.send_all(sent + b"\r\nGET /api/v1/health HTTP/1.1\r\nHost: board\r\n\r\n")
        answer = await rest(stream)
        assert answer.startswith(b"HTTP/1.1 %d " % status)
        assert answer.count(b"HTTP/1.1 ") == 1
        assert b"connection: close" in answer.lower()
        await trio.aclose_forcefully(stream)
        await still_serves(rig)


async def test_chunk_extensions_are_nothing_but_ignored(rig: Rig) -> None:
    body = b'{"jsonrpc":"2.0","method":"server.health","id":1}'
    async with rig.served():
        stream = await rig.connect()
        await stream.send_all(
            b"POST /api/v1/rpc HTTP/1.1\r\nHost: board\r\nContent-Type: application/json\r\n"
            b'Transfer-Encoding: chunked\r\n\r\n%x;a="GET / HTTP/1.1"\r\n%b\r\n0;b\r\n\r\n' % (len(body), body)
        )
        assert b'"healthy"' in await read_response(stream)
        await trio.aclose_forcefully(stream)


async def test_connection_close_closes_at_once(rig: Rig) -> None:
    async with rig.served():
        stream = await rig.connect()
        await stream.send_all(b"GET /api/v1/health HTTP/1.1\r\nHost: board\r\nConnection: close\r\n\r\n")
        with trio.fail_after(1):
            assert b'"healthy"' in await rest(stream)
        await trio.aclose_forcefully(stream)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HT",
        b"GET /api/v1/health HTTP/1.1\r\nHost: board\r\n\r\n",
        b"POST /api/v1/rpc HTTP/1.1\r\nHost: board\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{",
        UPGRADE,
    ],
)
async def test_who_closes_half_of_a_connection_leaves_nothing_behind(rig: Rig, sent: bytes) -> None:
    async with rig.served():
        await trio.testing.wait_all_tasks_blocked()
        before = trio.lowlevel.current_statistics().tasks_living
        streams = [await rig.connect() for _ in range(5)]
        for stream in streams:
            if sent:
                await stream.send_all(sent)
            stream.transport_stream.socket.shutdown(socket.SHUT_WR)
        for stream in streams:
            await rest(stream)
        await until_tasks_are(before)
        for stream in streams:
            await trio.aclose_forcefully(stream)


@pytest.mark.parametrize("delay", [0.0, 0.2])
async def test_an_answer_before_the_body_was_read_leaves_no_tasks_behind(rig: Rig, delay: float) -> None:
    async def hasty(scope: Scope, receive: Receive, send: Send) -> None:
        await trio.sleep(delay)
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
        await until_tasks_are(before)


async def test_a_refused_request_is_answered_though_its_body_is_still_coming(rig: Rig) -> None:
    async with rig.served():
        stream = await rig.connect()
        await stream.send_all(b"POST /nowhere HTTP/1.1\r\nHost: board\r\nContent-Length: 2000000\r\n\r\n")
        for _ in range(20):
            await stream.send_all(bytes(100_000))
        answer = await rest(stream)
        assert answer.startswith(b"HTTP/1.1 404 ")
        assert b"connection: close" in answer
        await trio.aclose_forcefully(stream)


@pytest.mark.parametrize("part", range(4))
async def test_random_bytes_over_tls_do_nothing(rig: Rig, part: int) -> None:
    """A million of them, some behind the beginning of a request or a WebSocket."""
    dice = random.Random(part)
    beginnings = [b"", b"GET / HTTP/1.1\r\n", b"POST /api/v1/rpc HTTP/1.1\r\nHost: board\r\n", UPGRADE]
    async with rig.served():
        await trio.testing.wait_all_tasks_blocked()
        before = trio.lowlevel.current_statistics().tasks_living
        for _ in range(50):
            stream = await rig.connect()
            with contextlib.suppress(trio.BrokenResourceError), trio.move_on_after(1):
                await stream.send_all(dice.choice(beginnings) + dice.randbytes(5000))
            await trio.aclose_forcefully(stream)
        await until_tasks_are(before)
        await still_serves(rig)


async def test_random_bytes_in_a_websocket_do_nothing(rig: Rig) -> None:
    dice = random.Random(5)
    async with rig.served(app=echo):
        await trio.testing.wait_all_tasks_blocked()
        before = trio.lowlevel.current_statistics().tasks_living
        for _ in range(50):
            stream = await rig.connect()
            await stream.send_all(UPGRADE)
            assert b" 101 " in await stream.receive_some()
            with contextlib.suppress(trio.BrokenResourceError):
                await stream.send_all(dice.randbytes(2000))
            await trio.aclose_forcefully(stream)
        await until_tasks_are(before)


async def test_pings_that_nobody_reads_the_pongs_of_do_not_hold_up_the_end(rig: Rig) -> None:
    with trio.fail_after(10):
        async with rig.served(app=echo, grace=0.2) as stop:
            stream = await rig.connect()
            await stream.send_all(UPGRADE)
            assert b" 101 " in await stream.receive_some()
            ping = b"\x89\xfd" + bytes(4 + 125)
            with trio.move_on_after(1):
                while True:
                    await stream.send_all(ping * 100)
            stop.set()
        await trio.aclose_forcefully(stream)


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
