"""Modbus TCP frames (MTI 3.1.3): transaction, protocol 0, length, unit, PDU."""

from dataclasses import dataclass

from drivers.modbus.framing import Answered, Broken, Event, Leftover, Stray
from drivers.modbus.pdu import Data, Request, match
from drivers.modbus.prepared import Prepared

_HEADER = 6  # transaction, protocol and length; the length counts from the unit on
PDU_AT = _HEADER + 1  # behind the unit
_SHORTEST_BODY = 2
_LONGEST_BODY = 254


@dataclass(frozen=True, slots=True)
class _Frame:
    """What a request means on this wire, computed once; the transaction goes in front.

    Attributes:
        request: Kept so that its identity stays taken while it serves as the key.
        sent: The frame behind the transaction.
        head: What the normal reply starts with behind the transaction.
        size: Bytes of the whole normal reply, 0 if not known beforehand.
        payload_at: Where the payload begins in the whole reply.
    """

    request: Request
    sent: bytes
    head: bytes
    size: int
    payload_at: int


def _prepare(request: Request) -> _Frame:
    unit = bytes((request.unit,))
    size = request.reply_size
    return _Frame(
        request=request,
        sent=(1 + len(request.pdu)).to_bytes(4, "big") + unit + request.pdu,
        head=(1 + size).to_bytes(4, "big") + unit + request.echo,
        size=size and _HEADER + 1 + size,
        payload_at=_HEADER + 1 + request.payload_at,
    )


def frame_end(data: bytes) -> int:
    """Where the first frame of a stream ends: 0 as long as it is not here as a whole, -1 where this is no header."""
    if len(data) < _HEADER:
        return 0
    body_size = int.from_bytes(data[2:_HEADER], "big")  # protocol and length in one: the protocol is 0
    if not _SHORTEST_BODY <= body_size <= _LONGEST_BODY:
        return -1
    end = _HEADER + body_size
    return end if end <= len(data) else 0


def _unfinished(data: bytes) -> bytes:
    """What is left of a stream behind its whole frames: nobody waits for those any more.

    Where there are no borders the beginning is kept, so that it is noticed.
    """
    while (end := frame_end(data)) > 0:
        data = data[end:]
    return data if end == 0 else data[:_HEADER]


class TcpFramer:
    """The TCP `Framer`: every request takes the next transaction, late replies are told by theirs.

    One for each connection. The stream has no borders but those of its frames: what is left of one when an exchange
    ends is kept, and the rest of it is expected in the next.
    """

    def __init__(self) -> None:
        self._prepared = Prepared(_prepare)
        self._now: _Frame | None = None
        self._transaction = 0
        self._tag = b""
        self._expected = b""
        self._buffer = b""

    @property
    def request_size(self) -> int:
        """Bytes on the wire of the current request; 0 before the first."""
        return len(self._now.sent) + 2 if self._now else 0

    @property
    def reply_size(self) -> int:
        """Bytes on the wire of the normal reply; 0 if unknown."""
        return self._now.size if self._now else 0

    def begin(self, request: Request) -> bytes:
        """Expect the reply to `request`, return the frame to send."""
        if self._buffer:
            self._buffer = _unfinished(self._buffer)
        now = self._prepared.get(id(request)) or self._prepared.make(request)
        # 0 is left out: careless devices put it into whatever they send unasked.
        self._transaction = transaction = self._transaction % 0xFFFF + 1
        self._tag = tag = transaction.to_bytes(2, "big")
        self._expected = tag + now.head
        self._now = now
        return tag + now.sent

    def feed(self, data: bytes) -> Event | None:
        """Take bytes from the wire; None means that more are needed."""
        now = self._now
        if self._buffer:
            data = self._buffer + data
        if now is None or not self._expected:
            self._buffer = data
            return None
        if len(data) == now.size and data.startswith(self._expected):
            self._buffer = self._expected = b""
            return Answered(Data(data[now.payload_at :]))
        return self._parse(now, data)

    def abandon(self) -> Leftover:
        """End the exchange and say what has come in; a frame that has begun is still expected to end."""
        begun = self._expected and self._tag.startswith(self._buffer[:2])
        self._now = None
        self._expected = b""
        size = len(self._buffer)
        return Leftover(size, ("short" if begun else "noise") if size else "none")

    def _parse(self, now: _Frame, data: bytes) -> Event | None:
        self._buffer = data
        end = frame_end(data)
        if end < 0:
            self._expected = b""
            return Broken("length")
        if not end:
            return None
        unit = data[_HEADER]
        request = now.request
        self._buffer = data[end:]
        if data[:2] != self._tag:
            return Stray("wrong_transaction", unit, data[:end])
        if unit != request.unit:
            return Stray("wrong_unit", unit)
        if answer := match(request, data[_HEADER + 1 : end]):
            self._expected = b""
            return Answered(answer)
        return Stray("wrong_function" if data[_HEADER + 1] & 0x7F != request.function else "wrong_shape", unit)
