"""Modbus ASCII frames (MSL 2.5.2): a colon, unit, PDU and LRC in hexadecimal, CR LF."""

from binascii import Error, unhexlify

from drivers.modbus.framing import Answered, Broken, Event, Leftover, Stray
from drivers.modbus.pdu import Request, match

_LONGEST = 513  # MSL 2.5.2: ':' and 255 bytes in two characters each and CR LF
_SHORTEST_BODY = 3  # unit, function, LRC


def lrc(data: bytes) -> int:
    """Compute the longitudinal redundancy check (MSL 6.2.1); 0 when `data` ends with its own."""
    return -sum(data) & 0xFF


class AsciiFramer:
    """The ASCII `Framer`: frames start with a colon, so noise never costs more than one frame.

    Args:
        echo: The adapter hears itself: the first copy of the sent characters is dropped. Without this, the
            echo of a function 5, 6, 8 or 22 request is taken for its reply, because it is equal to it.
    """

    def __init__(self, *, echo: bool = False) -> None:
        self._echo = echo
        self._request: Request | None = None
        self._sent = b""
        self._buffer = b""
        self._dropped = 0
        self._over = True
        self._echo_due = False

    @property
    def request_size(self) -> int:
        """Characters on the wire of the current request; 0 before the first."""
        return len(self._sent)

    @property
    def reply_size(self) -> int:
        """Characters on the wire of the normal reply; 0 if unknown, or for a broadcast."""
        request = self._request
        if request is None or request.broadcast or not request.reply_size:
            return 0
        return 2 * request.reply_size + 7

    def begin(self, request: Request) -> bytes:
        """Forget earlier input, expect the reply to `request`, return the characters to send."""
        body = bytes((request.unit,)) + request.pdu
        self._request = request
        self._sent = b":" + (body + bytes((lrc(body),))).hex().upper().encode() + b"\r\n"
        self._buffer = b""
        self._dropped = 0
        self._over = False
        self._echo_due = self._echo
        return self._sent

    def feed(self, data: bytes) -> Event | None:
        """Take characters from the wire; None means that more are needed."""
        request = self._request
        if request is None or self._over:
            self._dropped += len(data)
            return None
        self._buffer += data
        while (frame := self._next_frame()) is not None:
            if self._echo_due and frame == self._sent:
                self._echo_due = False
                continue
            event = self._judge(request, frame)
            if event is None:
                self._dropped += len(frame)
                continue
            if not isinstance(event, Stray):
                self._over = True
                self._dropped = len(self._buffer)
                self._buffer = b""
            return event
        return None

    def abandon(self) -> Leftover:
        """End the exchange, forget its input and say what it was."""
        request = self._request
        size = self._dropped + len(self._buffer)
        reply_size = self.reply_size
        short = request is not None and self._for_us(request, self._buffer)
        over = self._over
        self._request = None
        self._buffer = b""
        self._dropped = 0
        self._over = True
        if not size:
            return Leftover(0, "none")
        if short:
            return Leftover(size, "short")
        return Leftover(size, "crc" if not over and reply_size and size >= reply_size else "noise")

    def _next_frame(self) -> bytes | None:
        """Take the next piece from a colon to CR LF; everything around such pieces is noise."""
        buffer = self._buffer
        start = buffer.find(b":")
        while start >= 0:
            end = buffer.find(b"\r\n", start) + 2
            if end < 2:
                start = buffer.rfind(b":")
                if len(buffer) - start < _LONGEST:
                    break
                start = -1
            else:
                start = buffer.rfind(b":", start, end)
                if end - start <= _LONGEST:
                    self._dropped += start
                    self._buffer = buffer[end:]
                    return buffer[start:end]
                start = buffer.find(b":", end)
        keep = start if start >= 0 else len(buffer)
        self._dropped += keep
        self._buffer = buffer[keep:]
        return None

    def _judge(self, request: Request, frame: bytes) -> Event | None:
        """Say what a piece from a colon to CR LF is to the request; None for noise."""
        try:
            body = unhexlify(frame[1:-2])
        except Error:
            body = b""
        if len(body) < _SHORTEST_BODY or lrc(body):
            return Broken("crc") if self._for_us(request, frame) else None
        unit = body[0]
        if unit == request.unit and not request.broadcast and (answer := match(request, body[1:-1])):
            return Answered(answer)
        if frame.upper() == self._sent:
            return Stray("echo", unit)
        if unit != request.unit:
            return Stray("wrong_unit", unit)
        return Stray("wrong_function" if body[1] & 0x7F != request.function else "wrong_shape", unit)

    def _for_us(self, request: Request, begun: bytes) -> bool:
        """Whether characters begin like the reply to the request, or like its exception reply."""
        if request.broadcast:
            return False
        function = request.function
        heads = (f":{request.unit:02X}{code:02X}".encode() for code in (function, function | 0x80))
        return begun[:5].upper() in heads
