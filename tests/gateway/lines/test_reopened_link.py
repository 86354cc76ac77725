"""A link that breaks while an answer is on its way: serial servers hand late bytes to whoever connects next."""

from __future__ import annotations

import struct

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
    """Answers with the address of the first register; the very first answer is late, and its connection breaks."""

    name = "server"

    def __init__(self) -> None:
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
        if self.opened == 1:
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


async def test_a_late_answer_from_before_is_not_taken_on_the_new_connection(autojump_clock: MockClock) -> None:
    server = SerialServer()
    tags = [tag(f"t{address}", address, poll=0.2) for address in (0, 100, 200)]
    settings = LineSettings(
        name="bus", transport="rtu-over-tcp", host="server", devices=(device(1, *tags, max_hole=0),)
    )

    def make_opener(settings: LineSettings) -> Opener:
        async def open_line() -> tuple[Port, Talk]:
            port = await server.open()
            return port, talk_on(settings, port)

        return open_line

    store = TagStore(trio.current_time, Timeline(trio.current_time, trio.current_time, lambda: True))
    lines = Lines(store, Facts(), lambda _type, _data: None, make_opener=make_opener)
    async with trio.open_nursery() as nursery:
        await nursery.start(lines.run, [settings])
        for _ in range(500):
            await trio.sleep(0.01)
            for address in (0, 100, 200):
                reading = store.read(f"bus/d1/t{address}")
                assert reading is not None
                assert reading.quality is not Quality.GOOD or reading.value == address
        await trio.sleep(10)
        assert all(reading.quality is Quality.GOOD for reading in store.snapshot())
        nursery.cancel_scope.cancel()
