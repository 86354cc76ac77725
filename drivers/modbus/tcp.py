"""Modbus TCP frames (MTI 3.1.3): transaction, protocol 0, length, unit, PDU."""

from dataclasses import dataclass

from drivers.modbus.framing import Answered, Broken, Event, Leftover, Stray
from drivers.modbus.pdu import Data, Request, match
from drivers.modbus.prepared import Prepared

_HEADER = 6  # transaction, protocol and length; the length counts from the unit on
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


class TcpFramer:
    """The TCP `Framer`: every request takes the next transaction, late replies are told by theirs.

    Args:
        any_unit: Accept a reply that carries another unit than the request; some devices answer 0 or 255
            whatever they were asked. The transaction still has to be right.
    """

    def __init__(self, *, any_unit: bool = False) -> None:
        self._any_unit = any_unit
        self._prepared = Prepared(_prepare)
        self._now: _Frame | None = None
        self._transaction = 0
        self._tag = b""
        self._expected = b""
        self._buffer = b""
        self._dropped = 0

    @property
    def request_size(self) -> int:
        """Bytes on the wire of the current request; 0 before the first."""
        return len(self._now.sent) + 2 if self._now else 0

    @property
    def reply_size(self) -> int:
        """Bytes on the wire of the normal reply; 0 if unknown."""
        return self._now.size if self._now else 0

    def begin(self, request: Request) -> bytes:
        """Forget earlier input, expect the reply to `request`, return the frame to send."""
        now = self._prepared.get(id(request)) or self._prepared.make(request)
        # 0 is left out: careless devices put it into whatever they send unasked.
        self._transaction = transaction = self._transaction % 0xFFFF + 1
        self._tag = tag = transaction.to_bytes(2, "big")
        self._expected = tag + now.head
        self._now = now
        self._buffer = b""
        self._dropped = 0
        return tag + now.sent

    def feed(self, data: bytes) -> Event | None:
        """Take bytes from the wire; None means that more are needed."""
        now = self._now
        if now is None or not self._expected:
            self._dropped += len(data)
            return None
        if self._buffer:
            data = self._buffer + data
        if len(data) == now.size and data.startswith(self._expected):
            self._buffer = self._expected = b""
            return Answered(Data(data[now.payload_at :]))
        return self._parse(now, data)

    def abandon(self) -> Leftover:
        """End the exchange, forget its input and say what it was."""
        buffer = self._buffer
        size = self._dropped + len(buffer)
        tag = self._tag
        self._now = None
        self._buffer = self._expected = b""
        self._dropped = 0
        if not size:
            return Leftover(0, "none")
        return Leftover(size, "short" if buffer and tag.startswith(buffer[:2]) else "noise")

    def _parse(self, now: _Frame, data: bytes) -> Event | None:
        self._buffer = data
        if len(data) < _HEADER:
            return None
        body_size = int.from_bytes(data[2:_HEADER], "big")  # protocol and length in one: the protocol is 0
        if not _SHORTEST_BODY <= body_size <= _LONGEST_BODY:
            return self._end(data, Broken("length"))
        end = _HEADER + body_size
        if len(data) < end:
            return None
        unit = data[_HEADER]
        request = now.request
        self._buffer = data[end:]
        if data[:2] != self._tag:
            return Stray("wrong_transaction", unit)
        if unit != request.unit and not self._any_unit:
            return Stray("wrong_unit", unit)
        if answer := match(request, data[_HEADER + 1 : end]):
            return self._end(data[end:], Answered(answer))
        return Stray("wrong_function" if data[_HEADER + 1] & 0x7F != request.function else "wrong_shape", unit)

    def _end(self, trailing: bytes, event: Event) -> Event:
        """Close the exchange: what still comes in belongs to nothing."""
        self._buffer = self._expected = b""
        self._dropped = len(trailing)
        return event
