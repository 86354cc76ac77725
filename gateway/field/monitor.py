"""Live traffic: from a line of the gateway, or overheard on a port that the gateway does not own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn

import trio

from gateway.field.monitor_messages import Message, Overhearing, Reader, reader_of
from gateway.field.monitor_split import Splitter
from gateway.field.scan_bus import PACKET_GAP_S, OpenPort, open_here, port_of
from gateway.settings.line_model import LineSettings

Tell = Callable[[Message], None]


async def overhear(line: LineSettings, tell: Tell, wall: Callable[[], float], opener: OpenPort = open_here) -> NoReturn:
    """Tell every message on an RTU line where others talk, until cancelled. Not a byte is sent.

    Args:
        line: its port, with the right rate and parity.
        tell: is given each message, stamped with Unix seconds.
        wall: Unix seconds.
        opener: opens the port.

    Raises:
        LineLostError: the port cannot be had, or went away.
    """
    splitter, pairs = Splitter(PACKET_GAP_S), Overhearing()
    offset = wall() - trio.current_time()
    async with port_of(line, opener) as port:
        while True:
            deadline = splitter.deadline
            data = await port.receive(deadline if deadline is not None else trio.current_time() + 1.0)
            now = trio.current_time()
            frames = splitter.feed(data, now) if data else splitter.flush(now)
            for frame in frames:
                for message in pairs.take(frame):
                    tell(_stamped(message, offset))


def _stamped(message: Message, offset: float) -> Message:
    return replace(message, at=message.at + offset)


class Following:
    """Follows what ``line.traffic`` tells of a line of the gateway.

    Args:
        call: asks for what came after a record.
        transport: of the line.
    """

    def __init__(self, call: Callable[[int], Mapping[str, Any]], transport: str) -> None:
        self._call = call
        self._reader: Reader = reader_of(transport)
        self._after = 0
        self.lost = 0

    def more(self) -> Sequence[Message]:
        """What happened since the last time; blocks for one call."""
        answer = self._call(self._after)
        self.lost += answer["lost"]
        messages: list[Message] = []
        for record in answer["records"]:
            self._after = record["number"]
            sent = record["direction"] == "sent"
            messages += self._reader.feed(record["time"], bytes.fromhex(record["data"]), sent=sent)
        return messages
