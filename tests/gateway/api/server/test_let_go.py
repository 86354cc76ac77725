"""A connection that is over is gone from memory at once, and its part of OpenSSL with it.

Whatever refers to itself would stay until the collector looks at all there is, which it seldom does: a hundred agents
that come back now and then held some ten megabytes in that way.
"""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from gateway.api.server.connection import Connection
from gateway.settings.model import LimitSettings
from gateway.streams.encrypted import Encrypted
from tests.gateway.api.rig import Rig, read_response
from tests.gateway.api.wire import Wire, echo, rest


def get(wire: Wire) -> bytes:
    authorization = wire.rig.bearer("devices:read")["Authorization"]
    return f"GET /api/v1/health HTTP/1.1\r\nHost: board\r\nAuthorization: {authorization}\r\n\r\n".encode()


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Without the collector, for what was built before the test as well."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def there() -> int:
    """How many connections are in memory, before or after their handshakes."""
    return sum(isinstance(found, Connection | Encrypted) for found in gc.get_objects())


async def says_nothing(wire: Wire) -> None:
    await trio.aclose_forcefully(await wire.call())


async def calls_twice(wire: Wire) -> None:
    stream = await wire.call()
    for _ in range(2):
        await stream.send_all(get(wire))
        await read_response(stream)
    await stream.aclose()


async def leaves_in_the_middle_of_a_request(wire: Wire) -> None:
    stream = await wire.call()
    await stream.send_all(get(wire).replace(b"\r\n\r\n", b"\r\nContent-Length: 10\r\n\r\n{"))
    await trio.aclose_forcefully(stream)


async def dawdles(wire: Wire) -> None:
    stream = await wire.call()
    await stream.send_all(get(wire)[:10])
    await rest(stream)


async def makes_room_in_the_middle_of_a_header(wire: Wire) -> None:
    stream = await wire.call()
    await stream.send_all(get(wire)[:10])
    await make_room(wire, stream)


async def makes_room_in_the_middle_of_a_body(wire: Wire) -> None:
    stream = await wire.call()
    await stream.send_all(get(wire).replace(b"\r\n\r\n", b"\r\nContent-Length: 10\r\n\r\n{"))
    await make_room(wire, stream)


async def makes_room_between_two_calls(wire: Wire) -> None:
    stream = await wire.call()
    await stream.send_all(get(wire))
    await read_response(stream)
    await make_room(wire, stream)


async def makes_room_before_a_handshake(wire: Wire) -> None:
    await make_room(wire, await wire.plug())


async def sends_half_a_body(wire: Wire) -> None:
    stream = await wire.call()
    await stream.send_all(get(wire).replace(b"\r\n\r\n", b"\r\nContent-Length: 10\r\n\r\n{"))
    await rest(stream)


async def takes_no_answers(wire: Wire) -> None:
    stream = await wire.call(lockstep=True)
    with suppress(trio.BrokenResourceError):
        for _ in range(200):
            await stream.send_all(get(wire))
    await trio.aclose_forcefully(stream)


async def takes_no_answers_and_makes_room(wire: Wire) -> None:
    stream = await wire.call(lockstep=True)
    with trio.move_on_after(1):
        for _ in range(200):
            await stream.send_all(get(wire))
    await make_room(wire, stream)


async def make_room(wire: Wire, stream: trio.abc.Stream) -> None:
    await trio.testing.wait_all_tasks_blocked()
    [guest] = wire.server.connections
    guest.make_room()
    await trio.sleep(1)
    await trio.aclose_forcefully(stream)


async def shows_no_token(wire: Wire) -> None:
    stream = await wire.call()
    await stream.send_all(get(wire).replace(b"Authorization", b"X-Nothing"))
    await read_response(stream)
    await stream.aclose()


async def shows_a_forged_token(wire: Wire) -> None:
    stream = await wire.call()
    for head in (b"GET /api/v1/health", b"POST /v1/events", b"POST /api/v1/rpc"):
        await stream.send_all(get(wire).replace(b"GET /api/v1/health", head).replace(b"Bearer ey", b"Bearer e"))
        await read_response(stream)
    await stream.aclose()


async def breaks_the_rules(wire: Wire) -> None:
    stream = await wire.call()
    await stream.transport_stream.send_all(b"\x17\x03\x03\x00\x20" + bytes(32))
    await rest(stream.transport_stream)


async def speaks_no_http(wire: Wire) -> None:
    stream = await wire.call()
    await stream.send_all(get(wire).replace(b"Host: board", b"Host : board"))
    await rest(stream)


async def speaks_no_tls(wire: Wire) -> None:
    stream = await wire.plug()
    await stream.send_all(get(wire))
    await rest(stream)


async def has_a_websocket(wire: Wire) -> None:
    socket = await wire.websocket("/")
    await trio.aclose_forcefully(socket.stream)


@pytest.mark.parametrize(
    "caller",
    [
        says_nothing,
        calls_twice,
        leaves_in_the_middle_of_a_request,
        dawdles,
        makes_room_in_the_middle_of_a_header,
        makes_room_in_the_middle_of_a_body,
        makes_room_between_two_calls,
        makes_room_before_a_handshake,
        sends_half_a_body,
        takes_no_answers,
        takes_no_answers_and_makes_room,
        shows_no_token,
        shows_a_forged_token,
        breaks_the_rules,
        speaks_no_http,
        speaks_no_tls,
        has_a_websocket,
    ],
)
@pytest.mark.usefixtures("uncollected")
async def test_nothing_is_left_of_a_caller_that(
    rig: Rig, nursery: trio.Nursery, autojump_clock: MockClock, caller: Callable[[Wire], Awaitable[None]]
) -> None:
    wire = Wire(rig, nursery, LimitSettings(), echo if caller is has_a_websocket else None)
    before = there()
    await caller(wire)
    await trio.sleep(60)
    assert there() == before
