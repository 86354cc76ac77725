"""Requests that two programs could read differently, and what is too long."""

from __future__ import annotations

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.api.server.parser import RequestParser, origin_form

GOOD = b"POST /a HTTP/1.1\r\nHost: board\r\n"


def first_event(sent: bytes, *, piece: int = 100_000) -> object:
    """The first event of a request; what is refused is the status it is refused with."""
    parser = RequestParser(target_size=200, header_size=1000)
    try:
        for start in range(0, len(sent), piece):
            parser.receive_data(sent[start : start + piece])
            event = parser.next_event()
            if event is not h11.NEED_DATA:
                return event
    except h11.RemoteProtocolError as error:
        return error.error_status_hint
    return None


# Replayed against the whole server in test_attacks.py too.
REFUSED = [
    pytest.param(GOOD + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, id="CL and TE"),
    pytest.param(GOOD + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n", 400, id="TE and CL"),
    pytest.param(GOOD + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\n", 400, id="two lengths"),
    pytest.param(GOOD + b"Content-Length: 4, 5\r\n\r\n", 400, id="two lengths in one"),
    pytest.param(GOOD + b"Content-Length: +4\r\n\r\n", 400, id="a length with a sign"),
    pytest.param(GOOD + b"Content-Length: 0x4\r\n\r\n", 400, id="a length in hexadecimal"),
    pytest.param(GOOD + b"Content-Length: 4 4\r\n\r\n", 400, id="a length with a space"),
    pytest.param(GOOD + b"Content-Length:\r\n\r\n", 400, id="no length"),
    pytest.param(GOOD + b"Content-Length : 4\r\n\r\n", 400, id="a space before the colon"),
    pytest.param(GOOD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n", 501, id="two TE"),
    pytest.param(GOOD + b"Transfer-Encoding: xchunked\r\n\r\n", 501, id="xchunked"),
    pytest.param(GOOD + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501, id="gzip, chunked"),
    pytest.param(GOOD + b"Transfer-Encoding: chunked, identity\r\n\r\n", 501, id="chunked, identity"),
    pytest.param(GOOD + b"Transfer-Encoding: \x0bchunked\r\n\r\n", 400, id="vertical tab before chunked"),
    pytest.param(GOOD + b"Transfer-Encoding:\r\n chunked\r\n\r\n", 400, id="TE folded"),
    pytest.param(b"POST / HTTP/1.0\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n", 400, id="TE in HTTP/1.0"),
    pytest.param(GOOD + b"X: a\r\n b\r\n\r\n", 400, id="a folded header"),
    pytest.param(GOOD + b"X: a\r\n\tb\r\n\r\n", 400, id="a header folded with a tab"),
    pytest.param(b"GET / HTTP/1.1\nHost: board\n\n", 400, id="line feeds alone"),
    pytest.param(GOOD + b"X: a\nContent-Length: 4\r\n\r\n", 400, id="one line feed alone"),
    pytest.param(GOOD + b"X: a\rContent-Length: 4\r\n\r\n", 400, id="a carriage return alone"),
    pytest.param(GOOD + b"X: a\x00b\r\n\r\n", 400, id="a zero byte"),
    pytest.param(GOOD + b" X: a\r\n\r\n", 400, id="a space before a name"),
    pytest.param(b"GET / HTTP/1.1\r\n\r\n", 400, id="no host"),
    pytest.param(GOOD + b"Host: other\r\n\r\n", 400, id="two hosts"),
    pytest.param(b"GET /\xc3\xa4 HTTP/1.1\r\nHost: b\r\n\r\n", 400, id="a target beyond ASCII"),
    pytest.param(b"GET /a b HTTP/1.1\r\nHost: b\r\n\r\n", 400, id="a space in the target"),
    pytest.param(b"GET board:443 HTTP/1.1\r\nHost: b\r\n\r\n", 400, id="no path"),
    pytest.param(b"CONNECT other:443 HTTP/1.1\r\nHost: b\r\n\r\n", 400, id="a tunnel"),
    pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, id="the preface of HTTP/2"),
    pytest.param(b"GET / HTTP/3.0\r\nHost: b\r\n\r\n", 505, id="HTTP/3"),
    pytest.param(b"GET /" + b"a" * 201 + b" HTTP/1.1\r\nHost: b\r\n\r\n", 414, id="a long target"),
    pytest.param(b"GET /" + b"a" * 900, 414, id="an endless target"),
    pytest.param(GOOD + b"X: " + b"a" * 1000 + b"\r\n\r\n", 431, id="a long header"),
    pytest.param(GOOD + b"X: " + b"a" * 5000, 431, id="an endless header"),
    pytest.param(GOOD + b"x:\r\n" * 101 + b"\r\n", 431, id="many headers"),
]


@pytest.mark.parametrize(("sent", "status"), REFUSED)
@pytest.mark.parametrize("piece", [100_000, 1])
def test_what_could_be_read_in_two_ways_is_refused(sent: bytes, status: int, piece: int) -> None:
    assert first_event(sent, piece=piece) == status


@pytest.mark.parametrize(
    "sent",
    [
        GOOD + b"\r\n",
        GOOD + b"Content-Length: 4\r\n\r\nabcd",
        GOOD + b"Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd",
        GOOD + b"Transfer-Encoding: Chunked\r\n\r\n4;name=value\r\nabcd\r\n0\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: b\r\n\r\n",
        b"GET https://board:3500/a?b HTTP/1.1\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        GOOD + b"X: \xe4\r\n\r\n",
    ],
)
@pytest.mark.parametrize("piece", [100_000, 1])
def test_what_is_right_is_read(sent: bytes, piece: int) -> None:
    assert isinstance(first_event(sent, piece=piece), h11.Request)


@pytest.mark.parametrize(
    "chunks",
    [
        b"4\r\nabcdXX0\r\n\r\n",
        b"-4\r\nabcd\r\n0\r\n\r\n",
        b"0x4\r\nabcd\r\n0\r\n\r\n",
        b"4 4\r\nabcd\r\n0\r\n\r\n",
        b"ffffffffffffffffffffffff\r\n",
        b"4;" + b"a" * 5000,
        b"4;a\rb\r\nabcd\r\n0\r\n\r\n",
        b"4;a\nb\r\nabcd\r\n0\r\n\r\n",
        b"4 \r\nabcd\r\n0\r\n\r\n",
        b"4\t\r\nabcd\r\n0\r\n\r\n",
        b"4\r\nabcd\r\n0\r\nA: b\n\r\n",
        b"4\r\nabcd\r\n0\r\nA: b\n\n",
        b"4\r\nabcd\r\n0\r\n\n",
        b"4\r\nabcd\r\n0\r\nA: b\rC: d\r\n\r\n",
        b"4\r\nabcd\r\n0\r\nA: b\r\n c\r\n\r\n",
    ],
)
def test_chunks_that_could_be_read_in_two_ways_are_refused(chunks: bytes) -> None:
    parser = RequestParser(target_size=200, header_size=1000)
    parser.receive_data(GOOD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)
    assert isinstance(parser.next_event(), h11.Request)

    def read() -> None:
        while isinstance(parser.next_event(), h11.Data | h11.EndOfMessage):
            pass

    with pytest.raises(h11.RemoteProtocolError):
        read()


@pytest.mark.parametrize("piece", [100_000, 1])
def test_chunks_and_trailers_that_are_right_are_read(piece: int) -> None:
    sent = GOOD + b'Transfer-Encoding: chunked\r\n\r\n4;a="b"\r\nab\n\r\r\n00\r\nA: b\r\nC:\r\n\r\n'
    parser, found = RequestParser(target_size=200, header_size=1000), []
    for start in range(0, len(sent), piece):
        parser.receive_data(sent[start : start + piece])
        while (event := parser.next_event()) is not h11.NEED_DATA and event is not h11.PAUSED:
            found.append(event)
    assert b"".join(event.data for event in found if isinstance(event, h11.Data)) == b"ab\n\r"
    assert isinstance(found[-1], h11.EndOfMessage)


def test_what_is_wrong_with_the_next_request_is_no_fault_of_this_one() -> None:
    parser = RequestParser(target_size=200, header_size=1000)
    parser.receive_data(GOOD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\nHost: b\n\n")
    assert isinstance(parser.next_event(), h11.Request)
    assert isinstance(parser.next_event(), h11.EndOfMessage)


@given(st.binary(max_size=2000))
def test_no_bytes_do_more_than_be_refused(sent: bytes) -> None:
    first_event(sent)
    first_event(GOOD + sent)


def test_a_whole_url_as_target_names_the_host() -> None:
    headers = [(b"host", b"wrong"), (b"a", b"b")]
    assert origin_form(b"https://board:3500/x?y=1", headers) == (b"/x?y=1", [(b"host", b"board:3500"), (b"a", b"b")])
    assert origin_form(b"http://board", headers)[0] == b"/"
    assert origin_form(b"/x", headers) == (b"/x", headers)
