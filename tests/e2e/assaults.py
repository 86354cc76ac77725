"""What somebody who means no good does to a gateway, over and over: each is a program of its own for ``tests.drill``.

``python -m tests.e2e.assaults NAME PORT CA SECONDS [TOKEN]``
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import secrets
import socket
import ssl
import struct
import sys
import threading
import time

from tests.e2e.assailant import HEALTH, RPC, UPGRADE, Once, Target
from tests.e2e.assaults_odd import ODD

# Objects and arrays cost a decoder most; 1 MiB is what a body may have.
NESTED = b"[" + b",".join(b"[" * 30 + b"]" * 30 for _ in range(17_000)) + b"]"
OBJECTS = b'{"jsonrpc":"2.0","id":1,"method":"server.health","params":[' + b"{}," * 340_000 + b"{}]}"
SMUGGLED = [
    RPC + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX" + HEALTH,
    RPC + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + HEALTH,
    RPC + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n" + bytes(1000),
    b"GET / HTTP/1.1\nHost: localhost\n\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET /\x1b[31m HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /a%0d%0ab HTTP/1.1\r\nHost: evil.example\r\nUser-Agent: \x1b[2Ja\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 100_000,
]
# The dearest group OpenSSL takes, and the code it has (RFC 8446, 4.2.7): 8192 bits.
_FFDHE8192 = 0x0104


def client_hello(group: int, share: int) -> bytes:
    """The first message of a caller of TLS 1.3 that offers one group only, with a share that costs nothing to make."""

    def block(size: int, *parts: bytes) -> bytes:
        content = b"".join(parts)
        return len(content).to_bytes(size, "big") + content

    def extension(kind: int, content: bytes) -> bytes:
        return kind.to_bytes(2, "big") + block(2, content)

    code = group.to_bytes(2, "big")
    extensions = block(
        2,
        extension(43, block(1, b"\x03\x04")),
        extension(13, block(2, b"\x04\x03")),
        extension(10, block(2, code)),
        extension(51, block(2, code, block(2, secrets.token_bytes(share)))),
    )
    hello = b"\x03\x03" + secrets.token_bytes(32) + block(1) + block(2, b"\x13\x01") + block(1, b"\x00") + extensions
    return b"\x16\x03\x01" + block(2, b"\x01" + block(3, hello))


def handshakes(target: Target) -> None:
    target.tls().close()


def handshakes_half_done(target: Target) -> None:
    with target.plain() as stream:
        stream.sendall(client_hello(0x001D, 32))
        stream.recv(65536)


def costly_handshakes(target: Target) -> None:
    with target.plain() as stream:
        stream.sendall(client_hello(_FFDHE8192, 1024))
        stream.recv(65536)


def connections_without_a_word(target: Target) -> None:
    target.plain().close()


def a_crowd_that_stays(target: Target) -> None:
    target.kept.append(target.tls())


def slow_headers(target: Target) -> None:
    stream = target.tls()
    stream.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
    target.kept.append(stream)


def slow_bodies(target: Target) -> None:
    stream = target.tls()
    stream.sendall(RPC + b"Content-Length: 5000\r\n\r\n{")
    target.kept.append(stream)


def slow_headers_from_many_addresses(target: Target) -> None:
    stream = target.tls(f"127.0.0.{random.randrange(2, 250)}")
    stream.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
    target.kept.append(stream)


def answers_nobody_reads(target: Target) -> None:
    stream = target.tls()
    target.kept.append(stream)
    stream.settimeout(1)
    stream.sendall(HEALTH * 1000)


def calls_in_a_row(target: Target) -> None:
    target.said(HEALTH * 200 + HEALTH.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))


def nested_bodies(target: Target) -> None:
    target.called(NESTED)


def bodies_of_empty_objects(target: Target) -> None:
    target.called(OBJECTS)


def nested_bodies_with_a_token(target: Target) -> None:
    target.called(NESTED, token=target.token)


def batches_of_ten_thousand(target: Target) -> None:
    call = {"jsonrpc": "2.0", "method": "tag.list", "id": 1}
    target.called(json.dumps([call] * 10_000).encode(), token=target.token)


def full_batches(target: Target) -> None:
    call = {"jsonrpc": "2.0", "method": "tag.list", "id": 1}
    target.called(json.dumps([call] * 20).encode(), token=target.token)


def batches_of_notifications(target: Target) -> None:
    call = {"jsonrpc": "2.0", "method": "tag.list"}
    target.called(json.dumps([call] * 20).encode(), token=target.token)


def forged_tokens(target: Target) -> None:
    head, claims, signature = target.token.split(".")
    forged = f"{head}.{claims}.{signature[:-8]}{secrets.token_hex(4)}"
    target.called(b'{"jsonrpc":"2.0","id":1,"method":"line.list"}', token=forged)


def random_bytes(target: Target) -> None:
    target.said(secrets.token_bytes(20_000))


def random_bytes_for_tls(target: Target) -> None:
    with target.plain() as stream:
        stream.sendall(b"\x16\x03\x01\x40\x00" + secrets.token_bytes(20_000))
        stream.recv(1000)


def smuggled_requests(target: Target) -> None:
    for smuggled in SMUGGLED:
        with contextlib.suppress(OSError):
            target.said(smuggled)


def bodies_that_are_too_long(target: Target) -> None:
    target.said(RPC + b"Content-Length: 30000000\r\n\r\n", *[bytes(100_000)] * 300)


def chunks_of_one_byte(target: Target) -> None:
    target.said(RPC + b"Transfer-Encoding: chunked\r\n\r\n", *[b"1\r\n \r\n" * 20_000] * 50)


def records_of_one_byte(target: Target) -> None:
    header = b"GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 15_000 + b"\r\n\r\n"
    target.said(*[header[at : at + 1] for at in range(len(header))])


def connections_that_end_in_the_middle(target: Target) -> None:
    with target.tls() as stream:
        stream.sendall(HEALTH * 20)
        # A reset, with answers under way.
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def websockets(target: Target) -> None:
    target.said(UPGRADE + b"\x81\x85\x00\x00\x00\x00hello" * 50)


# How many do it at the same time.
ASSAULTS: dict[str, tuple[Once, int]] = {
    once.__name__.replace("_", "-"): (once, many)
    for once, many in (
        (handshakes, 16),
        (handshakes_half_done, 32),
        (costly_handshakes, 16),
        (connections_without_a_word, 8),
        (a_crowd_that_stays, 8),
        (slow_headers, 8),
        (slow_bodies, 8),
        (slow_headers_from_many_addresses, 8),
        (answers_nobody_reads, 8),
        (calls_in_a_row, 8),
        (nested_bodies, 4),
        (bodies_of_empty_objects, 4),
        (nested_bodies_with_a_token, 4),
        (batches_of_ten_thousand, 4),
        (full_batches, 4),
        (batches_of_notifications, 4),
        (forged_tokens, 8),
        (random_bytes, 8),
        (random_bytes_for_tls, 8),
        (smuggled_requests, 4),
        (bodies_that_are_too_long, 4),
        (chunks_of_one_byte, 4),
        (records_of_one_byte, 4),
        (connections_that_end_in_the_middle, 8),
        (websockets, 8),
        *ODD,
    )
}
# Connections one assailant holds at the same time.
MOST_KEPT = 700


def assail(target: Target, once: Once, many: int) -> None:
    """Do it until it is over."""

    def again_and_again() -> None:
        while not target.over:
            try:
                once(target)
            except OSError:
                # Being turned away is what should happen; a moment, as connecting may fail at once.
                time.sleep(0.001)
            while len(target.kept) > MOST_KEPT:
                target.kept.pop(0).close()

    threads = [threading.Thread(target=again_and_again, daemon=True) for _ in range(many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, target.end - time.monotonic()) + 1)


def main(name: str, port: str, authority: str, seconds: str, token: str = "") -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4096), most))
    trust = ssl.create_default_context(cafile=authority)
    target = Target(int(port), trust, token, time.monotonic() + float(seconds))
    assail(target, *ASSAULTS[name])
    for fault in target.faults:
        print(fault, file=sys.stderr)  # noqa: T201 - whoever has started this hears of it
    # Threads that still wait for an answer end with the process.
    os._exit(bool(target.faults))


if __name__ == "__main__":
    main(*sys.argv[1:])
