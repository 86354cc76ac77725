"""A link that breaks, or is configured anew, while an answer is on its way: late bytes go to whoever comes next."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from drivers.modbus.crc import crc16
from drivers.ports.port import LineFaults, LinkDown, Port
from gateway.core.reading import Quality
from gateway.core.tags import TagStore
from gateway.core.timeline import Timeline
from gateway.lines.exchange import Talk
from gateway.lines.line import Opener
from gateway.lines.lines import Lines
from gateway.lines.opener import talk_on
from gateway.settings.line_model import LineSettings
from tests.gateway.lines.bench import Facts, device, tag

LATE_S = 1.0
USUAL_S = 0.15


class SerialServer:
    """Answers with the address of the first register; the very first answer is late.

    Args:
        breaks: the first connection, while that answer is on its way.
    """

    name = "server"

    def __init__(self, *, breaks: bool) -> None:
        self.breaks = breaks
        self.opened = 0
        self.sent = 0
        self.answers: list[tuple[float, bytes]] = []

    async def open(self) -> Port:
        await trio.lowlevel.checkpoint()
        self.opened += 1
        return self

    async def send(self, data: bytes) -> None:
        await trio.lowlevel.checkpoint()
        address, count = struct.unpack(">HH", data[2:6])
        body = bytes((data[0], data[1], 2 * count)) + struct.pack(f">{count}H", *range(address, address + count))
        self.sent += 1
        delay = LATE_S if self.sent == 1 else USUAL_S
        self.answers.append((trio.current_time() + delay, body + crc16(body).to_bytes(2, "little")))
        self.answers.sort()

    async def receive(self, deadline: float) -> bytes | None:
        if self.breaks and self.opened == 1:
            await trio.sleep(0.1)
            raise LinkDown("reset", "the server broke the connection")
        due = self.answers[0][0] if self.answers else deadline
        await trio.sleep_until(min(due, deadline))
        return self.drain() or None

    def drain(self) -> bytes:
        data = b""
        while self.answers and self.answers[0][0] <= trio.current_time():
            data += self.answers.pop(0)[1]
        return data

    async def pause_until(self, moment: float) -> None:
        await trio.sleep_until(moment)

    def faults(self) -> LineFaults | None:
        return None

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


ADDRESSES = (0, 100, 200)
SETTINGS = LineSettings(
    name="bus",
    transport="rtu-over-tcp",
    host="server",
    devices=(device(1, *(tag(f"t{address}", address, poll=0.2) for address in ADDRESSES), max_hole=0),),
)


@asynccontextmanager
async def polling(server: SerialServer) -> AsyncIterator[tuple[Lines, TagStore]]:

    def make_opener(settings: LineSettings) -> Opener:
        async def open_line() -> tuple[Port, Talk]:
            port = await server.open()
            return port, talk_on(settings, port)

        return open_line

    store = TagStore(trio.current_time, Timeline(trio.current_time, trio.current_time, lambda: True))
    lines = Lines(store, Facts(), lambda _type, _data: None, make_opener=make_opener)
    async with trio.open_nursery() as nursery:
        await nursery.start(lines.run, [SETTINGS])
        yield lines, store
        nursery.cancel_scope.cancel()


async def watch(store: TagStore, line: str, seconds: float) -> None:
    """No value may ever be good that is another address's."""
    for _ in range(int(seconds / 0.01)):
        await trio.sleep(0.01)
        for address in ADDRESSES:
            reading = store.read(f"{line}/d1/t{address}")
            assert reading is None or reading.quality is not Quality.GOOD or reading.value == address


async def test_a_late_answer_from_before_is_not_taken_on_the_new_connection(autojump_clock: MockClock) -> None:
    async with polling(SerialServer(breaks=True)) as (_, store):
        await watch(store, "bus", 5)
        await trio.sleep(10)
        assert all(reading.quality is Quality.GOOD for reading in store.snapshot())


@pytest.mark.parametrize("name", ["bus", "renamed"])
async def test_a_late_answer_from_before_a_reload_is_not_taken_after_it(name: str, autojump_clock: MockClock) -> None:
    async with polling(SerialServer(breaks=False)) as (lines, store):
        # The first request has had its time-out, its answer comes in 0.3 s.
        await trio.sleep(0.7)
        await lines.reload(["bus"], [replace(SETTINGS, name=name, timeout=0.9)])
        await watch(store, name, 5)
        await trio.sleep(10)
        assert {reading.tag for reading in store.snapshot()} == {f"{name}/d1/t{address}" for address in ADDRESSES}
        assert all(reading.quality is Quality.GOOD for reading in store.snapshot())
