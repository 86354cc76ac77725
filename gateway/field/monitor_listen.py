"""Makes messages of what others say on a serial line, where each frame says itself who sent it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import trio

from drivers.ports.port import Port
from gateway.field.monitor_messages import Message, Pairs, ascii_message, message_of
from gateway.field.monitor_split import Sides, Splitter

# USB adapters hand over what they heard in packets: a shorter pause does not end a frame for us.
PACKET_GAP_S = 0.02
# MSL 2.5.2.1: within an ASCII frame a second may pass between two characters.
_ASCII_GAP_S = 1.0
# MSL 2.5.2: a colon, 255 bytes in two characters each, CR LF.
_ASCII_LONGEST = 513
_LOOK_S = 1.0


class Listener(Protocol):
    """Takes bytes as they are heard."""

    @property
    def deadline(self) -> float | None:
        """When what is left has to be taken as it is; None while nothing is."""
        ...

    def feed(self, data: bytes, now: float) -> list[Message]:
        """The messages that these bytes complete."""
        ...

    def flush(self, now: float) -> list[Message]:
        """What is left, if the line has been silent for long enough."""
        ...


class RtuListener:
    """Of RTU."""

    def __init__(self) -> None:
        self._splitter = Splitter(PACKET_GAP_S)
        self._pairs = Pairs()

    @property
    def deadline(self) -> float | None:
        """See ``Listener.deadline``."""
        return self._splitter.deadline

    def feed(self, data: bytes, now: float) -> list[Message]:
        """See ``Listener.feed``."""
        return [message for frame in self._splitter.feed(data, now) for message in self._pairs.take(message_of(frame))]

    def flush(self, now: float) -> list[Message]:
        """See ``Listener.flush``."""
        return [message for frame in self._splitter.flush(now) for message in self._pairs.take(message_of(frame))]


class AsciiListener:
    """Of Modbus ASCII, where each frame is a line of text."""

    def __init__(self) -> None:
        self._buffer = b""
        self._at = 0.0
        self._sides = Sides()
        self._pairs = Pairs()

    @property
    def deadline(self) -> float | None:
        """See ``Listener.deadline``."""
        return self._at + _ASCII_GAP_S if self._buffer else None

    def feed(self, data: bytes, now: float) -> list[Message]:
        """See ``Listener.feed``."""
        messages = self.flush(now)
        self._buffer += data
        self._at = now
        while b"\n" in self._buffer:
            raw, _, self._buffer = self._buffer.partition(b"\n")
            messages += self._take(raw + b"\n")
        if len(self._buffer) > _ASCII_LONGEST:
            messages += self._rest()
        return messages

    def flush(self, now: float) -> list[Message]:
        """See ``Listener.flush``."""
        return self._rest() if self._buffer and now >= self._at + _ASCII_GAP_S else []

    def _rest(self) -> list[Message]:
        raw, self._buffer = self._buffer, b""
        return self._take(raw)

    def _take(self, raw: bytes) -> list[Message]:
        message = ascii_message(self._at, raw, "request")
        if message.unit is not None:
            kind, after = self._sides.of(message.at, message.unit, message.pdu)
            message = replace(message, kind=kind, after=after)
        return self._pairs.take(message)


def listener_of(transport: str) -> Listener:
    """What listens on a serial line of this transport."""
    return AsciiListener() if transport == "ascii" else RtuListener()


async def listen(port: Port, transport: str, tell: Callable[[Message], None], end: float) -> None:
    """Tell what is said on a port, without a word of our own.

    Args:
        port: open.
        transport: of the line, a serial one.
        tell: is given each message, stamped by the run loop's clock.
        end: when to end, by that clock.

    Raises:
        LinkDown: the port went away.
    """
    listener = listener_of(transport)
    while (now := trio.current_time()) < end:
        deadline = listener.deadline if listener.deadline is not None else now + _LOOK_S
        data = await port.receive(min(end, deadline))
        now = trio.current_time()
        for message in listener.feed(data, now) if data else listener.flush(now):
            tell(message)
    for message in listener.flush(end + _ASCII_GAP_S):
        tell(message)
