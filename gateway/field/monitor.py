"""Live traffic: from a line of the gateway, or overheard on a port that the gateway does not own."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import trio

from gateway.field.monitor_listen import listen
from gateway.field.monitor_messages import Message, Reader, reader_of
from gateway.field.scan_bus import OpenPort, open_here, port_of
from gateway.settings.line_model import LineSettings

Tell = Callable[[Message], None]


async def overhear(line: LineSettings, tell: Tell, wall: Callable[[], float], opener: OpenPort = open_here) -> None:
    """Tell every message on a serial line where others talk, until cancelled. Not a byte is sent.

    Args:
        line: its port, with the right rate and parity.
        tell: is given each message, stamped with Unix seconds.
        wall: Unix seconds.
        opener: opens the port.

    Raises:
        LineLostError: the port cannot be had, or went away.
    """
    offset = wall() - trio.current_time()
    async with port_of(line, opener) as port:
        await listen(port, line.transport, lambda message: tell(replace(message, at=message.at + offset)), math.inf)


class Following:
    """Follows what ``line.traffic`` tells of a line of the gateway.

    Args:
        call: asks for what came after a record.
        transport: of the line.
    """

    def __init__(self, call: Callable[[int], Mapping[str, Any]], transport: str) -> None:
        self._call = call
        self._reader: Reader = reader_of(transport)
        self._after: int | None = None
        self.lost = 0

    def more(self) -> Sequence[Message]:
        """What happened since the last time, the first time nothing; blocks for one call."""
        answer = self._call(self._after or 0)
        if self._after is None:
            # The gateway overhears from now on. What it has already was heard for somebody who looked before.
            self._after = max((record["number"] for record in answer["records"]), default=0)
            return []
        self.lost += answer["lost"]
        messages: list[Message] = []
        for record in answer["records"]:
            self._after = record["number"]
            sent = record["direction"] == "sent"
            messages += self._reader.feed(record["time"], bytes.fromhex(record["data"]), sent=sent)
        return messages
