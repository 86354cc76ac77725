"""A reload changes who may call, and the limits of connections."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from gateway.settings.model import LimitSettings, ServerSettings
from tests.gateway.api.rig import Rig, read_response
from tests.gateway.api.wire import Wire, rest

OLD = LimitSettings(max_connections=2, connections_per_address=2, keep_alive_time=30.0)
NEW = LimitSettings(max_connections=3, connections_per_address=3, keep_alive_time=5.0)
GET = b"GET /api/v1/health HTTP/1.1\r\nHost: %b\r\nOrigin: https://page\r\n\r\n"


@pytest.fixture
def wire(rig: Rig, nursery: trio.Nursery) -> Wire:
    return Wire(rig, nursery, OLD)


async def test_host_names_and_origins_are_those_in_force(wire: Wire, autojump_clock: MockClock) -> None:
    stream = await wire.call()
    await stream.send_all(GET % b"plc.example")
    assert (await read_response(stream)).startswith(b"HTTP/1.1 421 ")
    wire.server.follow(ServerSettings(host_names=("plc.example",), cors_origins=("https://page",)), OLD)
    stream = await wire.call()
    await stream.send_all(GET % b"plc.example")
    answer = await read_response(stream)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"access-control-allow-origin: https://page" in answer
    wire.server.follow(ServerSettings(), OLD)
    await stream.send_all(GET % b"board")
    answer = await read_response(stream)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"access-control" not in answer
    await stream.send_all(GET % b"plc.example")
    assert (await read_response(stream)).startswith(b"HTTP/1.1 421 ")


async def test_limits_of_connections_are_those_in_force(wire: Wire, autojump_clock: MockClock) -> None:
    first = await wire.call()
    await trio.testing.wait_all_tasks_blocked()
    wire.server.follow(ServerSettings(), NEW)
    others = [await wire.call() for _ in range(2)]
    assert len(wire.server.connections) == 3
    begun = trio.current_time()
    for stream in others:
        assert await rest(stream) == b""
    assert trio.current_time() - begun == pytest.approx(5.0)
    # Who was there before keeps the time it came with.
    assert await rest(first) == b""
    assert trio.current_time() - begun == pytest.approx(30.0)
    wire.server.follow(ServerSettings(), OLD)
    for _ in range(3):
        await wire.call()
    assert len(wire.server.connections) == 2
