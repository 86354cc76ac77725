"""Cuts what is overheard on an RTU line into frames: by checksum, by the length their first bytes tell, and by gaps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from drivers.modbus.crc import crc16
from drivers.modbus.lengths import MORE, NEVER, reply_length, request_length

Direction = Literal["request", "reply", "damaged"]

_ENVELOPE = 3
_SHORTEST = 4
LONGEST_FRAME = 256
# A request that nobody has answered for so long is not answered by what comes then.
_ANSWER_WITHIN_S = 2.0


@dataclass(frozen=True, slots=True)
class Frame:
    """Bytes that belong together.

    Attributes:
        at: when their last byte was here.
        data: with unit and checksum.
        direction: who sent it, as far as can be told; ``damaged`` is what has no right checksum.
        after: of a reply, seconds since its request ended; None where none was heard.
    """

    at: float
    data: bytes
    direction: Direction
    after: float | None = None

    @property
    def unit(self) -> int:
        """The unit it names; of a damaged one, what stands there."""
        return self.data[0]

    @property
    def pdu(self) -> bytes:
        """Without unit and checksum."""
        return self.data[1:-2]


class Sides:
    """Tells of whole frames who sent them: after a request comes its reply, and lengths tell the rest."""

    def __init__(self) -> None:
        self._asked: tuple[float, int, int] | None = None

    def awaited(self, unit: int) -> bool:
        """Whether this unit was asked last, and has not answered."""
        return self._asked is not None and self._asked[1] == unit

    def asked(self, at: float, unit: int, pdu: bytes) -> None:
        """A request is known to have gone out: what comes is its reply."""
        self._asked = (at, unit, pdu[0])

    def of(self, at: float, unit: int, pdu: bytes) -> tuple[Literal["request", "reply"], float | None]:
        """Who sent this frame; of the reply to a request that was heard, also the seconds since that ended."""
        shaped = reply_length(pdu) == len(pdu)
        if self._asked is not None and shaped:
            asked_at, asked_unit, function = self._asked
            if at - asked_at <= _ANSWER_WITHIN_S and (unit, pdu[0] & 0x7F) == (asked_unit, function):
                self._asked = None
                return "reply", at - asked_at
        if pdu[0] > 0x80 or request_length(pdu) != len(pdu):
            return "reply" if shaped else "request", None
        self.asked(at, unit, pdu)
        return "request", None


class Splitter:
    """Overhears one line.

    Args:
        gap: seconds of silence that surely end a frame; USB adapters deliver in packets, so not below 20 ms there.
    """

    def __init__(self, gap: float) -> None:
        self._gap = gap
        self._buffer = b""
        self._at = 0.0
        self._sides = Sides()

    @property
    def deadline(self) -> float | None:
        """When what is buffered has to be taken as it is; None while nothing is."""
        return self._at + self._gap if self._buffer else None

    def feed(self, data: bytes, now: float) -> list[Frame]:
        """Take bytes; returns the frames they complete."""
        return self.flush(now) + self.extend(data, now)

    def heard_request(self, frame: Frame) -> None:
        """A request is known to have gone out: what comes is its reply."""
        self._sides.asked(frame.at, frame.unit, frame.pdu)

    def extend(self, data: bytes, now: float) -> list[Frame]:
        """As ``feed``, where a pause means nothing."""
        frames: list[Frame] = []
        self._buffer += data
        self._at = now
        while (size := self._whole()) > 0:
            frames.append(self._take(size))
        while len(self._buffer) > LONGEST_FRAME:
            frames.append(self._damaged(self._next_frame()))
        return frames

    def flush(self, now: float) -> list[Frame]:
        """What is left when the line has been silent for the gap."""
        frames: list[Frame] = []
        if now < self._at + self._gap:
            return frames
        while self._buffer:
            size = self._whole() or self._any_whole(0)
            frames.append(self._take(size) if size else self._damaged(self._next_frame()))
        return frames

    def _whole(self) -> int:
        """Size of the intact frame at the front that its own bytes announce; 0: none yet."""
        buffer = self._buffer
        if len(buffer) < _SHORTEST:
            return 0
        sizes = []
        for length in self._lengths(buffer[1:]):
            size = length + _ENVELOPE
            if length not in {MORE, NEVER} and size <= len(buffer) and not crc16(buffer[:size]):
                sizes.append(size)
        return sizes[0] if sizes else 0

    def _lengths(self, pdu: bytes) -> tuple[int, int]:
        """Lengths to try, the likelier first: after a request comes its reply."""
        if self._sides.awaited(self._buffer[0]):
            return reply_length(pdu), request_length(pdu)
        return request_length(pdu), reply_length(pdu)

    def _any_whole(self, start: int) -> int:
        """Size of an intact frame from a place on whose length nothing announces (functions of makers)."""
        buffer = self._buffer
        for stop in range(min(len(buffer), start + LONGEST_FRAME), start + _SHORTEST - 1, -1):
            if not crc16(buffer[start:stop]):
                return stop - start
        return 0

    def _next_frame(self) -> int:
        """Where behind the front the next intact frame begins, or the end."""
        for start in range(1, len(self._buffer) - _SHORTEST + 1):
            if self._any_whole(start):
                return start
        return len(self._buffer)

    def _damaged(self, size: int) -> Frame:
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return Frame(self._at, data, "damaged")

    def _take(self, size: int) -> Frame:
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return Frame(self._at, data, *self._sides.of(self._at, data[0], data[1:-2]))
