"""The TCP stream below TLS, on real sockets."""

from __future__ import annotations

import socket

import pytest
import trio
import trio.testing

from gateway.streams.plain import Plain

pytestmark = pytest.mark.e2e


def connection() -> tuple[Plain, trio.SocketStream]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
    near.setblocking(False)
    far.setblocking(False)
    accepted = trio.SocketStream(trio.socket.from_stdlib_socket(far))
    return Plain(accepted), trio.SocketStream(trio.socket.from_stdlib_socket(near))


async def test_more_than_the_kernel_holds_goes_out_as_it_is_read() -> None:
    plain, peer = connection()
    sent = bytes(range(256)) * 40_000
    got = bytearray()

    async def read() -> None:
        while chunk := await peer.receive_some():
            got.extend(chunk)

    async with plain, peer, trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await plain.send_all(sent)
        await plain.send_eof()
    assert got == sent


async def test_the_end_of_the_peer_and_its_loss_are_told_apart() -> None:
    plain, peer = connection()
    async with plain:
        await peer.send_all(b"last")
        await peer.send_eof()
        assert await plain.receive_some() == b"last"
        assert await plain.receive_some() == b""
        assert plain.send_now(b"x") == 1
        # Closing over a byte that was not read resets the connection.
        await peer.aclose()
        with pytest.raises(trio.BrokenResourceError):
            while True:
                await plain.send_all(bytes(1000))
                await trio.lowlevel.checkpoint()


async def test_who_waits_is_told_that_it_was_closed_here() -> None:
    plain, peer = connection()

    async def wait() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await plain.receive_some()

    async with peer, trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        await plain.aclose()
    with pytest.raises(trio.ClosedResourceError):
        await plain.receive_some()
    with pytest.raises(trio.ClosedResourceError):
        await plain.send_all(b"x")
    with pytest.raises(trio.ClosedResourceError):
        await plain.send_eof()
    await plain.aclose()


async def test_a_peer_that_always_sends_leaves_time_for_others() -> None:
    plain, peer = connection()
    passes = 0

    async def other() -> None:
        nonlocal passes
        while True:
            await trio.lowlevel.checkpoint()
            passes += 1

    async with plain, peer, trio.open_nursery() as nursery:
        nursery.start_soon(other)
        await peer.send_all(bytes(100))
        for _ in range(100):
            await plain.receive_some(1)
        assert passes >= 99
        nursery.cancel_scope.cancel()
