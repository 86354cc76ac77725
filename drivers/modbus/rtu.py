"""Modbus RTU frames (MSL 2.5.1): unit, PDU, CRC. Also for RTU bytes carried over TCP.

A frame ends where its own length says, never by silence: no program above a UART sees 1.5 characters.
"""

from dataclasses import dataclass

from drivers.modbus.crc import crc16
from drivers.modbus.framing import Answered, Broken, Event, Leftover, Stray
from drivers.modbus.lengths import MORE, NEVER, reply_length, request_length
from drivers.modbus.pdu import Data, Request, match
from drivers.modbus.prepared import Prepared

_ENVELOPE = 3  # unit before the PDU, CRC behind it
_SHORTEST = 5  # an exception reply: nothing shorter can decide anything
_NOISE_LIMIT = 256  # a whole frame's worth: beyond it this is not noise around a reply, it is a babbling line


@dataclass(frozen=True, slots=True)
class _Frame:
    """What a request means on this wire, computed once.

    Attributes:
        request: Kept so that its identity stays taken while it serves as the key.
        sent: The frame, CRC included.
        head: What the normal reply starts with: unit and function, and the byte count where it has one.
        refusal: Unit and function of the exception reply.
        size: Bytes of the normal reply, 0 if not known beforehand.
        at_once: `size` if a reply that arrives in one piece needs no second look, else -1.
        payload_at: Where the payload begins in the frame.
    """

    request: Request
    sent: bytes
    head: bytes
    refusal: bytes
    size: int
    at_once: int
    payload_at: int


def _prepare(request: Request) -> _Frame:
    body = bytes((request.unit,)) + request.pdu
    sent = body + crc16(body).to_bytes(2, "little")
    function = request.pdu[0]
    if request.broadcast:
        return _Frame(request, sent, b"", b"", 0, -1, 0)
    # A byte count belongs to the head, it changes where the frame ends. The echoed fields of a write do not:
    # a reply that differs in them is damaged or wrong, and either is worth saying at once.
    counted = request.payload_at == 2
    head = bytes((request.unit,)) + request.echo[: 2 if counted else 1]
    size = request.reply_size and request.reply_size + _ENVELOPE
    plain = counted and not (size > len(sent) and sent.startswith(head))
    return _Frame(
        request=request,
        sent=sent,
        head=head,
        refusal=bytes((request.unit, function | 0x80)),
        size=size,
        at_once=size if plain else -1,
        payload_at=1 + request.payload_at,
    )


def _reply_start(now: _Frame, buffer: bytes, stop: int) -> int:
    """Where the normal reply starts if it ends at `stop`; below 1 if it does not."""
    if now.size:
        return stop - now.size
    start = buffer.find(now.head, 1, stop)
    return start if start + reply_length(buffer[start + 1 : stop]) + _ENVELOPE == stop else 0


class RtuFramer:
    """The RTU `Framer`: finds the reply to one request among noise, echoes and other units' frames.

    Decisions fall at stream positions that depend on the stream alone, so any cutting of it into pieces
    gives the same events.

    Args:
        echo: The adapter hears itself: the first copy of the sent bytes is dropped. Without this, the echo
            of a function 5, 6, 8 or 22 request is taken for its reply, because it is equal to it. With
            it and an adapter that does not echo, such a write is never confirmed.
    """

    def __init__(self, *, echo: bool = False) -> None:
        self._echo = echo
        self._prepared = Prepared(_prepare)
        self._now: _Frame | None = None
        self._at_once = -1
        self._buffer = b""
        self._dropped = 0
        self._need = _SHORTEST
        self._echo_due = False
        self._searching = False
        self._searched = 0

    @property
    def request_size(self) -> int:
        """Bytes on the wire of the current request; 0 before the first."""
        return len(self._now.sent) if self._now else 0

    @property
    def reply_size(self) -> int:
        """Bytes on the wire of the normal reply; 0 if unknown, or for a broadcast."""
        return self._now.size if self._now else 0

    def begin(self, request: Request) -> bytes:
        """Forget earlier input, expect the reply to `request`, return the frame to send."""
        now = self._prepared.get(id(request)) or self._prepared.make(request)
        self._now = now
        self._at_once = -1 if self._echo else now.at_once
        self._buffer = b""
        self._dropped = 0
        self._need = _SHORTEST
        self._echo_due = self._echo
        self._searching = False
        self._searched = 0
        return now.sent

    def feed(self, data: bytes) -> Event | None:
        """Take bytes from the wire; None means that more are needed."""
        now = self._now
        if self._buffer:
            data = self._buffer + data
        if now is None or not self._need:
            self._dropped += len(data)
            return None
        if len(data) == self._at_once and data.startswith(now.head) and not crc16(data):
            self._buffer = b""
            self._need = 0
            return Answered(Data(data[now.payload_at : -2]))
        self._buffer = data
        event = self._parse(now) if len(data) >= _SHORTEST else None
        if not self._need:
            self._dropped += len(self._buffer)
            self._buffer = b""
        return event

    def abandon(self) -> Leftover:
        """End the exchange, forget its input and say what it was."""
        now = self._now
        buffer = self._buffer
        size = self._dropped + len(buffer)
        over = not self._need
        self._now = None
        self._buffer = b""
        self._dropped = 0
        if not size:
            return Leftover(0, "none")
        if over or now is None or not now.refusal:
            return Leftover(size, "noise")
        begun = buffer[:2]
        if begun and (now.head.startswith(begun) or now.refusal.startswith(begun)):
            return Leftover(size, "short")
        return Leftover(size, "crc" if size >= (now.size or _SHORTEST) else "noise")

    def _parse(self, now: _Frame) -> Event | None:
        """Run to the next event, or until the bytes for the next decision are missing."""
        while self._need:
            if self._searching and (event := self._search(now, min(len(self._buffer), self._need - 1))):
                return event
            if len(self._buffer) < self._need:
                return None
            verdict = self._judge(now, self._buffer[: self._need])
            if isinstance(verdict, int):
                self._need = verdict
                continue
            size, event = verdict
            self._drop(size)
            if event is None:
                self._dropped += size
                if self._dropped >= _NOISE_LIMIT:
                    self._need = 0
            else:
                if not isinstance(event, Stray):
                    self._need = 0
                return event
        return None

    def _judge(self, now: _Frame, rest: bytes) -> int | tuple[int, Event | None]:
        """Decide on the start of `rest`: how many bytes the next decision takes, or what to drop and tell."""
        sent = now.sent
        if self._echo_due:
            if rest.startswith(sent):
                self._echo_due = False
                self._drop(len(sent))
                return self._need
            if sent.startswith(rest):
                return len(rest) + 1
        if now.refusal:
            if rest.startswith(now.head):
                size = now.size
                if not size:
                    length = reply_length(rest[1:])
                    if length == MORE:
                        return len(rest) + 1
                    size = length + _ENVELOPE if length != NEVER else 0
                if size:
                    return self._judge_own(now, rest, size)
            elif rest.startswith(now.refusal):
                if crc16(rest[:_SHORTEST]):
                    return _SHORTEST, Broken("crc")
                return _SHORTEST, self._intact(now, rest[:_SHORTEST])
        return self._judge_alien(now, rest)

    def _judge_own(self, now: _Frame, rest: bytes, size: int) -> int | tuple[int, Event | None]:
        """Decide on bytes that begin like the normal reply, which is `size` long."""
        sent = now.sent
        if size > len(sent) and rest.startswith(sent):
            return len(sent), Stray("echo", sent[0])
        if len(rest) < size:
            # The echo of a read whose address looks like a byte count ends sooner than the reply would.
            return min(size, len(sent)) if sent.startswith(rest) else size
        if not crc16(rest[:size]):
            return size, self._intact(now, rest[:size])
        if rest.startswith(sent):
            return len(sent), Stray("echo", sent[0])
        if sent.startswith(rest):
            return len(rest) + 1
        return size, Broken("crc")

    def _judge_alien(self, now: _Frame, rest: bytes) -> int | tuple[int, Event | None]:
        """Decide whether `rest` starts with a frame of someone else, or with a byte of noise."""
        pdu = rest[1:]
        need = 0
        for length in (reply_length(pdu), request_length(pdu)):
            if length == NEVER:
                continue
            size = length + _ENVELOPE if length != MORE else len(rest) + 1
            if size > len(rest):
                need = min(need, size) if need else size
            elif not crc16(rest[:size]):
                return size, self._intact(now, rest[:size])
        if need:
            # What seems to be a long frame may be noise in front of the reply: look inside meanwhile.
            self._searching = True
            return need
        return 1, None

    def _search(self, now: _Frame, end: int) -> Event | None:
        """Find an intact reply behind the start of the buffer, among the ends not yet looked at."""
        buffer = self._buffer
        for stop in range(self._searched + 1, end + 1 if now.refusal else 0):
            for start in (_reply_start(now, buffer, stop), stop - _SHORTEST):
                if start < 1 or not buffer.startswith((now.head, now.refusal), start):
                    continue
                frame = buffer[start:stop]
                if crc16(frame) or not isinstance(event := self._intact(now, frame), Answered):
                    continue
                self._drop(stop)
                self._need = _SHORTEST
                if self._echo_due and frame == now.sent:
                    self._echo_due = False
                    return None
                self._need = 0
                return event
        self._searched = end
        return None

    def _intact(self, now: _Frame, frame: bytes) -> Answered | Stray:
        """Say what an intact frame is to the current request."""
        unit = frame[0]
        request = now.request
        if now.refusal and unit == request.unit and (answer := match(request, frame[1:-2])):
            return Answered(answer)
        if frame == now.sent:
            return Stray("echo", unit)
        if unit != request.unit:
            return Stray("wrong_unit", unit)
        return Stray("wrong_function" if frame[1] & 0x7F != request.function else "wrong_shape", unit)

    def _drop(self, size: int) -> None:
        self._buffer = self._buffer[size:]
        self._need = max(self._need - size, _SHORTEST)
        self._searched = max(self._searched - size, 0)
        self._searching = False
