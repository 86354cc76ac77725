"""Reads the header of a request, and the lines of a body in chunks, more strictly than the rules demand.

What two programs may read differently is how one request is smuggled inside another. Nothing stands between this
server and its callers that needs the leeway of RFC 9112, so none is given.
"""

from __future__ import annotations

import re

import h11
from h11._receivebuffer import ReceiveBuffer

# A line feed alone, a carriage return alone, a folded line (RFC 9112, 2.2 and 5.2).
_ODD_LINE_END = re.compile(rb"(?<!\r)\n|\r(?![\n])(?!\Z)|\n[ \t]")
_END = b"\r\n\r\n"
_MOST_HEADERS = 100
# Room for the longest method and the version around the target.
_AROUND_TARGET = 32
_ABSOLUTE = re.compile(rb"https?://([^/?#@]+)(/[^#]*)?", re.IGNORECASE)


class StrictLines(ReceiveBuffer):
    """What h11 takes lines from: of a header, a chunk, and trailers. It would take line feeds alone, and more."""

    def maybe_extract_next_line(self) -> bytearray | None:
        """The line before a chunk.

        Raises:
            RemoteProtocolError: it could be read in two ways.
        """
        line = super().maybe_extract_next_line()
        if line is not None and (_ODD_LINE_END.search(line) or line[:-2].endswith((b" ", b"\t"))):
            raise h11.RemoteProtocolError("the size of a chunk ends with its line", 400)
        return line

    def maybe_extract_lines(self) -> list[bytearray] | None:
        """A header or trailers. Raises as ``maybe_extract_next_line``, also before all of it is there."""
        if self._data.startswith(b"\r\n"):
            # No trailers; what is behind this is the next request.
            return super().maybe_extract_lines()
        end = self._data.find(_END)
        if self._data.startswith(b"\n") or _ODD_LINE_END.search(self._data, 0, len(self._data) if end < 0 else end):
            raise h11.RemoteProtocolError("lines of a header end in CR LF, and go on nowhere else", 400)
        return super().maybe_extract_lines()


class RequestParser(h11.Connection):
    """The reading and writing side of one HTTP/1.1 connection.

    Args:
        target_size: bytes of path and query, at most.
        header_size: bytes of the whole header, at most.
    """

    def __init__(self, target_size: int, header_size: int) -> None:
        super().__init__(h11.SERVER, max_incomplete_event_size=header_size)
        self._receive_buffer = StrictLines()
        self._target_size = target_size
        self._header_size = header_size

    @property
    def they_are_waiting_for_100_continue(self) -> bool:
        """No: who waits to send a body is told when somebody wants it, and not before a 401 or 413."""
        return False

    @property
    def held_back(self) -> bool:
        """Whether the caller waits to be told to send the body (``Expect: 100-continue``, RFC 9110, 10.1.1)."""
        return super().they_are_waiting_for_100_continue

    def next_event(self) -> type[h11.NEED_DATA | h11.PAUSED] | h11.Event:
        """Parse the next event out of what has come.

        Raises:
            RemoteProtocolError: it is no HTTP/1.1, or could be read in two ways; it says which status answers it.
        """
        if self.their_state is h11.IDLE:
            self._check_lengths(self.trailing_data[0])
        try:
            event = super().next_event()
        except h11.RemoteProtocolError as error:
            # h11 raises it from a frame that refers to it: with its trace, it and all it came through would stay.
            error.__traceback__ = None
            raise h11.RemoteProtocolError(str(error), error.error_status_hint) from None
        if isinstance(event, h11.Request):
            self._check_request(event)
        return event

    def _check_lengths(self, received: bytes) -> None:
        head = received.partition(_END)[0]
        if len(head.partition(b"\r\n")[0]) > self._target_size + _AROUND_TARGET:
            raise h11.RemoteProtocolError("the target is too long", 414)
        if len(head) > self._header_size:
            raise h11.RemoteProtocolError("the header is too long", 431)

    def _check_request(self, request: h11.Request) -> None:
        if request.http_version not in {b"1.1", b"1.0"}:
            raise h11.RemoteProtocolError("HTTP/1.1 is spoken here", 505)
        if len(request.target) > self._target_size:
            raise h11.RemoteProtocolError("the target is too long", 414)
        if len(request.headers) > _MOST_HEADERS:
            raise h11.RemoteProtocolError("too many header fields", 431)
        names = {name for name, _ in request.headers}
        if b"transfer-encoding" in names and (b"content-length" in names or request.http_version == b"1.0"):
            raise h11.RemoteProtocolError("where the body ends can be read in two ways", 400)
        if not request.target.startswith(b"/") and request.target != b"*" and not _ABSOLUTE.fullmatch(request.target):
            raise h11.RemoteProtocolError("the target is no path", 400)


def origin_form(target: bytes, headers: list[tuple[bytes, bytes]]) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """A target as a path, and the headers with the host it was meant for (RFC 9112, 3.2.2)."""
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None:
        return target, headers
    host, path = absolute.groups()
    return path or b"/", [(b"host", host), *(entry for entry in headers if entry[0] != b"host")]
