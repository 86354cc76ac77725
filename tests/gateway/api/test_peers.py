"""Who may call: loopback and RFC 1918 peers, decided before a byte is exchanged (D-064)."""

from __future__ import annotations

import socket
from pathlib import Path
from types import SimpleNamespace

import pytest
import trio

from gateway.api.asgi import Receive, Scope, Send
from gateway.api.server.serving import Server
from gateway.api.server.tls import ServerTls
from gateway.settings.model import LimitSettings, ServerSettings
from tests.gateway.api.fakes import Board


class Stranger:
    """A connection whose far end is where we say, and which ends when it is read."""

    def __init__(self, family: int, peer: tuple[object, ...]) -> None:
        self.closed = self.read = False
        self.socket = SimpleNamespace(
            family=family, getpeername=lambda: peer, getsockname=lambda: ("10.0.0.1", 3500, 0, 0)[: len(peer)]
        )

    async def receive_some(self) -> bytes:
        self.read = True
        await trio.lowlevel.checkpoint()
        return b""

    async def send_all(self, data: bytes) -> None:
        await trio.lowlevel.checkpoint()

    async def send_eof(self) -> None:
        await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        self.closed = True
        await trio.lowlevel.checkpoint()


async def called_from(peer: tuple[object, ...], family: int, state: Path) -> Stranger:
    async def nobody(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("a request came through")

    stranger = Stranger(family, peer)
    server = Server(nobody, ServerSettings(), ServerTls(state, Board().timeline, "board"), LimitSettings())
    await server.receive(stranger)  # type: ignore[arg-type] # all of a stream that is used here
    return stranger


@pytest.mark.parametrize("peer", ["8.8.8.8", "169.254.7.7", "100.64.0.9"])
async def test_a_peer_that_is_not_private_is_closed_before_anything_is_said(peer: str, tmp_path: Path) -> None:
    stranger = await called_from((peer, 5000), socket.AF_INET, tmp_path)
    assert stranger.closed
    assert not stranger.read


@pytest.mark.parametrize("peer", ["2001:db8::1", "fe80::1%eth0", "fd00::1"])
async def test_a_peer_beyond_loopback_on_ipv6_is_closed_too(peer: str, tmp_path: Path) -> None:
    stranger = await called_from((peer, 1, 0, 0), socket.AF_INET6, tmp_path)
    assert stranger.closed
    assert not stranger.read


@pytest.mark.parametrize("peer", ["10.0.0.9", "172.16.3.4", "192.168.1.5", "127.0.0.1"])
async def test_a_private_peer_gets_to_the_handshake(peer: str, tmp_path: Path) -> None:
    stranger = await called_from((peer, 5000), socket.AF_INET, tmp_path)
    assert stranger.read
    assert stranger.closed
