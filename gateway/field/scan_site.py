"""Where a scan looks: a port that is opened anew for each setting."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import replace
from typing import Protocol

import trio

from gateway.field.monitor_listen import listen
from gateway.field.monitor_messages import Message
from gateway.field.scan_bus import Bus, OpenPort, bus_on, open_here, port_of
from gateway.settings.line_model import LineSettings, Parity

Form = tuple[int, Parity]
# The rates that are met in the field, the commonest first; 8E1 is the standard's own default, 8N1 and 8N2 the usage.
RATES = (9600, 19200, 38400, 57600, 115200, 4800, 2400)
_RTU_FORMS: tuple[Form, ...] = ((8, "none"), (8, "even"), (8, "odd"))
# 7E1 is the specification's own (MSL 2.5.2); 7N2 and 8 bits are met as well.
_ASCII_FORMS: tuple[Form, ...] = ((7, "even"), (7, "none"), (7, "odd"), (8, "none"), (8, "even"))


class Site(Protocol):
    """Where to look."""

    settings: Sequence[LineSettings]
    """What to try, the likeliest first."""

    listens: bool
    """Whether anybody else could be heard."""

    def held(self) -> AbstractAsyncContextManager[None]:
        """Keep what is lent from the first ``open`` within to the last; otherwise each borrows and returns."""
        ...

    def open(self, line: LineSettings) -> AbstractAsyncContextManager[Bus]:
        """Have the line with these settings."""
        ...

    async def overhear(self, line: LineSettings, seconds: float) -> list[Message]:
        """Listen without a word; nothing where that means nothing."""
        ...


class PortSite:
    """A port that is opened anew with each setting.

    Args:
        settings: to try.
        open_port: opens it.
    """

    def __init__(self, settings: Sequence[LineSettings], open_port: OpenPort = open_here) -> None:
        self.settings = settings
        self.listens = any(line.port is not None for line in settings)
        self._open_port = open_port

    def held(self) -> AbstractAsyncContextManager[None]:
        """See ``Site.held``: nobody lends a port, and each setting opens it anew."""
        return nullcontext()

    @asynccontextmanager
    async def open(self, line: LineSettings) -> AsyncIterator[Bus]:
        """See ``Site.open``."""
        async with port_of(line, self._open_port) as port:
            yield bus_on(line, port)

    async def overhear(self, line: LineSettings, seconds: float) -> list[Message]:
        """See ``Site.overhear``; who listens to a connection of his own hears nobody else."""
        heard: list[Message] = []
        if line.port is not None:
            async with port_of(line, self._open_port) as port:
                await listen(port, line.transport, heard.append, trio.current_time() + seconds)
        return heard


def candidates(
    line: LineSettings,
    *,
    baudrate: int | None = None,
    parity: Parity | None = None,
    bytesize: int | None = None,
    stopbits: int | None = None,
) -> list[LineSettings]:
    """The settings of a serial line to try, the likeliest first.

    One or two stop bits sound the same to whoever receives, so only one of them is tried: as the specification has it,
    two where there is no parity bit.

    Args:
        line: has the port and the transport.
        baudrate: the only one, where it is known.
        parity: likewise.
        bytesize: likewise.
        stopbits: likewise.
    """
    forms = _ASCII_FORMS if line.transport == "ascii" else _RTU_FORMS
    chosen = [form for form in forms if bytesize in {None, form[0]} and parity in {None, form[1]}]
    if not chosen and bytesize is not None and parity is not None:
        chosen = [(bytesize, parity)]
    return [
        replace(line, baudrate=rate, bytesize=bits, parity=bit, stopbits=stopbits or (1 if bit != "none" else 2))
        for bits, bit in chosen
        for rate in ((baudrate,) if baudrate else RATES)
    ]
