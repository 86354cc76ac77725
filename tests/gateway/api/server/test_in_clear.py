"""A caller that speaks http in clear on the port of https."""

from __future__ import annotations

import pytest
import trio

from gateway.api.server.handshake import IN_CLEAR
from tests.gateway.api.rig import Rig, read_response

BODY = b'{"jsonrpc":"2.0","id":1,"method":"tag.write","params":{"tag":"bus/meter/setpoint","value":1}}'


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\nHost: board:3500\r\n\r\n",
        b"HEAD /health HTTP/1.0\r\n\r\n",
        b"POST /api/v1/rpc HTTP/1.1\r\nHost: board\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY),
        b"GET http://elsewhere/ HTTP/1.1\r\nHost: <script>\r\n\r\n" + b"x" * 100_000,
    ],
)
async def test_it_is_told_to_use_https_and_nothing_else(rig: Rig, request_: bytes) -> None:
    async with rig.served(), await trio.open_tcp_stream("127.0.0.1", rig.port) as stream:
        await stream.send_all(request_)
        answer = await read_response(stream)
    assert answer == IN_CLEAR
    head, _, words = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert f"content-length: {len(words)}".encode() in head
    assert b"https://" in words
    assert rig.audit.entries == []


@pytest.mark.parametrize("noise", [b"SSH-2.0-x\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x00" * 64, b"GETX" * 8])
async def test_what_is_neither_gets_no_such_word(rig: Rig, noise: bytes) -> None:
    async with rig.served(), await trio.open_tcp_stream("127.0.0.1", rig.port) as stream:
        await stream.send_all(noise)
        assert b"HTTP" not in await read_response(stream)


async def test_inside_a_connection_it_is_no_handshake(rig: Rig) -> None:
    """Only the first bytes are looked at: what is sent in clear later is a broken record."""
    async with rig.served(), await trio.open_tcp_stream("127.0.0.1", rig.port) as stream:
        await stream.send_all(b"\x16\x03\x01\x02\x00\x01\x00")
        await stream.send_all(b"GET / HTTP/1.1\r\n\r\n" * 40)
        assert b"HTTP" not in await read_response(stream)
