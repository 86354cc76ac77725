"""A port with a witness: what was asked, when, and when something came back."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable

import trio

from drivers.ports.port import LineFaults, LinkDown, Port
from gateway.settings.line_model import Transport

# What is looked up is at most some seconds old; the fastest line does two hundred exchanges a second.
KEPT = 1024
READS = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}


class Exchange:
    """One request on the wire and the moments at which bytes came after it."""

    __slots__ = ("address", "count", "function", "received", "sent", "unit")

    def __init__(self, sent: float, unit: int, pdu: bytes) -> None:
        self.sent = sent
        self.unit = unit
        self.function = pdu[0]
        self.address = int.from_bytes(pdu[1:3], "big")
        self.count = int.from_bytes(pdu[3:5], "big")
        self.received: list[float] = []

    def covers(self, table: str, address: int, count: int) -> bool:
        """Whether it reads these addresses."""
        return (
            self.function == READS[table] and self.address <= address and address + count <= self.address + self.count
        )


class Witness:
    """The record of one line, over all its ports.

    Args:
        transport: says where in a frame unit and PDU are.
        closed: told of an exchange when the next one begins, or when it was given up.
    """

    def __init__(self, transport: Transport, closed: Callable[[Exchange], None]) -> None:
        self._transport = transport
        self._closed = closed
        self._times: list[float] = []
        self._exchanges: list[Exchange] = []
        self._open: Exchange | None = None
        self.sent = 0
        self.lost = 0.0

    def send(self, data: bytes, now: float) -> None:
        self._close()
        if self._transport == "tcp":
            unit, pdu = data[6], data[7:]
        elif self._transport == "ascii":
            frame = bytes.fromhex(data[1:-2].decode("ascii"))
            unit, pdu = frame[0], frame[1:-1]
        else:
            unit, pdu = data[0], data[1:-2]
        self._open = Exchange(now, unit, pdu)
        self.sent += 1
        if len(self._times) >= 2 * KEPT:
            del self._times[:KEPT], self._exchanges[:KEPT]
        self._times.append(now)
        self._exchanges.append(self._open)

    def received(self, now: float) -> None:
        if self._open is not None:
            self._open.received.append(now)

    def gave_up(self, now: float) -> None:
        if self._open is not None and not self._open.received:
            self.lost += now - self._open.sent
        self._close()

    def _close(self) -> None:
        if self._open is not None:
            self._closed(self._open)
            self._open = None

    @property
    def kept(self) -> int:
        """How many exchanges are remembered."""
        return len(self._exchanges)

    def before(self, moment: float) -> Exchange | None:
        """The exchange that was under way at a moment: the last that was sent before it."""
        index = bisect_left(self._times, moment) - 1
        return self._exchanges[index] if index >= 0 else None


class Tap:
    """A port that tells its witness."""

    def __init__(self, port: Port, witness: Witness) -> None:
        self._port = port
        self._witness = witness

    @property
    def name(self) -> str:
        return self._port.name

    async def send(self, data: bytes) -> None:
        self._witness.send(data, trio.current_time())
        await self._port.send(data)

    async def receive(self, deadline: float) -> bytes | None:
        try:
            data = await self._port.receive(deadline)
        except LinkDown:
            self._witness.gave_up(trio.current_time())
            raise
        if data is None:
            self._witness.gave_up(trio.current_time())
        else:
            self._witness.received(trio.current_time())
        return data

    def drain(self) -> bytes:
        data = self._port.drain()
        if data:
            self._witness.received(trio.current_time())
        return data

    async def pause_until(self, moment: float) -> None:
        await self._port.pause_until(moment)

    def faults(self) -> LineFaults | None:
        return self._port.faults()

    async def aclose(self) -> None:
        await self._port.aclose()
