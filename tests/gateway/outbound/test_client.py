"""Posts over real TLS on loopback: connections that are kept, names that are proven, receivers that answer wrongly."""

from __future__ import annotations

import gzip
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import trio

from gateway.outbound.client import Client, Posted
from gateway.outbound.connection import Bounds, Request
from gateway.outbound.route import Peer, Route
from gateway.outbound.trust import Trust
from tests.gateway.outbound.conftest import NAME, Behaviour, Certificates, Serve, Server, Stream

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
REQUEST = Request("/hook?x=1", (("content-type", "application/json"),), b'{"a":1}')
# Nothing that is right waits so long; what is wrong is given up after it.
SHORT = 0.4


async def request(stream: Stream) -> bytes:
    """Read one request; empty where the caller closed."""
    came = b""
    while b"\r\n\r\n" not in came or not came.endswith(b'{"a":1}'):
        data = bytes(await stream.receive_some(4096))
        if not data:
            return b""
        came += data
    return came


def answering(answer: bytes = OK) -> Behaviour:
    async def behaviour(stream: Stream) -> None:
        while await request(stream):
            await stream.send_all(answer)

    return behaviour


@asynccontextmanager
async def client(*, idle: float = 30.0) -> AsyncIterator[Client]:
    made = Client(idle=idle)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(made.run)
        yield made
        nursery.cancel_scope.cancel()


class Caller:
    """Posts to a server under its name, and counts how often that was looked up."""

    def __init__(self, client: Client, server: Server, ca: str | None) -> None:
        self.client, self.server, self.route = client, server, Route("127.0.0.1", ca)
        self.found = 0
        self.judge: Callable[[str], Route] = lambda _: self.route

    async def find(self) -> Route:
        self.found += 1
        return self.route

    async def post(self, *, name: str = NAME, within: float = 10.0, tls: bool = True, patience: float = 60.0) -> Posted:
        peer = Peer(name, self.server.port, tls)
        bounds = Bounds(patience=patience)
        return await self.client.post(
            peer, f"{name}:{self.server.port}", REQUEST, find=self.find, judge=self.judge, within=within, bounds=bounds
        )


async def test_the_name_is_asked_for_and_proven_at_the_address_that_was_looked_at(
    serve: Serve, certificates: Certificates
) -> None:
    asked: list[bytes] = []

    async def behaviour(stream: Stream) -> None:
        asked.append(await request(stream))
        await stream.send_all(OK)

    async with serve(behaviour) as server, client() as mine:
        posted = await Caller(mine, server, str(certificates.ca)).post()
    assert posted.answer is not None
    assert (posted.answer.status, posted.answer.body, posted.address) == (200, b"ok", "127.0.0.1")
    assert server.names == [NAME]
    assert asked == [
        f"POST /hook?x=1 HTTP/1.1\r\nhost: {NAME}:{server.port}\r\ncontent-type: application/json\r\n"
        'content-length: 7\r\n\r\n{"a":1}'.encode()
    ]


async def test_a_connection_is_kept_and_its_name_not_looked_up_again(serve: Serve, certificates: Certificates) -> None:
    async with serve(answering()) as server, client() as mine:
        caller = Caller(mine, server, str(certificates.ca))
        for _ in range(5):
            posted = await caller.post()
            assert posted.answer is not None
    assert (server.connections, caller.found) == (1, 1)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_both_versions_of_tls_that_can_be_trusted_are_spoken(
    serve: Serve, certificates: Certificates, version: ssl.TLSVersion
) -> None:
    context = certificates.context()
    context.minimum_version = context.maximum_version = version
    async with serve(answering(), context=context) as server, client() as mine:
        caller = Caller(mine, server, str(certificates.ca))
        for _ in range(2):
            posted = await caller.post()
            assert posted.answer is not None
            assert posted.answer.body == b"ok"
    assert server.connections == 1


async def test_a_connection_to_an_address_that_is_not_allowed_any_more_is_not_used(
    serve: Serve, certificates: Certificates
) -> None:
    async with serve(answering()) as server, client() as mine:
        caller = Caller(mine, server, str(certificates.ca))
        await caller.post()

        def refuse(address: str) -> Route:
            raise PermissionError(address)

        caller.judge = refuse
        await caller.post()
        caller.judge = lambda address: Route(address, "/another.pem")
        await caller.post()
    assert (server.connections, caller.found) == (3, 3)


async def test_what_the_receiver_closed_meanwhile_is_not_used(serve: Serve, certificates: Certificates) -> None:
    closed = trio.Event()

    async def behaviour(stream: Stream) -> None:
        await request(stream)
        await stream.send_all(OK)
        await stream.aclose()
        closed.set()

    async with serve(behaviour) as server, client() as mine:
        caller = Caller(mine, server, str(certificates.ca))
        assert (await caller.post()).answer is not None
        await closed.wait()
        assert (await caller.post()).answer is not None
    assert server.connections == 2


async def test_a_connection_that_closes_when_it_is_used_again_costs_no_attempt(
    serve: Serve, certificates: Certificates
) -> None:
    async def behaviour(stream: Stream) -> None:
        await request(stream)
        await stream.send_all(OK)
        await request(stream)

    async with serve(behaviour) as server, client() as mine:
        caller = Caller(mine, server, str(certificates.ca))
        for _ in range(3):
            assert (await caller.post()).answer is not None
    assert server.connections == 3


async def test_who_speaks_unasked_is_not_listened_to(serve: Serve, certificates: Certificates) -> None:
    async with serve(answering(OK + OK)) as server, client() as mine:
        caller = Caller(mine, server, str(certificates.ca))
        for _ in range(2):
            assert (await caller.post()).answer is not None
    assert server.connections == 2


async def test_what_is_not_used_is_closed(serve: Serve, certificates: Certificates) -> None:
    ended = trio.Event()

    async def behaviour(stream: Stream) -> None:
        await answering()(stream)
        ended.set()

    async with serve(behaviour) as server, client(idle=0.01) as mine:
        await Caller(mine, server, str(certificates.ca)).post()
        with trio.fail_after(5):
            await ended.wait()


async def test_plain_http_where_it_is_asked_for(serve: Serve) -> None:
    async with serve(answering(), plain=True) as server, client() as mine:
        caller = Caller(mine, server, None)
        answers = [(await caller.post(tls=False)).answer for _ in range(2)]
    assert [answer and answer.status for answer in answers] == [200, 200]
    assert server.connections == 1


@pytest.mark.parametrize(
    ("leaf", "name", "words"),
    [
        ("forged.pem", NAME, "certificate that is not trusted"),
        ("other.pem", NAME, "not valid for 'receiver.test'"),
        ("leaf.pem", "another.test", "not valid for 'another.test'"),
    ],
)
async def test_a_certificate_that_proves_nothing(
    serve: Serve, certificates: Certificates, leaf: str, name: str, words: str
) -> None:
    asked: list[bytes] = []

    async def behaviour(stream: Stream) -> None:
        asked.append(await request(stream))

    context = certificates.context(certificates.place / leaf)
    async with serve(behaviour, context=context) as server, client() as mine:
        posted = await Caller(mine, server, str(certificates.ca)).post(name=name)
    assert (posted.answer, posted.untrusted) == (None, True)
    assert words in str(posted.error)
    assert not any(asked)


async def test_who_says_that_this_was_all_is_not_called_again_on_that_connection(
    serve: Serve, certificates: Certificates
) -> None:
    """Its farewell came with the answer, and the socket stays open: a request would be taken, and never answered."""
    got: list[bytes] = []
    late: list[int] = []

    async def behaviour(stream: Stream) -> None:
        tcp = stream.transport_stream
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = certificates.context().wrap_bio(incoming, outgoing, server_side=True)
        while True:
            with suppress(ssl.SSLWantReadError):
                session.do_handshake()
                break
            await tcp.send_all(outgoing.read())
            incoming.write(await tcp.receive_some())
        await tcp.send_all(outgoing.read())
        while True:
            with suppress(ssl.SSLWantReadError):
                got.append(session.read(4096))
                break
            incoming.write(await tcp.receive_some())
        session.write(OK)
        with suppress(ssl.SSLWantReadError):
            session.unwrap()
        await tcp.send_all(outgoing.read())
        late.append(len(await tcp.receive_some()))

    async with serve(behaviour) as server, client() as mine:
        caller = Caller(mine, server, str(certificates.ca))
        for _ in range(2):
            posted = await caller.post()
            assert posted.answer is not None, posted.error
    assert server.connections == 2
    assert len(got) == 2
    assert all(size < len(got[0]) for size in late), "nothing but a farewell"


async def test_tls_before_1_2_is_refused(serve: Serve, certificates: Certificates) -> None:
    context = certificates.context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    async with serve(answering(), context=context) as server, client() as mine:
        posted = await Caller(mine, server, str(certificates.ca)).post()
    assert posted.answer is None
    assert "was not reached" in str(posted.error)


async def test_nobody_is_there(certificates: Certificates) -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    await listeners[0].aclose()
    async with client() as mine:
        posted = await Caller(mine, Server(port), str(certificates.ca)).post()
    assert (posted.answer, posted.error) == (None, "was not reached: Connection refused")


def sending(*pieces: bytes, forever: bytes = b"", hold: bool = False, every: float = 0.0) -> Behaviour:
    async def behaviour(stream: Stream) -> None:
        await request(stream)
        for piece in pieces:
            await stream.send_all(piece)
        while forever:
            await stream.send_all(forever)
            await trio.sleep(every)
        if hold:
            await trio.sleep_forever()

    return behaviour


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (sending(), "closed the connection"),
        (sending(hold=True), "did not answer within"),
        (sending(b"HTTP"), "HTTP/1.1"),
        (sending(b"\x00\xff" * 2000), "HTTP/1.1"),
        (sending(b"SSH-2.0-OpenSSH_9.2\r\n"), "HTTP/1.1"),
        (sending(b"HTTP/1.1 99 No\r\n\r\n"), "HTTP/1.1"),
        (sending(HEAD, forever=b"x-more: " + b"y" * 1000 + b"\r\n"), "HTTP/1.1"),
        (sending(HEAD + b"x: ", forever=b"y" * 4096), "HTTP/1.1"),
        (sending(HEAD, forever=b"a: b\r\n", every=0.02), "did not answer within"),
        (sending(forever=b"HTTP/1.1 103 Early Hints\r\n\r\n"), "interim"),
        (sending(forever=b"HTTP/1.1 100 Continue\r\n\r\n", every=0.001), "interim"),
        (sending(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"), "HTTP/1.1"),
        (sending(HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"), "HTTP/1.1"),
        (sending(HEAD + b"Content-Length: -1\r\n\r\n"), "HTTP/1.1"),
        (sending(HEAD + b"Transfer-Encoding: gzip\r\n\r\n"), "HTTP/1.1"),
        (sending(HEAD + b"\r\n"[:1]), "HTTP/1.1"),
    ],
)
async def test_what_is_no_answer_is_none_and_costs_little(
    serve: Serve, certificates: Certificates, behaviour: Behaviour, words: str
) -> None:
    within = SHORT if words == "did not answer within" else 60.0
    async with serve(behaviour) as server, client() as mine:
        posted = await Caller(mine, server, str(certificates.ca)).post(within=within)
    assert posted.answer is None
    assert words in str(posted.error)


PACKED = b"Content-Encoding: gzip\r\nConnection: close\r\n\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("behaviour", "length", "words"),
    [
        (sending(HEAD + b"Content-Length: 1000000000\r\n\r\n", forever=b"x" * 4096), 4096, "more than 4096 bytes"),
        (sending(HEAD + b"Connection: close\r\n\r\n", forever=b"x" * 4096), 4096, "more than 4096 bytes"),
        # What is packed stays so.
        (sending(HEAD + PACKED, gzip.compress(bytes(10_000_000))), 4096, "more than 4096 bytes"),
        (sending(CHUNKED, forever=b"1\r\nx\r\n" * 500), 4096, "more than 4096 bytes"),
        (sending(CHUNKED, forever=b"1;" + b"e" * 4000 + b"\r\nx\r\n"), None, "more than 4096 bytes"),
        (sending(CHUNKED + b"1;", forever=b"e" * 4000), 0, "HTTP/1.1"),
        (sending(CHUNKED + b"fffffffffffffffff\r\nx"), None, ""),
        (sending(CHUNKED + b"zz\r\n"), 0, "HTTP/1.1"),
        (sending(CHUNKED + b"0\r\n", forever=b"a: b\r\n" * 100), 0, "HTTP/1.1"),
        (sending(HEAD + b"Content-Length: 10\r\n\r\nabc"), 3, "HTTP/1.1"),
        (sending(HEAD + b"Content-Length: 10\r\n\r\nabc", hold=True), 3, "in time"),
        (sending(HEAD + b"Content-Length: 4000\r\n\r\n", forever=b"x", every=0.02), None, "in time"),
    ],
)
async def test_the_status_counts_whatever_becomes_of_the_body(
    serve: Serve, certificates: Certificates, behaviour: Behaviour, length: int | None, words: str
) -> None:
    async with serve(behaviour) as server, client() as mine:
        caller = Caller(mine, server, str(certificates.ca))
        posted = await caller.post(patience=SHORT if words == "in time" else 60.0)
        assert posted.answer is not None
        assert posted.answer.status == 200
        assert length is None or len(posted.answer.body) == length
        assert words in str(posted.answer.fault)
        # What was left unread is nobody's answer.
        await caller.post(within=SHORT)
    assert server.connections == 2


@pytest.mark.parametrize("noise", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x16\x03\x01" + b"\xff" * 100])
async def test_who_speaks_no_tls(serve: Serve, certificates: Certificates, noise: bytes) -> None:
    async def behaviour(stream: Stream) -> None:
        await stream.receive_some(4096)
        await stream.send_all(noise)

    async with serve(behaviour, plain=True) as server, client() as mine:
        posted = await Caller(mine, server, str(certificates.ca)).post()
    assert posted.answer is None
    assert "was not reached" in str(posted.error)


async def test_a_handshake_that_never_ends(serve: Serve, certificates: Certificates) -> None:
    async def behaviour(stream: Stream) -> None:
        await trio.sleep_forever()

    async with serve(behaviour, plain=True) as server, client() as mine:
        posted = await Caller(mine, server, str(certificates.ca)).post(within=SHORT)
    assert (posted.answer, posted.error) == (None, "was not reached within 0.4 s")


async def test_a_redirect_is_an_answer_and_not_followed(serve: Serve, certificates: Certificates) -> None:
    answer = b"HTTP/1.1 307 Elsewhere\r\nLocation: https://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    async with serve(answering(answer)) as server, client() as mine:
        posted = await Caller(mine, server, str(certificates.ca)).post()
    assert posted.answer is not None
    assert posted.answer.status == 307
    assert server.connections == 1


async def test_no_proxy_is_asked(serve: Serve, certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with serve(answering()) as server, client() as mine:
        assert (await Caller(mine, server, str(certificates.ca)).post()).answer is not None


async def test_an_authority_that_changes_is_read_anew(serve: Serve, certificates: Certificates, tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text("no certificate")
    right = certificates.ca.read_bytes()
    async with serve(answering()) as server, client() as mine:
        caller = Caller(mine, server, str(ca))
        posted = await caller.post()
        assert (posted.answer, str(tmp_path) in str(posted.error)) == (None, False)
        ca.write_bytes(right)
        assert (await caller.post()).answer is not None


async def test_a_context_is_made_once(certificates: Certificates) -> None:
    trust = Trust()
    assert await trust.context(str(certificates.ca)) is await trust.context(str(certificates.ca))
    assert await trust.context(None) is await trust.context(None)


async def test_nothing_is_left_open_at_the_end(serve: Serve, certificates: Certificates) -> None:
    ended = trio.Event()

    async def behaviour(stream: Stream) -> None:
        await answering()(stream)
        ended.set()

    async with serve(behaviour) as server:
        async with client() as mine:
            caller = Caller(mine, server, str(certificates.ca))
        # The one who keeps house is gone already, and a last post is under way.
        assert (await caller.post()).answer is not None
        with trio.fail_after(5):
            await ended.wait()
