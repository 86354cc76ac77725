"""The WebSocket transport: messages, close codes, and peers that break the rules."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from trio.testing import MockClock
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, RejectConnection, RejectData, Request, TextMessage
from wsproto.extensions import PerMessageDeflate

from gateway.api.asgi import Event, Receive, Scope, Send
from gateway.api.server.websocket import BATCH
from gateway.settings.model import LimitSettings
from tests.gateway.api.rig import Rig, read_response
from tests.gateway.api.wire import Socket, Wire, echo, rest

UPGRADE = (
    b"GET /live HTTP/1.1\r\nHost: board\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)

FIRST_PIECE = b"\x02\xfe\x40\x00" + bytes(4 + 0x4000)
NEXT_PIECE = b"\x00\xfe\x40\x00" + bytes(4 + 0x4000)


def as_bytes(message: TextMessage | BytesMessage) -> bytes:
    return message.data.encode() if isinstance(message.data, str) else bytes(message.data)


class Listener:
    """An application that accepts, and keeps what it is told."""

    def __init__(self) -> None:
        self.heard: list[Event] = []
        self.over = trio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while True:
            event = await receive()
            self.heard.append(event)
            if event["type"] == "websocket.disconnect":
                self.over.set()
                return


@pytest.mark.parametrize(
    "message",
    [
        TextMessage(data="Zähler 7"),
        BytesMessage(data=b"\x00\xff"),
        BytesMessage(data=b""),
        TextMessage(data=""),
        BytesMessage(data=bytes(60_000)),
    ],
)
async def test_messages_come_back_as_they_were(
    rig: Rig, nursery: trio.Nursery, message: TextMessage | BytesMessage
) -> None:
    socket = await Wire(rig, nursery, LimitSettings(), echo).websocket()
    await socket.send(message)
    pieces, finished = [], False
    while not finished:
        back = await socket.receive()
        assert isinstance(back, type(message))
        pieces.append(as_bytes(back))
        finished = back.message_finished
    assert b"".join(pieces) == as_bytes(message)
    nursery.cancel_scope.cancel()


async def test_compression_is_never_taken(rig: Rig, nursery: trio.Nursery) -> None:
    socket = Socket(await Wire(rig, nursery, LimitSettings(), echo).call())
    await socket.send(Request(host="board", target="/", extensions=[PerMessageDeflate()]))
    accepted = await socket.receive()
    assert accepted is not None
    assert accepted.extensions == []  # type: ignore[attr-defined] # it would be another event otherwise
    await socket.send(TextMessage(data="plain" * 100))
    assert await socket.receive() == TextMessage(data="plain" * 100)
    nursery.cancel_scope.cancel()


async def test_a_ping_is_answered_with_its_payload(rig: Rig, nursery: trio.Nursery) -> None:
    socket = await Wire(rig, nursery, LimitSettings(), echo).websocket()
    await socket.send(Ping(payload=b"are you there"))
    assert await socket.receive() == Pong(payload=b"are you there")
    nursery.cancel_scope.cancel()


async def test_many_messages_go_out_in_one_write(rig: Rig, nursery: trio.Nursery) -> None:
    async def batch(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": BATCH, "messages": [f"number {number}" for number in range(100)] + [b"\x01"]})
        await receive()

    socket = await Wire(rig, nursery, LimitSettings(), batch).websocket()
    data = await socket.stream.receive_some()
    socket.wire.receive_data(bytes(data))
    events = list(socket.wire.events())
    assert [event.data for event in events[:100]] == [f"number {number}" for number in range(100)]  # type: ignore[attr-defined]
    assert events[100] == BytesMessage(data=bytearray(b"\x01"))
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("code", [1000, 1001, 3000, 4999])
async def test_the_application_is_told_the_peers_code_and_the_peer_gets_it_back(
    rig: Rig, nursery: trio.Nursery, code: int
) -> None:
    listener = Listener()
    socket = await Wire(rig, nursery, LimitSettings(), listener).websocket()
    await socket.send(CloseConnection(code=code, reason="done"))
    answer = await socket.receive()
    assert isinstance(answer, CloseConnection)
    assert answer.code == code
    assert await socket.receive() is None
    await listener.over.wait()
    assert listener.heard == [{"type": "websocket.disconnect", "code": code, "reason": "done"}]
    nursery.cancel_scope.cancel()


async def test_a_close_frame_without_a_code_is_1005(rig: Rig, nursery: trio.Nursery) -> None:
    listener = Listener()
    socket = await Wire(rig, nursery, LimitSettings(), listener).websocket()
    await socket.stream.send_all(b"\x88\x80\x00\x00\x00\x00")
    assert isinstance(await socket.receive(), CloseConnection)
    await listener.over.wait()
    assert listener.heard[-1]["code"] == 1005
    nursery.cancel_scope.cancel()


async def test_a_peer_that_vanishes_is_1006(rig: Rig, nursery: trio.Nursery) -> None:
    listener = Listener()
    socket = await Wire(rig, nursery, LimitSettings(), listener).websocket()
    await trio.aclose_forcefully(socket.stream)
    await listener.over.wait()
    assert listener.heard[-1]["code"] == 1006
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        pytest.param(b"\x81\x01a", 1002, id="no mask"),
        pytest.param(b"\xf1\x80\x00\x00\x00\x00", 1002, id="reserved bits"),
        pytest.param(b"\x83\x80\x00\x00\x00\x00", 1002, id="unknown opcode"),
        pytest.param(b"\x80\x80\x00\x00\x00\x00", 1002, id="continues nothing"),
        pytest.param(b"\x09\x80\x00\x00\x00\x00", 1002, id="a ping in pieces"),
        pytest.param(b"\x89\xfe\x00\x80" + bytes(4 + 128), 1002, id="a ping too long"),
        pytest.param(b"\x81\x81\x00\x00\x00\x00\xff", 1007, id="no UTF-8"),
        pytest.param(b"\x88\x82\x00\x00\x00\x00\x03\xed", 1002, id="a code that is never sent"),
        pytest.param(b"\x82\xff" + (70_000).to_bytes(8) + bytes(4 + 70_000), 1009, id="too long"),
        pytest.param(
            (b"\x02\xfe\x40\x00" + bytes(4 + 0x4000)) + (b"\x00\xfe\x40\x00" + bytes(4 + 0x4000)) * 4,
            1009,
            id="too long in pieces",
        ),
    ],
)
async def test_who_breaks_the_rules_is_told_so(
    rig: Rig, nursery: trio.Nursery, autojump_clock: MockClock, sent: bytes, code: int
) -> None:
    listener = Listener()
    socket = await Wire(rig, nursery, LimitSettings(), listener).websocket()
    await socket.stream.send_all(sent)
    answer = await socket.receive()
    assert isinstance(answer, CloseConnection)
    assert answer.code == code
    await listener.over.wait()
    # A peer that does not close in its turn is left after a moment.
    assert await socket.receive() is None
    assert listener.heard[-1]["type"] == "websocket.disconnect"


async def test_an_application_closes_with_its_code_and_reason(rig: Rig, nursery: trio.Nursery) -> None:
    async def closing(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 4001, "reason": "no longer allowed"})

    socket = await Wire(rig, nursery, LimitSettings(), closing).websocket()
    assert await socket.receive() == CloseConnection(code=4001, reason="no longer allowed")
    await socket.send(CloseConnection(code=4001))
    assert await socket.receive() is None
    nursery.cancel_scope.cancel()


async def test_an_application_that_fails_closes_with_1011(rig: Rig, nursery: trio.Nursery) -> None:
    async def failing(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        raise RuntimeError("a bug")

    socket = await Wire(rig, nursery, LimitSettings(), failing).websocket()
    answer = await socket.receive()
    assert isinstance(answer, CloseConnection)
    assert answer.code == 1011
    nursery.cancel_scope.cancel()


async def test_the_end_of_the_server_is_1001(rig: Rig, nursery: trio.Nursery) -> None:
    listener = Listener()
    wire = Wire(rig, nursery, LimitSettings(), listener)
    socket = await wire.websocket()
    await wire.server.stop()
    answer = await socket.receive()
    assert isinstance(answer, CloseConnection)
    assert answer.code == 1001
    await listener.over.wait()
    assert listener.heard[-1]["code"] == 1001
    await socket.send(CloseConnection(code=1001))
    assert await socket.receive() is None
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        (b"Version: 13", b"Version: 8", 426),
        (b"Sec-WebSocket-Version: 13\r\n", b"", 426),
        (b"dGhlIHNhbXBsZSBub25jZQ==", b"c2hvcnQ=", 400),
        (b"dGhlIHNhbXBsZSBub25jZQ==", b"!!", 400),
    ],
)
async def test_a_handshake_that_is_none_is_refused_and_the_connection_ends(
    rig: Rig, nursery: trio.Nursery, old: bytes, new: bytes, status: int
) -> None:
    stream = await Wire(rig, nursery, LimitSettings(), echo).call()
    await stream.send_all(UPGRADE.replace(old, new))
    answer = await rest(stream)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert (b"sec-websocket-version: 13" in answer.lower()) == (status == 426)
    nursery.cancel_scope.cancel()


async def test_bytes_before_the_handshake_ends_are_refused_and_leave_nothing(rig: Rig, nursery: trio.Nursery) -> None:
    async def hesitant(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        assert (await receive())["type"] == "websocket.disconnect"
        await send({"type": "websocket.accept"})

    wire = Wire(rig, nursery, LimitSettings(), hesitant)
    stream = await wire.call()
    await stream.send_all(UPGRADE + b"\x81\x85\x00\x00\x00\x00hello" * 50)
    assert (await read_response(stream)).startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert await rest(stream) == b""
    await trio.testing.wait_all_tasks_blocked()
    assert len(wire.server.connections) == 0
    nursery.cancel_scope.cancel()


async def test_what_refuses_a_websocket_may_say_why(rig: Rig, nursery: trio.Nursery) -> None:
    async def refusing(scope: Scope, receive: Receive, send: Send) -> None:
        assert "websocket.http.response" in scope["extensions"]
        await send({"type": "websocket.http.response.start", "status": 401, "headers": [(b"content-length", b"2")]})
        await send({"type": "websocket.http.response.body", "body": b"no"})

    socket = Socket(await Wire(rig, nursery, LimitSettings(), refusing).call())
    await socket.send(Request(host="board", target="/"))
    rejected = await socket.receive()
    assert isinstance(rejected, RejectConnection)
    assert rejected.status_code == 401
    body = await socket.receive()
    assert isinstance(body, RejectData)
    assert body.data == b"no"
    nursery.cancel_scope.cancel()
