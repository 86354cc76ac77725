"""Devices that speak no protocol: scales, bar code readers, meters that talk by themselves.

A splitter turns the byte stream into messages. It keeps what it has between calls, so that neither a deadline nor
a cancelled reader loses a character.
"""

import math
from typing import Protocol

import trio

from drivers.ports.port import Port

DEFAULT_LIMIT = 1024


class OversizeMessage(Exception):  # noqa: N818 - what the device did, not a fault of the program
    """A message was longer than the limit; `beginning` is as much of it as the limit allows, the rest is skipped."""

    def __init__(self, beginning: bytes, limit: int) -> None:
        super().__init__(beginning, limit)
        self.beginning = beginning
        self.limit = limit

    def __str__(self) -> str:
        return f"a message is longer than {self.limit} bytes: raise the limit, or check terminator and baud rate"


class Splitter(Protocol):
    """Finds messages in a stream. Pure.

    Attributes:
        dropped: how many messages were thrown away because nobody can tell where they end.
    """

    dropped: int

    def feed(self, data: bytes, now: float) -> None:
        """Take what arrived at `now`."""

    def take(self, now: float) -> bytes | None:
        """Return the next whole message, or None when there is none yet.

        Raises:
            OversizeMessage: instead of a message that exceeds the limit; the next call goes on behind it.
        """

    def due_at(self) -> float:
        """Return when silence alone will end the message that has begun; infinite when silence says nothing."""


class TerminatorSplitter:
    """Messages end with a fixed sequence, which is not part of them.

    A silence of `gap_s` throws away a message that has begun: what a device sends after it was switched off in the
    middle of one is another message. None trusts the wire.
    """

    def __init__(self, terminator: bytes, limit: int = DEFAULT_LIMIT, gap_s: float | None = None) -> None:
        """Set the rule.

        Raises:
            ValueError: an empty terminator.
        """
        if not terminator:
            raise ValueError("a terminator has at least one byte")
        self._terminator = terminator
        self._limit = limit
        self._gap_s = gap_s
        self._buffer = bytearray()
        self._skipping = False
        self._last_at = -math.inf
        self.dropped = 0

    def feed(self, data: bytes, now: float) -> None:
        """Take what arrived."""
        if self._gap_s is not None and now - self._last_at > self._gap_s:
            whole = self._buffer.rfind(self._terminator)
            end = 0 if whole < 0 else whole + len(self._terminator)
            self.dropped += len(self._buffer) > end
            del self._buffer[end:]
            self._skipping = False
        self._last_at = now
        self._buffer += data
        if self._skipping:
            self._skip()

    def take(self, now: float) -> bytes | None:  # noqa: ARG002 - the Splitter protocol
        """Return the next whole message."""
        end = self._buffer.find(self._terminator)
        if end < 0 and len(self._buffer) < self._limit + len(self._terminator):
            return None
        if 0 <= end <= self._limit:
            message = bytes(self._buffer[:end])
            del self._buffer[: end + len(self._terminator)]
            return message
        beginning = bytes(self._buffer[: self._limit])
        del self._buffer[: self._limit]
        self._skipping = True
        self._skip()
        raise OversizeMessage(beginning, self._limit)

    def _skip(self) -> None:
        """Drop the rest of a message that was too long, its terminator included."""
        end = self._buffer.find(self._terminator)
        if end >= 0:
            del self._buffer[: end + len(self._terminator)]
            self._skipping = False
        else:
            # The last bytes may be the beginning of the terminator.
            del self._buffer[: max(0, len(self._buffer) - len(self._terminator) + 1)]

    def due_at(self) -> float:
        """Return infinity: only the terminator ends a message."""
        return math.inf


class FixedSplitter:
    """Messages all have the same length.

    A silence of `gap_s` throws away a message that has begun, so that one lost character does not shift all that
    follow; None trusts the wire.
    """

    def __init__(self, size: int, gap_s: float | None = None) -> None:
        """Set the rule.

        Raises:
            ValueError: a size below 1.
        """
        if size < 1:
            raise ValueError("a message has at least one byte")
        self._size = size
        self._gap_s = gap_s
        self._buffer = bytearray()
        self._last_at = -math.inf
        self.dropped = 0

    def feed(self, data: bytes, now: float) -> None:
        """Take what arrived."""
        if self._gap_s is not None and now - self._last_at > self._gap_s:
            odd = len(self._buffer) % self._size
            self.dropped += odd > 0
            del self._buffer[len(self._buffer) - odd :]
        self._last_at = now
        self._buffer += data

    def take(self, now: float) -> bytes | None:  # noqa: ARG002 - the Splitter protocol
        """Return the next whole message."""
        if len(self._buffer) < self._size:
            return None
        message = bytes(self._buffer[: self._size])
        del self._buffer[: self._size]
        return message

    def due_at(self) -> float:
        """Return infinity: only the length ends a message."""
        return math.inf


class GapSplitter:
    """Messages end when nothing came for `gap_s`; a gap of 0 gives every delivery as it comes (raw).

    A silence counts when somebody looked as it ended, and found nothing. Bytes that are found later, because the loop
    was held up, may have come at any time since: they belong to the message before them or begin another. Nobody knows,
    so neither is taken for a message.
    """

    def __init__(self, gap_s: float, limit: int = DEFAULT_LIMIT) -> None:
        self._gap_s = gap_s
        self._limit = limit
        self._buffer = bytearray()
        self._last_at = -math.inf
        self._skipping = False
        self.dropped = 0

    def feed(self, data: bytes, now: float) -> None:
        """Take what arrived at `now`."""
        if self._gap_s and self._buffer and now >= self.due_at():
            self._buffer.clear()
            self._skipping = True
            self.dropped += 1
        self._last_at = now
        if not self._skipping:
            self._buffer += data

    def take(self, now: float) -> bytes | None:
        """Return the message that the silence has ended."""
        over = now >= self.due_at()
        if self._skipping:
            self._skipping = not over
            return None
        if self._gap_s and len(self._buffer) > self._limit:
            beginning = bytes(self._buffer[: self._limit])
            self._buffer.clear()
            self._skipping = True
            raise OversizeMessage(beginning, self._limit)
        if not over:
            return None
        message = bytes(self._buffer[: self._limit])
        del self._buffer[: self._limit]
        return message

    def due_at(self) -> float:
        """Return when the silence will have been long enough."""
        return self._last_at + self._gap_s if self._buffer or self._skipping else math.inf


async def read_message(port: Port, splitter: Splitter, deadline: float) -> bytes | None:
    """Return the next message of a device that talks by itself, or None when none was complete by `deadline`.

    A message that has begun stays in the splitter for the next call.

    Raises:
        LinkDown: the wire is gone.
        OversizeMessage: a message exceeded the splitter's limit.
    """
    while True:
        now = trio.current_time()
        if (message := splitter.take(now)) is not None:
            return message
        until = min(deadline, splitter.due_at())
        data = await port.receive(until)
        now = trio.current_time()
        if data is not None:
            splitter.feed(data, now)
        elif now >= deadline:
            return splitter.take(now)
