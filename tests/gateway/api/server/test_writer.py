"""The writer of plain responses says what h11 would, or nothing."""

from __future__ import annotations

import h11
import pytest
from hypercorn.utils import build_and_validate_headers
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.api.server.writer import COUNTED, REASONS, write

DATE = b"Sun, 22 Nov 2026 14:00:00 GMT"
names = st.sampled_from(
    [
        *(b"cache-control", b"content-type", b"content-length", b"x-request-id", b"connection", b"transfer-encoding"),
        *(COUNTED, b"vary", b"Vary", b"x-other", b"", b":status", b"set-cookie", b"date", b"upgrade"),
    ]
)
values = st.binary(max_size=12) | st.sampled_from(
    [b"0", b"2", b"close", b"a\r\nx: y", b" a", b"a ", b"a:  b", b"chunked"]
)
statuses = st.sampled_from([*REASONS, 299])


def by_h11(status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> bytes:
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    connection.next_event()
    connection.next_event()
    headers = [*build_and_validate_headers(headers), (b"date", DATE)]
    response = h11.Response(status_code=status, headers=headers, reason=REASONS[status])
    data = (connection.send(response) or b"") + (connection.send(h11.Data(data=body)) or b"")
    data += connection.send(h11.EndOfMessage()) or b""
    # The connection goes on, as the writer takes for granted.
    connection.start_next_cycle()
    return data


@given(status=statuses, headers=st.lists(st.tuples(names, values), max_size=5), body=st.sampled_from([b"", b"{}"]))
@settings(max_examples=600, deadline=None)
def test_what_it_writes_is_what_h11_writes(status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    headers = [*headers, (COUNTED, b"9"), (b"content-length", b"%d" % len(body))]
    written = write({"status": status, "headers": headers}, body, DATE)
    if written is not None:
        assert written == by_h11(status, headers, body)


def test_a_plain_response_is_written() -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"2"), (COUNTED, b"9")]
    written = write({"status": 200, "headers": headers}, b"{}", DATE)
    assert written == by_h11(200, headers, b"{}")


@pytest.mark.parametrize(
    "header",
    [
        (b"x-request-id", b"a\r\nSet-Cookie: b=c"),
        (b"x-request-id", b"a\r\n\r\nHTTP/1.1 200 OK"),
        (b"x-request-id", b"a\nb"),
        (b"x-request-id", b"a\rb"),
        (b"x-request-id", b"a\x00b"),
        (b"content-length", b"3"),
        (b"content-length", b"2"),
        (b"connection", b"close"),
        (b"transfer-encoding", b"chunked"),
    ],
)
def test_what_could_make_two_answers_of_one_is_left_to_h11(header: tuple[bytes, bytes]) -> None:
    headers = [(b"content-length", b"2"), (COUNTED, b"9"), header]
    assert write({"status": 200, "headers": headers}, b"{}", DATE) is None


def test_an_answer_that_was_not_counted_or_has_no_body_is_left_to_h11() -> None:
    length = (b"content-length", b"0")
    assert write({"status": 200, "headers": [length]}, b"", DATE) is None
    assert write({"status": 204, "headers": [length, (COUNTED, b"9")]}, b"", DATE) is None
