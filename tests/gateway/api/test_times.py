"""How long a caller may take for each thing it does, in virtual time."""

from __future__ import annotations

import json

import pytest
import trio
from trio.testing import MockClock
from wsproto.events import BytesMessage, Ping, Pong, TextMessage

from gateway.api.asgi import Receive, Scope, Send
from gateway.settings.model import LimitSettings
from tests.gateway.api.rig import Rig, read_response, rpc_body
from tests.gateway.api.wire import Wire, echo, rest

LIMITS = LimitSettings(
    handshake_time=4.0,
    header_time=5.0,
    body_time=6.0,
    request_time=40.0,
    write_time=8.0,
    keep_alive_time=20.0,
    ping_interval=10.0,
    pong_time=3.0,
)
POST = b"POST /api/v1/rpc HTTP/1.1\r\nHost: board\r\nContent-Type: application/json\r\n"
HEALTH = b"GET /api/v1/health HTTP/1.1\r\nHost: board\r\n\r\n"


async def drip(stream: trio.abc.SendStream, byte: bytes) -> None:
    try:
        while True:
            await stream.send_all(byte)
            await trio.sleep(1)
    except trio.BrokenResourceError:
        return


@pytest.fixture
def wire(rig: Rig, nursery: trio.Nursery) -> Wire:
    return Wire(rig, nursery, LIMITS)


async def test_a_caller_that_does_not_shake_hands_is_let_go(wire: Wire, autojump_clock: MockClock) -> None:
    stream = await wire.plug()
    begun = trio.current_time()
    assert await rest(stream) == b""
    assert trio.current_time() - begun == pytest.approx(4.0)


async def test_a_handshake_that_drips_is_let_go_too(
    wire: Wire, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    stream = await wire.plug()
    begun = trio.current_time()
    # A record of a handshake that is 16 000 bytes long.
    await stream.send_all(b"\x16\x03\x01\x3e\x80\x01")
    nursery.start_soon(drip, stream, b"\0")
    await rest(stream)
    assert trio.current_time() - begun == pytest.approx(4.0)


async def test_a_header_that_drips_is_answered_with_408(
    wire: Wire, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    stream = await wire.call()
    await trio.sleep(2)
    begun = trio.current_time()
    await stream.send_all(b"GET /api/v1/health HTTP/1.1\r\nHost: board\r\nX-Slow: ")
    nursery.start_soon(drip, stream, b"a")
    answer = await rest(stream)
    assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b"connection: close" in answer.lower()
    assert trio.current_time() - begun == pytest.approx(5.0)


async def test_a_body_that_drips_is_answered_with_408(
    wire: Wire, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    stream = await wire.call()
    begun = trio.current_time()
    await stream.send_all(POST + b"Content-Length: 1000\r\n\r\n")
    nursery.start_soon(drip, stream, b" ")
    answer = await read_response(stream) + await read_response(stream)
    assert trio.current_time() - begun == pytest.approx(6.0)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"not complete within 6 s" in answer
    # What still comes is thrown away for a moment, then the connection ends.
    assert await rest(stream) == b""
    assert trio.current_time() - begun == pytest.approx(6.2)


async def test_a_connection_without_a_request_is_kept_for_a_while(wire: Wire, autojump_clock: MockClock) -> None:
    stream = await wire.call()
    for _ in range(3):
        await trio.sleep(15)
        await stream.send_all(HEALTH)
        assert (await read_response(stream)).startswith(b"HTTP/1.1 200 OK\r\n")
    begun = trio.current_time()
    assert await rest(stream) == b""
    assert trio.current_time() - begun == pytest.approx(20.0)


async def in_pieces(stream: trio.abc.SendStream) -> None:
    """A request whose body comes behind its header: the application has a task of its own for that."""
    await stream.send_all(POST + b"Content-Length: 2\r\n\r\n")
    await trio.testing.wait_all_tasks_blocked()
    await stream.send_all(b"{}")


async def test_a_request_that_nobody_answers_ends_and_the_application_learns_of_it(
    rig: Rig, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    heard = []

    async def silent(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["more_body"]:
            pass
        heard.append((await receive())["type"])

    wire = Wire(rig, nursery, LIMITS, silent)
    stream = await wire.call()
    begun = trio.current_time()
    await in_pieces(stream)
    assert await rest(stream) == b""
    assert trio.current_time() - begun == pytest.approx(40.0)
    await trio.testing.wait_all_tasks_blocked()
    assert heard == ["http.disconnect"]


async def test_one_that_came_whole_is_cancelled_when_its_time_is_over(
    rig: Rig, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    heard: list[str | float] = []

    async def silent(scope: Scope, receive: Receive, send: Send) -> None:
        heard.append((await receive())["type"])
        try:
            await receive()
        finally:
            heard.append(trio.current_time())

    wire = Wire(rig, nursery, LIMITS, silent)
    stream = await wire.call()
    begun = trio.current_time()
    await stream.send_all(HEALTH)
    assert await rest(stream) == b""
    assert heard == ["http.request", pytest.approx(begun + 40.0)]


async def test_an_application_that_does_not_listen_is_cancelled_at_last(
    rig: Rig, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    ended = []

    async def deaf(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.append(trio.current_time())

    wire = Wire(rig, nursery, LIMITS, deaf)
    stream = await wire.call()
    begun = trio.current_time()
    await in_pieces(stream)
    await rest(stream)
    await trio.sleep(LIMITS.request_time + 1)
    assert [moment - begun for moment in ended] == [pytest.approx(80.0)]


async def test_a_line_has_half_of_the_time_of_a_request(rig: Rig, wire: Wire, autojump_clock: MockClock) -> None:
    rig.field.write_takes = 1000.0
    stream = await wire.call()
    body = json.dumps(rpc_body("tag.write", {"tag": "bus/meter/power", "value": 1})).encode()
    token = rig.bearer()["Authorization"].encode()
    begun = trio.current_time()
    await stream.send_all(POST + b"Authorization: %b\r\nContent-Length: %d\r\n\r\n" % (token, len(body)) + body)
    answer = b""
    while b'"outcome":"unknown"' not in answer:
        answer += await stream.receive_some()
    assert trio.current_time() - begun == pytest.approx(20.0)


async def test_a_caller_that_does_not_read_is_cut_off(
    rig: Rig, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    over = []

    async def generous(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": bytes(1_000_000)})
        over.append(trio.current_time())

    wire = Wire(rig, nursery, LIMITS, generous)
    stream = await wire.call(lockstep=True)
    begun = trio.current_time()
    await stream.send_all(HEALTH)
    await trio.sleep(30)
    assert [moment - begun for moment in over] == [pytest.approx(8.0)]
    assert len(wire.server.connections) == 0


async def test_a_long_answer_that_is_taken_is_not_cut_off(
    rig: Rig, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"100")]})
        for _ in range(100):
            await trio.sleep(2)
            await send({"type": "http.response.body", "body": b"x", "more_body": True})

    stream = await Wire(rig, nursery, LIMITS, slow).call()
    await stream.send_all(HEALTH)
    assert (await rest(stream)).endswith(b"x" * 100)


async def test_a_websocket_whose_pongs_stay_out_is_closed(
    rig: Rig, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    socket = await Wire(rig, nursery, LIMITS, echo).websocket()
    begun = trio.current_time()
    assert isinstance(await socket.receive(), Ping)
    assert trio.current_time() - begun == pytest.approx(10.0)
    assert await socket.receive() is None
    assert trio.current_time() - begun == pytest.approx(13.0)


async def test_a_websocket_that_answers_pings_stays(rig: Rig, nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    socket = await Wire(rig, nursery, LIMITS, echo).websocket()
    for _ in range(20):
        ping = await socket.receive()
        assert isinstance(ping, Ping)
        await socket.send(Pong(payload=ping.payload))
    await socket.send(TextMessage(data="still here"))
    assert await socket.receive() == TextMessage(data="still here")


async def test_a_slow_application_is_no_reason_to_close_a_websocket(
    rig: Rig, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await trio.sleep(200)
        count = 0
        while (await receive())["type"] == "websocket.receive":
            count += 1
            if count == 40:
                await send({"type": "websocket.send", "text": "all"})

    socket = await Wire(rig, nursery, LIMITS, slow).websocket()
    for _ in range(40):
        await socket.send(BytesMessage(data=b"x"))
    while isinstance(event := await socket.receive(), Ping):
        pass
    assert event == TextMessage(data="all")
