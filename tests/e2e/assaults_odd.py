"""Assaults with what no caller ever says: each form is allowed somewhere, or looks as if it were."""

from __future__ import annotations

import contextlib
import json
import secrets
import time

from tests.e2e.assailant import HEALTH, RPC, UPGRADE, Once, Target, answer

_CLOSE = b"\r\nConnection: close\r\n\r\n"
_CALL = b'{"jsonrpc":"2.0","id":1,"method":"tag.list"}'
_DEEP = 500_000
# Connections that are slow at the same time.
_SLOW = 25


def handshakes_that_stop_in_the_hello(target: Target) -> None:
    """A record says how long it will be, and never is."""
    stream = target.plain()
    stream.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + secrets.token_bytes(100))
    target.kept.append(stream)


def slow_handshakes_of_websockets(target: Target) -> None:
    """A byte now and then, on several connections at once."""
    begun = [target.tls() for _ in range(_SLOW)]
    for stream in begun:
        stream.sendall(UPGRADE[:60])
    for byte in UPGRADE[60:]:
        for stream in begun:
            stream.sendall(bytes([byte]))
        time.sleep(0.05)
        if target.over:
            break
    for stream in begun:
        stream.close()


def odd_header_names(target: Target) -> None:
    for name in (
        b"",
        b" ",
        b"\x00",
        b"\xff\xfe",
        b"x y",
        b"(x)",
        b"x\x0b",
        b'"x"',
        b"x" * 8000,
        b":",
        b"content-length ",
        b"\r",
    ):
        _alone(target, b"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\n" + name + b": 1\r\n\r\n")
    for value in (b"\x00", b"\x7f", b"\xc3\xa4", b"a\rb", b"\x1b[31m", b"\t", b"," * 7000):
        _alone(target, b"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\nX: " + value + b"\r\n\r\n")
    _alone(target, b"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\n" + b"a: b\r\n" * 1500 + b"\r\n")


def _alone(target: Target, said: bytes) -> None:
    # Being turned away, or left waiting, is what should happen.
    with contextlib.suppress(OSError):
        target.said(said)


def extensions_of_chunks(target: Target) -> None:
    head = RPC + b"Transfer-Encoding: chunked\r\n\r\n"
    _alone(target, head + b"2c;a=b;c\r\n" + _CALL + b"\r\n0;x\r\n\r\n")
    _alone(target, head + b"2c;" + b"a" * 100_000 + b"\r\n" + _CALL + b"\r\n0\r\n\r\n")
    _alone(target, head + b"0000000000000000000002c\r\n" + _CALL + b"\r\n0\r\n\r\n")
    _alone(target, head + b'2c;a="\n"\r\n' + _CALL + b"\r\n0\r\n\r\n")


def trailers(target: Target) -> None:
    body = RPC + b"Transfer-Encoding: chunked\r\nTrailer: X\r\n\r\n2c\r\n" + _CALL + b"\r\n0\r\n"
    _alone(target, body + b"X: 1\r\n\r\n" + HEALTH)
    _alone(target, body + b"Content-Length: 5\r\nHost: evil.example\r\n\r\n")
    _alone(target, body + b"X: " + b"a" * 200_000 + b"\r\n\r\n")
    _alone(target, body + b"X: 1\r\n" * 20_000 + b"\r\n")


def expectations(target: Target) -> None:
    """Bodies that are announced, asked for, and never come; and other expectations."""
    stream = target.tls()
    who = b"Authorization: Bearer %b\r\n" % target.token.encode()
    stream.sendall(RPC + who + b"Expect: 100-continue\r\nContent-Length: 44\r\n\r\n")
    target.kept.append(stream)
    _alone(target, RPC + b"Expect: 200-ok\r\nContent-Length: 44\r\n\r\n" + _CALL)
    _alone(target, RPC + b"Expect: 100-continue\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")


def ten_thousand_in_a_row(target: Target) -> None:
    _alone(target, HEALTH * 10_000)


def absolute_targets(target: Target) -> None:
    for place in (
        b"https://localhost/api/v1/health",
        b"http://evil.example/api/v1/health",
        b"https://user:pass@localhost/",
        b"https://localhost:99999999/",
        b"https://[::1/",
        b"ftp://localhost/x",
        b"//localhost//",
        b"*",
        b"localhost:443",
        b"/../../../etc/passwd",
        b"/%2e%2e/%00",
        b"/?" + b"%41=" * 900,
        b"/#x",
    ):
        for verb in (b"GET", b"CONNECT", b"OPTIONS", b"TRACE"):
            _alone(target, verb + b" " + place + b" HTTP/1.1\r\nHost: localhost" + _CLOSE)


def upgrades_with_bodies(target: Target) -> None:
    head = UPGRADE[:-2]
    _alone(target, head + b"Content-Length: 5\r\n\r\nhello")
    _alone(target, head + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
    _alone(target, UPGRADE.replace(b"GET", b"POST", 1) + b"hello")
    _alone(target, UPGRADE + UPGRADE + HEALTH)
    _alone(target, UPGRADE.replace(b"Version: 13", b"Version: 99") + b"\x81\x85")


def json_that_is_odd(target: Target) -> None:
    """Depth, keys twice, numbers that are none, letters that are none."""
    bodies = [
        b"[" * _DEEP,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"jsonrpc":"2.0","id":1,"id":2,"method":"tag.list","method":"tag.write","params":{},"params":[]}',
        b'{"jsonrpc":"2.0","id":NaN,"method":"tag.list"}',
        b'{"jsonrpc":"2.0","id":1e400,"method":"tag.list"}',
        b'{"jsonrpc":"2.0","id":-0,"method":"tag.read","params":{"tags":["a"],"maxAge":Infinity}}',
        b'{"jsonrpc":"2.0","id":1,"method":"tag.read","params":{"tags":["a"],"maxAge":1e999}}',
        b'{"jsonrpc":"2.0","id":1,"method":"tag.read","params":{"tags":["\\ud800"]}}',
        b'{"jsonrpc":"2.0","id":1,"method":"tag.read","params":{"tags":["\xff\xfe"]}}',
        b'{"jsonrpc":"2.0","id":1,"method":"tag.write","params":{"tag":"plant/inverter/power","value":'
        + b"9" * 5000
        + b"}}",
        b'{"jsonrpc":"2.0","id":' + b"9" * 100_000 + b',"method":"tag.list"}',
        b'{"jsonrpc":"2.0","id":1,"method":"' + b"x" * 900_000 + b'"}',
        b"\xef\xbb\xbf" + _CALL,
        _CALL.decode().encode("utf-16"),
        b"null",
        b"[]",
        b"[null, 1, [], {}]",
        b'"\\u0000"',
    ]
    who = b"Authorization: Bearer %b\r\n" % target.token.encode()
    with target.tls() as stream:
        for body in bodies:
            stream.sendall(RPC + who + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            said = answer(stream)
            if b"-32603" in said or b" 500 " in said[:20]:
                target.faults.append(f"internal error for {body[:80]!r}: {said[-300:]!r}")
            if not said or target.over:
                return


def batches_that_repeat_themselves(target: Target) -> None:
    call = {"jsonrpc": "2.0", "method": "tag.read", "id": 1, "params": {"tags": ["*"] * 100}}
    target.called(json.dumps([call] * 20).encode(), token=target.token)


ODD: tuple[tuple[Once, int], ...] = (
    (handshakes_that_stop_in_the_hello, 8),
    (slow_handshakes_of_websockets, 4),
    (odd_header_names, 4),
    (extensions_of_chunks, 4),
    (trailers, 4),
    (expectations, 4),
    (ten_thousand_in_a_row, 4),
    (absolute_targets, 4),
    (upgrades_with_bodies, 4),
    (json_that_is_odd, 4),
    (batches_that_repeat_themselves, 4),
)
