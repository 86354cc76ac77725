"""Writes a plain response as bytes, the same ones as h11; what is not plain is for h11 to write or refuse."""

from __future__ import annotations

import http

from gateway.api.asgi import Event

# Marks an answer whose request was counted already.
COUNTED = b"x-ratelimit-limit"
REASONS = {status.value: status.phrase.encode() for status in http.HTTPStatus}
# Answers that must not have a body, whatever their header says.
_WITHOUT_BODY = frozenset({204, 205, 304})
_FIRST_LINES = {
    status: b"HTTP/1.1 %d %b\r\n" % (status, reason)
    for status, reason in REASONS.items()
    if status >= 200 and status not in _WITHOUT_BODY
}
# Header fields that do not change how the answer or the connection ends.
_NEUTRAL = frozenset(
    {
        b"access-control-allow-origin",
        b"access-control-expose-headers",
        b"cache-control",
        b"content-type",
        b"ratelimit",
        b"ratelimit-policy",
        b"retry-after",
        b"vary",
        b"www-authenticate",
        b"x-ratelimit-limit",
        b"x-ratelimit-remaining",
        b"x-ratelimit-reset",
        b"x-ratelimit-retry-after",
        b"x-ratelimit-window",
        b"x-request-id",
    }
)
_VISIBLE = bytes(range(0x20, 0x7F))
_LINE = b"%b: %b\r\n"


def write(start: Event, body: bytes, date: bytes) -> bytes | None:
    """The whole response, or None where it is not plain.

    Args:
        start: ``http.response.start`` of the application.
        body: all of it.
        date: for the header field of that name.
    """
    first = _FIRST_LINES.get(start["status"])
    if first is None:
        return None
    counted = False
    length = b""
    lines = [first]
    for name, value in start["headers"]:
        if name == b"content-length" and not length:
            length = value
        elif name not in _NEUTRAL:
            return None
        elif name == COUNTED:
            counted = True
        lines.append(_LINE % (name, value))
    if not counted or length != b"%d" % len(body):
        return None
    lines.append(b"date: %b\r\n\r\n" % date)
    head = b"".join(lines)
    # A value that breaks its line would be a header, or an answer, of somebody else's making; blanks around it would be
    # taken away.
    if head.translate(None, _VISIBLE) != b"\r\n" * (len(lines) + 1) or b":  " in head or b" \r\n" in head:
        return None
    lines.append(body)
    return b"".join(lines)
