"""A call that is over is gone from memory at once, however it went: a dead receiver is called again for days.

Whatever refers to itself would stay until the collector looks at all there is, which it seldom does, and each TLS
connection is some ten kilobytes.
"""

from __future__ import annotations

import gc
import ssl
from collections.abc import Iterator

import pytest
import trio

from gateway.outbound.connection import Connection
from tests.gateway.outbound.conftest import Behaviour, Certificates, Serve, Stream
from tests.gateway.outbound.test_client import SHORT, Caller, answering, client, request

CALLS = 3


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Without the collector, for what was built before the test as well."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def there() -> int:
    """How many connections of ours are in memory, proven or not."""
    return sum(
        isinstance(found, Connection) or (isinstance(found, ssl.SSLObject) and not found.server_side)
        for found in gc.get_objects()
    )


async def says_nothing(stream: Stream) -> None:
    await request(stream)
    await trio.sleep_forever()


async def shakes_no_hand(stream: Stream) -> None:
    await trio.sleep_forever()


async def leaves(stream: Stream) -> None:
    await request(stream)


async def breaks_off(stream: Stream) -> None:
    await stream.transport_stream.aclose()


async def does_not_end(stream: Stream) -> None:
    await request(stream)
    await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok")
    await trio.sleep_forever()


@pytest.mark.parametrize(
    "behaviour",
    [
        answering(),
        answering(b"hello\r\n\r\n"),
        answering(b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"),
        says_nothing,
        shakes_no_hand,
        leaves,
        breaks_off,
        does_not_end,
    ],
    ids=["answers", "no HTTP", "gone", "says nothing", "shakes no hand", "leaves", "breaks off", "does not end"],
)
async def test_of_a_call_nothing_is_left(
    behaviour: Behaviour, serve: Serve, certificates: Certificates, uncollected: None
) -> None:
    before = there()
    async with serve(behaviour) as server, client(idle=0.01) as mine:
        caller = Caller(mine, server, str(certificates.ca))
        for _ in range(CALLS):
            await caller.post(within=SHORT, patience=SHORT)
            await trio.sleep(0.1)
        assert server.connections == CALLS
        assert there() == before


async def test_of_a_call_to_who_is_not_trusted_nothing_is_left(
    serve: Serve, certificates: Certificates, uncollected: None
) -> None:
    before = there()
    context = certificates.context(certificates.place / "forged.pem")
    async with serve(answering(), context=context) as server, client() as mine:
        caller = Caller(mine, server, str(certificates.ca))
        for _ in range(CALLS):
            assert (await caller.post()).untrusted
        await trio.sleep(0.05)
        assert server.connections == CALLS
        assert there() == before


async def test_of_a_call_that_is_cancelled_nothing_is_left(
    serve: Serve, certificates: Certificates, uncollected: None
) -> None:
    before = there()
    async with serve(says_nothing) as server, client() as mine:
        caller = Caller(mine, server, str(certificates.ca))
        for _ in range(CALLS):
            with trio.move_on_after(SHORT):
                await caller.post()
        await trio.sleep(0.05)
        assert server.connections == CALLS
        assert there() == before
