"""A line of the running gateway, borrowed through its API for as long as a tool works on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import trio

from drivers.modbus.pdu import Request, match
from gateway.field.monitor_messages import Message
from gateway.field.scan_bus import Bus, Heard, LineLostError
from gateway.lines.health import Cause
from gateway.settings.line_model import LineSettings, Parity, Transport

Json = dict[str, Any]
Call = Callable[..., Json]
"""Calls a method of the gateway with these parameters; raises LineLostError where that fails."""

LEASE_S = 600.0
# Half of what one caller may ask of the gateway in a minute: the other half is for everybody else.
PACE_S = 0.12
_PARITIES: dict[str, Parity] = {"none": "none", "even": "even", "odd": "odd"}
_TRANSPORTS: dict[str, Transport] = {"rtu": "rtu", "ascii": "ascii", "tcp": "tcp", "rtu-over-tcp": "rtu-over-tcp"}


class BorrowedSite:
    """The line as the gateway has set it; nobody else talks meanwhile.

    Args:
        call: calls the gateway.
        name: of the line.

    Raises:
        ValueError: the gateway has no such Modbus line.
        LineLostError: it cannot be asked.
    """

    # The gateway itself hears this line all the time.
    listens = False

    def __init__(self, call: Call, name: str) -> None:
        self._call_gateway = call
        self._name = name
        rows: list[Json] = call("line.list")["lines"]
        row = next((row for row in rows if row["line"] == name), None)
        if row is None or row["transport"] not in _TRANSPORTS:
            names = ", ".join(str(row["line"]) for row in rows if row["transport"] in _TRANSPORTS) or "none"
            raise ValueError(
                f'the gateway has no Modbus line "{name}" (it has: {names}). A port is written with its path, such as '
                "./tty or /dev/ttyUSB0, a host by its name with the port, such as plc:502"
            )
        self.settings: Sequence[LineSettings] = [_settings(row)]
        self._lease: str | None = None
        self._ends = 0.0

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """See ``Site.held``: the line is borrowed once, polls nothing in between, and the record has one row."""
        async with self._loan():
            yield

    @asynccontextmanager
    async def open(self, line: LineSettings) -> AsyncIterator[Bus]:
        """See ``Site.open``."""
        del line
        async with self._loan() as lease:
            yield _BorrowedBus(self, lease)

    @asynccontextmanager
    async def _loan(self) -> AsyncIterator[str]:
        """The loan that is held, or one for as long as the block runs."""
        if self._lease is not None:
            if trio.current_time() > self._ends - LEASE_S / 2:
                await self._borrow(lease=self._lease)
            yield self._lease
            return
        self._lease = lease = await self._borrow()
        try:
            yield lease
        finally:
            self._lease = None
            with trio.move_on_after(5, shield=True):
                try:
                    await self._call("line.return", line=self._name, lease=lease)
                except LineLostError:
                    # It is over already: that is what was wanted.
                    await trio.lowlevel.checkpoint()

    async def _borrow(self, **held: str) -> str:
        """Borrow the line, or hold on to it for longer. Returns the lease."""
        self._ends = trio.current_time() + LEASE_S
        borrowed = await self._call("line.borrow", line=self._name, seconds=LEASE_S, **held)
        return str(borrowed["lease"])

    async def overhear(self, line: LineSettings, seconds: float) -> list[Message]:
        """See ``Site.overhear``."""
        del line, seconds
        await trio.lowlevel.checkpoint()
        return []

    async def exchange(self, lease: str, request: Request, patience: float) -> Json:
        """Do one exchange on the borrowed line."""
        return await self._call(
            "line.exchange",
            line=self._name,
            lease=lease,
            unit=request.unit,
            pdu=request.pdu.hex(),
            timeout=patience,
        )

    async def _call(self, method: str, **params: object) -> Json:
        return await trio.to_thread.run_sync(partial(self._call_gateway, method, **params))


class _BorrowedBus:
    """Implements ``Bus`` through the API."""

    def __init__(self, site: BorrowedSite, lease: str) -> None:
        self._site = site
        self._lease = lease
        self._next = trio.current_time()

    async def ask(self, request: Request, patience: float) -> Heard:
        """See ``Bus.ask``."""
        await trio.sleep_until(self._next)
        self._next = trio.current_time() + PACE_S
        answer = await self._site.exchange(self._lease, request, patience)
        if answer["reason"] in {"link_down", "returned"}:
            raise LineLostError(str(answer["message"]))
        causes = tuple(Cause(cause) for cause in answer["causes"])
        reply = match(request, bytes.fromhex(answer["pdu"])) if answer["pdu"] is not None else None
        return Heard(reply, causes, answer["seconds"])


def _settings(row: Json) -> LineSettings:
    name, transport = str(row["line"]), _TRANSPORTS[str(row["transport"])]
    if "serial" not in row:
        host, _, port = str(row["port"]).rpartition(":")
        return LineSettings(name=name, transport=transport, host=host, tcp_port=int(port))
    serial = row["serial"]
    return LineSettings(
        name=name,
        transport=transport,
        port=str(row["port"]),
        baudrate=int(serial["baudrate"]),
        bytesize=int(serial["bytesize"]),
        parity=_PARITIES[str(serial["parity"])],
        stopbits=int(serial["stopbits"]),
    )
