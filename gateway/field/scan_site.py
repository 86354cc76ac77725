"""Where a scan looks: a port that is opened anew for each setting."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Protocol

from gateway.field.monitor_split import Frame
from gateway.field.scan_bus import Bus, OpenPort, bus_on, listen, open_here, port_of
from gateway.settings.line_model import LineSettings, Parity

# The rates that are met in the field, the commonest first; 8E1 is the standard's own default, 8N1 and 8N2 the usage.
RATES = (9600, 19200, 38400, 57600, 115200, 4800, 2400)
PARITIES: tuple[Parity, ...] = ("none", "even", "odd")


class Site(Protocol):
    """Where to look."""

    settings: Sequence[LineSettings]
    """What to try, the likeliest first."""

    def open(self, line: LineSettings) -> AbstractAsyncContextManager[Bus]:
        """Have the line with these settings."""
        ...

    async def overhear(self, line: LineSettings, seconds: float) -> list[Frame]:
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
        self._open_port = open_port

    @asynccontextmanager
    async def open(self, line: LineSettings) -> AsyncIterator[Bus]:
        """See ``Site.open``."""
        async with port_of(line, self._open_port) as port:
            yield bus_on(line, port)

    async def overhear(self, line: LineSettings, seconds: float) -> list[Frame]:
        """See ``Site.overhear``; who listens to a connection of his own hears nobody else."""
        if line.transport != "rtu":
            return []
        async with port_of(line, self._open_port) as port:
            return await listen(port, seconds)


def candidates(line: LineSettings, rates: Sequence[int], parities: Sequence[Parity]) -> list[LineSettings]:
    """The settings of a serial line to try: stop bits as the standard has them, two where there is no parity bit.

    One or two stop bits sound the same to whoever receives, so only one of them is tried.
    """
    return [
        replace(line, baudrate=rate, parity=parity, stopbits=1 if parity != "none" else 2)
        for parity in parities
        for rate in rates
    ]
