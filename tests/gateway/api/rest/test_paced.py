"""A file that takes minutes: who may send it has the time, as long as it comes. The real server, in virtual time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from gateway.api.rest.updates import PACE, UPDATE, UpdateRow, update_routes
from gateway.settings.model import LimitSettings
from tests.gateway.api.rig import Rig, result
from tests.gateway.api.wire import Wire, rest

SIZE = 10 * 2**20


class Taker:
    """Takes what comes, and needs no thread for it: in virtual time nothing waits for threads."""

    def __init__(self) -> None:
        self.came = 0
        self.took = 0.0
        self.whole = False

    async def standing(self) -> UpdateRow:
        return UpdateRow(flashed=True)

    async def receive(
        self, by: str, piece: Callable[[], Awaitable[bytes]], *, size: int | None, said: str | None
    ) -> str:
        while data := await piece():
            self.came += len(data)
            await trio.sleep(self.took)
        self.whole = True
        return "0" * 64


@pytest.fixture
def taker() -> Taker:
    return Taker()


@pytest.fixture
async def wire(tmp_path: Path, taker: Taker, nursery: trio.Nursery) -> Wire:
    rig = Rig(tmp_path, routes=update_routes(taker))
    async with rig.in_memory() as client:
        # What the first request loads takes a thread.
        assert (await client.get(UPDATE, headers=rig.bearer("system:read"))).status_code == 200
    return Wire(rig, nursery, LimitSettings())


async def begin(wire: Wire, scope: str = "system:update", size: int = SIZE) -> trio.SSLStream[trio.abc.Stream]:
    stream = await wire.call()
    token = wire.rig.bearer(scope)["Authorization"]
    head = f"PUT {UPDATE} HTTP/1.1\r\nHost: board\r\nContent-Type: application/octet-stream\r\n"
    await stream.send_all(f"{head}Authorization: {token}\r\nContent-Length: {size}\r\n\r\n".encode())
    return stream


async def steadily(stream: trio.abc.SendStream, size: int, pause: float) -> None:
    piece = 5 * PACE.rate
    for _ in range(size // piece):
        await stream.send_all(bytes(piece))
        await trio.sleep(pause)
    await stream.send_all(bytes(size % piece))


async def test_what_comes_slowly_and_steadily_may_take_minutes(
    wire: Wire, taker: Taker, autojump_clock: MockClock
) -> None:
    size = 100 * 5 * PACE.rate
    stream = await begin(wire, size=size)
    begun = trio.current_time()
    await steadily(stream, size, 5.0)
    answer = await stream.receive_some()
    assert answer.startswith(b"HTTP/1.1 202 "), answer
    assert (trio.current_time() - begun >= 495, taker.came, taker.whole) == (True, size, True)
    # That was its sender's time: it says nothing of how quick the gateway is.
    async with wire.rig.in_memory() as client:
        health = await result(client, "server.health")
    assert health["performance"]["averageResponseTime"] < 1000
    # The next request on the connection has as much time as any other.
    begun = trio.current_time()
    assert await rest(stream) == b""
    assert trio.current_time() - begun <= 60


async def test_a_card_that_is_slow_to_take_it_is_not_the_senders_fault(
    wire: Wire, taker: Taker, autojump_clock: MockClock
) -> None:
    taker.took = 1.0
    stream = await begin(wire)
    await stream.send_all(bytes(SIZE))
    assert (await stream.receive_some()).startswith(b"HTTP/1.1 202 ")
    assert taker.whole


async def test_what_stalls_is_ended(wire: Wire, taker: Taker, autojump_clock: MockClock) -> None:
    stream = await begin(wire)
    # Whoever was quick before may not be silent for longer.
    await stream.send_all(bytes(SIZE // 2))
    begun = trio.current_time()
    answer = await rest(stream)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"KiB/s" in answer
    assert trio.current_time() - begun == pytest.approx(PACE.silence, abs=3)
    assert (taker.came, taker.whole) == (SIZE // 2, False)


async def test_what_drips_is_ended(wire: Wire, taker: Taker, nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    stream = await begin(wire)
    begun = trio.current_time()

    async def drip() -> None:
        try:
            while True:
                await stream.send_all(b"x")
                await trio.sleep(1)
        except trio.BrokenResourceError:
            return

    nursery.start_soon(drip)
    assert (await rest(stream)).startswith(b"HTTP/1.1 408 ")
    assert trio.current_time() - begun == pytest.approx(PACE.silence, abs=3)
    assert not taker.whole


async def test_who_may_not_send_it_gets_no_time_for_it(wire: Wire, taker: Taker, autojump_clock: MockClock) -> None:
    stream = await begin(wire, "system:write")
    begun = trio.current_time()
    assert (await rest(stream)).startswith(b"HTTP/1.1 403 ")
    assert trio.current_time() - begun < 5
    assert taker.came == 0
