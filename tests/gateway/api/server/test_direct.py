"""Requests with a known header take a shorter way: nobody may tell by the answer."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace
from typing import cast

import h11
import pytest
import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import AppWrapper, HTTPScope
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs
from trio.testing import MockClock

from gateway.api.asgi import Application, Receive, Scope, Send, header
from gateway.api.server.admission import Admission
from gateway.api.server.config import ServerConfig
from gateway.api.server.connection import Connection, Guest
from gateway.api.server.heads import Heads
from gateway.api.server.parser import RequestParser
from gateway.api.server.turns import Turns
from gateway.api.server.writer import COUNTED
from gateway.settings.model import LimitSettings
from gateway.streams.encrypted import Encrypted
from tests.gateway.api.test_parser import REFUSED

LIMITS = LimitSettings(target_size=200, header_size=1000)
GET = b"GET /plain HTTP/1.1\r\nHost: board\r\n\r\n"


class Script:
    """Stands for the TLS stream: hands out chunks, keeps what is sent."""

    session = SimpleNamespace(getpeercert=lambda **_: None, cipher=lambda: None)

    def __init__(self, chunks: list[bytes]) -> None:
        self.chunks = chunks
        self.sent: list[bytes] = []
        self.open = True

    async def receive_some(self) -> bytes:
        # Whatever a piece brings about is over before the next one comes.
        await trio.sleep(1)
        if not self.open:
            raise trio.ClosedResourceError
        return self.chunks.pop(0) if self.chunks else b""

    async def send_all(self, data: bytes) -> None:
        if not self.open:
            raise trio.ClosedResourceError
        self.sent.append(data)

    async def aclose(self) -> None:
        self.open = False

    abort = aclose


async def mirror(scope: Scope, receive: Receive, send: Send) -> None:
    """Says what it was asked, in a way that the path chooses."""
    path = scope["path"]
    if path == "/fall":
        raise RuntimeError("a bug")
    body = (await receive())["body"] if path != "/deaf" else b""
    parts = {name: scope[name] for name in ("method", "path", "raw_path", "query_string", "headers", "http_version")}
    text = json.dumps([str(parts), str(header(scope, b"x")), body.decode("latin-1")]).encode()
    # What an application does to its scope is its own affair.
    scope["headers"].clear()
    scope["state"]["left"] = scope["extensions"]["left"] = True
    length = b"%d" % (len(text) + (path == "/wrong"))
    headers = [(b"content-type", b"application/json"), (b"content-length", length), (COUNTED, b"5")]
    if path == "/close":
        headers.append((b"connection", b"close"))
    if path == "/split":
        headers.append((b"x-request-id", b"a\r\nb: c"))
    if path == "/half":
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        return
    if path == "/empty":
        await send({"type": "http.response.start", "status": 204, "headers": [(COUNTED, b"5")]})
        await send({"type": "http.response.body"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if path == "/parts":
        await send({"type": "http.response.body", "body": text[:5], "more_body": True})
        text = text[5:]
    await send({"type": "http.response.body", "body": text})
    if path == "/twice":
        await send({"type": "http.response.body", "body": text})


def connect(stream: Script, app: Application, context: WorkerContext) -> Connection:
    """A connection after its handshake."""
    return Connection(
        cast("AppWrapper", ASGIWrapper(app)),  # type: ignore[arg-type] # hypercorn types scopes one by one
        ServerConfig(LIMITS),
        context,
        cast("Encrypted", stream),
        peer=("127.0.0.1", 1),
        here=("127.0.0.1", 2),
        admission=Admission[Guest](5, 5),
        guest=Guest("127.0.0.1"),
        turns=Turns(1000),
    )


async def converse(chunks: list[bytes], app: Application = mirror) -> tuple[bytes, Connection]:
    """All that the server says on one connection."""
    stream = Script(list(chunks))
    connection = connect(stream, app, WorkerContext(None))
    await connection.run()
    return re.sub(rb"date: [^\r]*", b"date: now", b"".join(stream.sent)), connection


def in_trio(chunks: list[bytes]) -> bytes:
    async def scenario() -> bytes:
        return (await converse(chunks))[0]

    with capture_logs():
        return trio.run(scenario, clock=MockClock(autojump_threshold=0))


paths = ["/plain", "/plain?a=b", "/parts", "/empty", "/fall", "/close", "/split", "/half", "/wrong", "/twice", "/deaf"]
fields = [
    b"X: 1",
    b"x: 2",
    b"Connection: keep-alive",
    b"Connection: close",
    b"Connection: Upgrade",
    b"Upgrade: websocket",
    b"Upgrade: h2c",
    b"Expect: 100-continue",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: identity",
    b"Content-Length: 4",
    b"Content-Length: 04",
    b"Content-Length: 0",
    b"Content-Length : 4",
    b"Host: other",
    b" folded",
    b"X: a\rb",
    b"X:",
]


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    method = draw(st.sampled_from([b"POST", b"POST", b"GET", b"HEAD", b"PUT", b"OPTIONS"]))
    version = draw(st.sampled_from([b"1.1"] * 8 + [b"1.0", b"2.0"]))
    target = draw(st.sampled_from(paths)).encode()
    more = draw(st.lists(st.sampled_from(fields), max_size=2))
    # A whole request: what is still to come may be answered before it has come.
    body = draw(st.sampled_from([b"", b"bod", b"body", None]))
    lines = [b"%b %b HTTP/%b" % (method, target, version), b"Host: board", *more]
    if body is not None:
        lines.append(b"Content-Length: %d" % len(body))
    elif any(b"chunked" in line for line in more):
        body = b"4\r\nbody\r\n0\r\n\r\n"
    else:
        body = b"body"[: max((int(line[-1:]) for line in more if line.startswith(b"Content-Length")), default=0)]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


@given(kinds=st.lists(requests(), min_size=1, max_size=3), order=st.lists(st.integers(0, 2), min_size=2, max_size=8))
@settings(max_examples=400, deadline=None)
def test_known_requests_one_by_one_are_answered_as_all_together_are(kinds: list[bytes], order: list[int]) -> None:
    """In one piece all of them go through h11, one by one the known ones do not."""
    sent = [kinds[number % len(kinds)] for number in order]
    # What comes behind a request that is the last by its own word may be answered with 400 before it is.
    lasts = [place for place, request in enumerate(sent) if b"Connection: close" in request or b"HTTP/1.0" in request]
    del sent[lasts[0] + 1 if lasts else len(sent) :]
    assert in_trio(sent) == in_trio([b"".join(sent)])


@pytest.mark.parametrize("path", paths)
def test_every_kind_of_answer_is_the_same_the_second_time(path: str) -> None:
    request = b"POST %b HTTP/1.1\r\nHost: board\r\nContent-Length: 4\r\n\r\nbody" % path.encode()
    assert in_trio([request] * 3) == in_trio([request * 3])


@pytest.mark.parametrize(("sent", "status"), REFUSED)
def test_what_can_be_read_in_two_ways_is_refused_behind_a_known_request_too(sent: bytes, status: int) -> None:
    answer = in_trio([GET, GET, sent, sent, GET])
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert answer.count(b"HTTP/1.1 %d " % status) == 1
    assert answer.count(b"HTTP/1.1 ") == 3


async def test_a_plain_request_leaves_the_connection_as_it_was(autojump_clock: MockClock) -> None:
    parsed = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        parsed.append(connection.protocol.connection.their_state)
        # Nobody waits for the caller to send more of it.
        assert not connection.protocol.unread
        await mirror(scope, receive, send)

    stream = Script([GET] * 5)
    connection = connect(stream, app, WorkerContext(None))
    await connection.run()
    assert parsed == [h11.IDLE] * 5
    assert b"".join(stream.sent).count(b" 200 OK") == 5


async def test_few_headers_and_no_long_ones_are_remembered() -> None:
    heads = Heads()
    for number in range(50):
        learn(heads, b"GET /%d HTTP/1.1\r\nHost: board\r\n\r\n" % number)
    long = b"GET / HTTP/1.1\r\nHost: board\r\nX: %b\r\n\r\n" % (b"a" * 5000)
    learn(heads, long)
    assert heads.find(long) is None
    found = [number for number in range(50) if heads.find(b"GET /%d HTTP/1.1\r\nHost: board\r\n\r\n" % number)]
    assert found == [46, 47, 48, 49]


def learn(heads: Heads, sent: bytes) -> None:
    parser = RequestParser(target_size=6000, header_size=6000)
    parser.receive_data(sent)
    request = parser.next_event()
    assert isinstance(request, h11.Request)
    heads.learn(sent, request, cast("HTTPScope", {"headers": list(request.headers), "extensions": {}}))


async def test_the_answer_under_way_when_the_server_ends_is_the_last(autojump_clock: MockClock) -> None:
    asked = 0
    context = WorkerContext(None)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal asked
        asked += 1
        if asked == 2:
            await context.terminated.set()
        await mirror(scope, receive, send)

    stream = Script([GET] * 5)
    await connect(stream, app, context).run()
    assert b"".join(stream.sent).count(b" 200 OK") == 2
    assert not stream.open
