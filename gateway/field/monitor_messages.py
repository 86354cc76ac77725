"""What went over a line, as requests and replies: from the gateway's own traffic, or overheard on a port."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, Protocol

from drivers.modbus.tcp import frame_end
from gateway.field.monitor_split import Frame, Splitter

Kind = Literal["request", "reply", "unasked", "damaged", "silence"]
_HEADER = 6
# What is sent is whole, so what came before it has ended: no gap is needed to tell.
_NO_GAP = 1e-9


@dataclass(frozen=True, slots=True)
class Message:
    """One thing that happened on a line.

    Attributes:
        at: seconds on whatever clock the bytes were stamped with.
        kind: ``silence`` is a request that nobody answered, told when the next one goes out; ``unasked`` is a reply to
            none, or to one that was answered already: of a second device with the same number, or late.
        unit: None where it cannot be told.
        pdu: without framing; empty for what is damaged.
        raw: as on the wire; of silence, the request.
        request: of a reply, the PDU it answers; None where none was heard.
        after: of a reply, seconds since the request was sent or heard.
    """

    at: float
    kind: Kind
    unit: int | None
    pdu: bytes
    raw: bytes
    request: bytes | None = None
    after: float | None = None


class Reader(Protocol):
    """Makes messages of bytes."""

    def feed(self, at: float, data: bytes, *, sent: bool) -> list[Message]:
        """Take bytes in the order of their times."""
        ...

    def flush(self) -> list[Message]:
        """What is left, when no more will come."""
        ...


class Pairs:
    """Brings replies together with their requests, and tells of requests without one."""

    def __init__(self) -> None:
        self._open: Message | None = None
        self._begun = False

    def take(self, message: Message) -> list[Message]:
        """The messages that one makes, whoever sent it."""
        if message.kind == "request":
            return self.asked(message)
        if message.kind == "damaged":
            self.spoilt()
            return [message]
        return [self.answered(message)]

    def asked(self, message: Message) -> list[Message]:
        """A request, after the silence of the one before."""
        unanswered = self.unanswered(message.at)
        self._open, self._begun = message, True
        return [*unanswered, message]

    def answered(self, message: Message) -> Message:
        """A reply, with what it answers."""
        if not self._begun:
            # Who begins to listen between a request and its reply has not heard all there was.
            return message
        asked, self._open = self._open, None
        if asked is None or asked.unit != message.unit or asked.pdu[0] != message.pdu[0] & 0x7F:
            return replace(message, kind="unasked")
        return replace(message, request=asked.pdu, after=message.at - asked.at)

    def spoilt(self) -> None:
        """Something came that cannot be read: the request was not met by silence."""
        self._open = None

    def unanswered(self, at: float) -> list[Message]:
        """The silence, if there is one."""
        asked, self._open = self._open, None
        if asked is None or asked.unit == 0:
            return []
        return [Message(at, "silence", asked.unit, asked.pdu, asked.raw)]


class RtuReader:
    """Of RTU lines, where what is sent and what comes is one stream."""

    def __init__(self) -> None:
        self._splitter = Splitter(_NO_GAP)
        self._pairs = Pairs()
        self._at = 0.0

    def feed(self, at: float, data: bytes, *, sent: bool) -> list[Message]:
        """See ``Reader.feed``."""
        messages: list[Message] = []
        if sent:
            messages += self.flush()
            frame = Frame(at, data, "request")
            self._splitter.heard_request(frame)
            return messages + self._pairs.asked(message_of(frame))
        self._at = at
        for frame in self._splitter.extend(data, at):
            messages += self._take(frame)
        return messages

    def flush(self) -> list[Message]:
        """See ``Reader.flush``."""
        messages: list[Message] = []
        for frame in self._splitter.flush(self._at + 1.0):
            messages += self._take(frame)
        return messages

    def _take(self, frame: Frame) -> list[Message]:
        # A request that was not sent from here is our own echo, or another master.
        return [message_of(frame)] if frame.direction == "request" else self._pairs.take(message_of(frame))


class _Stream:
    """Replies cut out of a stream by their own borders; what has none is damaged."""

    def __init__(self) -> None:
        self._buffer = b""
        self._pairs = Pairs()
        self._at = 0.0

    def flush(self) -> list[Message]:
        """See ``Reader.flush``."""
        raw, self._buffer = self._buffer, b""
        if raw:
            self._pairs.spoilt()
        return [Message(self._at, "damaged", None, b"", raw)] if raw else []


class TcpReader(_Stream):
    """Of Modbus TCP, where a transaction number pairs replies with requests."""

    def feed(self, at: float, data: bytes, *, sent: bool) -> list[Message]:
        """See ``Reader.feed``."""
        if sent:
            return self.flush() + self._pairs.asked(Message(at, "request", data[_HEADER], data[_HEADER + 1 :], data))
        self._at = at
        self._buffer += data
        messages: list[Message] = []
        while (end := frame_end(self._buffer)) > 0:
            raw, self._buffer = self._buffer[:end], self._buffer[end:]
            messages.append(self._pairs.answered(Message(at, "reply", raw[_HEADER], raw[_HEADER + 1 :], raw)))
        return messages + self.flush() if end < 0 else messages


class AsciiReader(_Stream):
    """Of ASCII lines: a colon, hexadecimal digits, CR LF."""

    def feed(self, at: float, data: bytes, *, sent: bool) -> list[Message]:
        """See ``Reader.feed``."""
        if sent:
            asked = ascii_message(at, data, "request")
            return self.flush() + (self._pairs.asked(asked) if asked.kind == "request" else [asked])
        self._at = at
        self._buffer += data
        messages: list[Message] = []
        while b"\n" in self._buffer:
            raw, _, self._buffer = self._buffer.partition(b"\n")
            messages += self._pairs.take(ascii_message(at, raw + b"\n", "reply"))
        return messages


def ascii_message(at: float, raw: bytes, kind: Kind) -> Message:
    """One line of ASCII; damaged where its checksum is not right."""
    try:
        data = bytes.fromhex(raw[raw.rfind(b":") + 1 :].strip().decode("ascii"))
    except ValueError:
        data = b""
    if len(data) < 3 or sum(data) & 0xFF:
        return Message(at, "damaged", None, b"", raw)
    return Message(at, kind, data[0], data[1:-1], raw)


def message_of(frame: Frame) -> Message:
    """What an RTU frame says."""
    if frame.direction == "damaged":
        return Message(frame.at, "damaged", None, b"", frame.data)
    return Message(frame.at, frame.direction, frame.unit, frame.pdu, frame.data, after=frame.after)


def reader_of(transport: str) -> Reader:
    """What makes messages of a line's bytes."""
    if transport == "tcp":
        return TcpReader()
    return AsciiReader() if transport == "ascii" else RtuReader()
