"""One side of a conversation: gives requests their numbers, matches answers, counts what does not fit. Pure.

Whatever the other side sends, what is kept of it is bounded: so many questions wait for its answers, so many of its own
are being answered, and so many of those that were given up are remembered.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from gateway.core.ports import Json
from gateway.plugins.host.frames import LONGEST_FRAME, LineReader, TooLong
from gateway.plugins.host.messages import (
    BUSY,
    INVALID_REQUEST,
    PARSE_ERROR,
    Answer,
    Fault,
    Garbage,
    Id,
    Request,
    decode,
    encode_fault,
    encode_request,
    encode_result,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a conversation may hold.

    Attributes:
        frame: bytes of a line.
        asking: questions that wait for an answer of the other side.
        asked: questions of the other side that are being answered.
        given_up: of our questions that are remembered, so that a late answer is known for one.
    """

    frame: int = LONGEST_FRAME
    asking: int = 16
    asked: int = 16
    given_up: int = 64


@dataclass(slots=True)
class Counts:
    """What did not fit.

    Attributes:
        garbage: lines that were no message.
        too_long: lines that were longer than they may be.
        late: answers to questions that had been given up.
        duplicate: answers to questions that had been answered.
        unknown: answers to questions nobody had asked.
        busy: questions that were refused because too many were open.
        reused: questions with the number of one that was open.
    """

    garbage: int = 0
    too_long: int = 0
    late: int = 0
    duplicate: int = 0
    unknown: int = 0
    busy: int = 0
    reused: int = 0

    def add(self, more: Counts) -> None:
        """Add those of another conversation."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(more, each.name))


class AskedTooMuchError(Exception):
    """As many questions as may be wait for answers already."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Something came that is answered at once, and by nobody else.

    Attributes:
        reply: the line to send; None: it is not answered.
        shown: how it began, for the log.
    """

    reply: bytes | None
    shown: bytes = b""


# What is to be done about a line: serve a request, hand on an answer, or send a refusal.
Incoming = Request | Answer | Refused
_SHOWN = 200


@dataclass(slots=True)
class Conversation:
    """The state of one side.

    Attributes:
        limits: how much it holds.
        counts: what did not fit.
    """

    limits: Limits = field(default_factory=Limits)
    counts: Counts = field(default_factory=Counts)
    _last: int = 0
    _asking: set[int] = field(default_factory=set)
    _given_up: OrderedDict[int, None] = field(default_factory=OrderedDict)
    _asked: set[Id] = field(default_factory=set)
    _lines: LineReader = field(init=False)

    def __post_init__(self) -> None:
        self._lines = LineReader(self.limits.frame)

    @property
    def asking(self) -> int:
        """Questions that wait for an answer."""
        return len(self._asking)

    @property
    def asked(self) -> int:
        """Questions of the other side that wait for ours."""
        return len(self._asked)

    def ask(self, method: str, params: Mapping[str, Json]) -> tuple[int, bytes]:
        """A question: its number, and the line to send.

        Raises:
            AskedTooMuchError: too many wait already.
            TooLargeError: it does not fit into a line; nothing was asked.
        """
        if len(self._asking) >= self.limits.asking:
            raise AskedTooMuchError(f"{self.limits.asking} questions wait for an answer already")
        line = encode_request(method, params, self._last + 1, self.limits.frame)
        self._last += 1
        self._asking.add(self._last)
        return self._last, line

    def tell(self, method: str, params: Mapping[str, Json]) -> bytes:
        """A notification as a line.

        Raises:
            TooLargeError: it does not fit into one.
        """
        return encode_request(method, params, None, self.limits.frame)

    def give_up(self, id_: int) -> None:
        """Nobody waits for this answer any more."""
        if id_ in self._asking:
            self._asking.remove(id_)
            self._given_up[id_] = None
            while len(self._given_up) > self.limits.given_up:
                self._given_up.popitem(last=False)

    def answer(self, id_: Id, result: Json) -> bytes:
        """Answer a question that came.

        Raises:
            TooLargeError: the result does not fit into a line; the question is still open.
        """
        line = encode_result(id_, result, self.limits.frame)
        self._asked.discard(id_)
        return line

    def refuse(self, id_: Id, fault: Fault) -> bytes:
        """Answer a question that came with an error."""
        self._asked.discard(id_)
        return encode_fault(id_, fault, self.limits.frame)

    def feed(self, data: bytes) -> list[bytes | TooLong]:
        """The lines that ended in these bytes; hand each to ``receive``."""
        return self._lines.feed(data)

    def receive(self, line: bytes | TooLong) -> Incoming | None:
        """What is to be done about a line; None: nothing, it was counted."""
        if isinstance(line, TooLong):
            self.counts.too_long += 1
            fault = Fault(PARSE_ERROR, f"a line of {line.size} bytes: at most {self.limits.frame}")
            return Refused(encode_fault(None, fault, self.limits.frame))
        message = decode(line)
        match message:
            case Request():
                return self._requested(message)
            case Answer():
                return self._answered(message)
            case Garbage():
                self.counts.garbage += 1
                # What is not even meant to be a message (somebody prints) is not answered: it would not be understood.
                meant = line.startswith((b"{", b"["))
                reply = encode_fault(message.id, message.fault, self.limits.frame) if meant else None
                return Refused(reply, line[:_SHOWN])

    def _requested(self, request: Request) -> Incoming:
        if request.id is None:
            return request
        if request.id in self._asked:
            self.counts.reused += 1
            return self._refusal(request.id, Fault(INVALID_REQUEST, "id: a request with this id is open"))
        if len(self._asked) >= self.limits.asked:
            self.counts.busy += 1
            fault = Fault(BUSY, f"{self.limits.asked} requests are open: wait for an answer, then ask again")
            return self._refusal(request.id, fault)
        self._asked.add(request.id)
        return request

    def _answered(self, answer: Answer) -> Answer | None:
        id_ = answer.id
        # Ours are whole numbers; in their place 1.0, "1" and null are nobody's.
        if not isinstance(id_, int) or not 1 <= id_ <= self._last:
            self.counts.unknown += 1
            return None
        if id_ in self._asking:
            self._asking.remove(id_)
            return answer
        if id_ in self._given_up:
            del self._given_up[id_]
            self.counts.late += 1
        else:
            self.counts.duplicate += 1
        return None

    def _refusal(self, id_: Id, fault: Fault) -> Refused:
        return Refused(encode_fault(id_, fault, self.limits.frame))
