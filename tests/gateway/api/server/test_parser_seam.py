"""Where our reader of headers stands on what h11 keeps to itself.

`RequestParser` gives h11 a buffer of its own making: the only place where a line can be judged before h11 takes it,
once, and without a copy of all that has come. h11 promises nothing of that, and is pinned. When one of these tests
fails after h11 was raised, gateway/api/server/parser.py (`StrictLines`) has to follow, or bodies in chunks can be
smuggled again.
"""

from __future__ import annotations

import h11
import pytest
from h11._receivebuffer import ReceiveBuffer

from gateway.api.server.parser import RequestParser, StrictLines

HEAD = b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


class Recorder(StrictLines):
    """Says which of its methods h11 takes lines by."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[tuple[str, object]] = []

    def maybe_extract_next_line(self) -> bytearray | None:
        line = super().maybe_extract_next_line()
        self.taken.append(("a line", line and bytes(line)))
        return line

    def maybe_extract_lines(self) -> list[bytearray] | None:
        lines = super().maybe_extract_lines()
        self.taken.append(("lines", lines and [bytes(line) for line in lines]))
        return lines


def test_h11_keeps_what_has_come_where_we_put_our_buffer() -> None:
    plain, ours = h11.Connection(h11.SERVER), RequestParser(100, 1000)

    assert type(plain._receive_buffer) is ReceiveBuffer
    assert type(ours._receive_buffer) is StrictLines
    assert type(StrictLines()._data) is bytearray
    ours.receive_data(HEAD)
    assert bytes(ours._receive_buffer) == HEAD, "it is the buffer that data goes to"


def test_h11_takes_every_line_by_the_two_methods_that_judge() -> None:
    parser, buffer = RequestParser(100, 1000), Recorder()
    parser._receive_buffer = buffer
    parser.receive_data(HEAD + b"3;note\r\nabc\r\n0\r\nX: y\r\n\r\n")

    events = [parser.next_event() for _ in range(3)]

    assert [type(event) for event in events] == [h11.Request, h11.Data, h11.EndOfMessage]
    assert buffer.taken == [
        ("lines", HEAD.removesuffix(b"\r\n\r\n").split(b"\r\n")),
        ("a line", b"3;note\r\n"),
        ("a line", b"0\r\n"),
        ("lines", [b"X: y"]),
    ]


@pytest.mark.parametrize(
    "rest", [b"3 \r\nabc\r\n0\r\n\r\n", b"3\nabc\r\n0\r\n\r\n", b"0\r\nX: y\n\n", b"0\r\nX: y\r\n z\r\n\r\n"]
)
def test_what_h11_would_take_is_refused_in_a_chunk_and_behind_the_last(rest: bytes) -> None:
    parser = RequestParser(100, 1000)
    parser.receive_data(HEAD + rest)
    with pytest.raises(h11.RemoteProtocolError):
        for _ in range(4):
            parser.next_event()
