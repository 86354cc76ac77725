"""A line in the hands of a tool: one request at a time, and everything that was noticed on the way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import trio

from drivers.modbus.pdu import Data, Refusal, Request
from drivers.ports.port import LinkDown, Port
from drivers.ports.serial_port import open_serial
from drivers.ports.tcp_port import open_tcp
from gateway.lines.exchange import Answer, Pace, Talk
from gateway.lines.health import Cause
from gateway.lines.opener import SERIAL_TRANSPORTS, serial_settings, talk_on
from gateway.settings.line_model import LineSettings

OpenPort = Callable[[LineSettings], Awaitable[Port]]


class LineLostError(Exception):
    """A tool cannot have its line, or has lost it; the text says why and what to do.

    Attributes:
        busy: another program has the port.
    """

    def __init__(self, words: str, *, busy: bool = False) -> None:
        super().__init__(words)
        self.busy = busy


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of one request.

    Attributes:
        answer: data or refusal; None where there was none that can be used.
        causes: what went wrong on the way, also before an answer.
        seconds: between the end of the request and the start of the answer; None without one.
    """

    answer: Data | Refusal | None
    causes: tuple[Cause, ...]
    seconds: float | None = None

    @property
    def damaged(self) -> bool:
        """Whether something answered, but what came was broken."""
        return self.answer is None and not {Cause.CRC, Cause.SHORT, Cause.NOISE}.isdisjoint(self.causes)


class Bus(Protocol):
    """A line that can be asked."""

    async def ask(self, request: Request, patience: float) -> Heard:
        """Do one exchange, waiting ``patience`` seconds for the answer.

        Raises:
            LineLostError: the wire is gone.
        """
        ...


class PortBus:
    """A port of our own."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._pace = Pace(0.005)

    async def ask(self, request: Request, patience: float) -> Heard:
        """See ``Bus.ask``."""
        causes: list[Cause] = []
        result = await self._talk.exchange(request, patience, causes.append, self._pace, lambda: None)
        if isinstance(result, Answer):
            return Heard(result.answer, tuple(causes), result.turnaround)
        return Heard(None, tuple(causes))


def bus_on(line: LineSettings, port: Port) -> Bus:
    """A tool's end of an open port."""
    return PortBus(talk_on(line, port))


async def open_here(line: LineSettings) -> Port:
    """Open the port of a line for a tool.

    Raises:
        LinkDown: it cannot be had; the words say why.
    """
    if line.transport in SERIAL_TRANSPORTS:
        return await open_serial(serial_settings(line))
    return await open_tcp(line.host or "", line.tcp_port)


@asynccontextmanager
async def port_of(line: LineSettings, opener: OpenPort = open_here) -> AsyncIterator[Port]:
    """The port of a line, for as long as a tool works on it.

    Raises:
        LineLostError: it cannot be had, or went away meanwhile.
    """
    try:
        port = await opener(line)
        try:
            yield port
        finally:
            with trio.CancelScope(shield=True):
                await port.aclose()
    except LinkDown as down:
        raise LineLostError(down.words, busy=down.reason == "busy") from None
