"""A line lent to a technician's tool: its polls rest, the tool's requests go out, and it comes back by itself.

A tool that dies gives nothing back, so a loan ends when its time is over, and when nothing was asked for a while. What
is not polled grows old and is called stale; nothing is made fresh by what a tool reads.
"""

from __future__ import annotations

import secrets
from collections import deque
from dataclasses import dataclass, field
from struct import unpack_from

import trio

from drivers.modbus.pdu import (
    Data,
    Function,
    Refusal,
    Request,
    read_bits,
    read_registers,
    read_write_registers,
)
from drivers.modbus.rare import diagnostics, read_fifo
from drivers.ports.port import LinkDown
from gateway.core.ports import BorrowAnswer
from gateway.core.reading import Reason
from gateway.lines.exchange import Answer, Pace, Talk
from gateway.lines.fence import shape
from gateway.lines.health import CAUSE_WORDS, Cause
from gateway.lines.polling import Polling

LONGEST_S = 600.0
# A tool that has asked nothing for so long has gone.
IDLE_S = 30.0
MOST_WAITING = 8

_BITS = (Function.READ_COILS, Function.READ_DISCRETE_INPUTS)
_REGISTERS = (Function.READ_HOLDING_REGISTERS, Function.READ_INPUT_REGISTERS)
_REPEATED = (Function.WRITE_SINGLE_COIL, Function.WRITE_SINGLE_REGISTER, Function.MASK_WRITE_REGISTER)
_REPEATED_HEAD = (Function.WRITE_MULTIPLE_COILS, Function.WRITE_MULTIPLE_REGISTERS)
_HEAD_SIZE = 5
_IDENTIFICATION_SIZE = 4
_FIFO_SIZE = 3
# Of function 23 in front of the values.
_BOTH_SIZE = 10


def request_of(unit: int, pdu: bytes) -> Request:
    """The request a tool wants to send, with what its reply must look like.

    Raises:
        ValueError: it is none of the functions a reply can be told of, or not whole.
    """
    function = pdu[0] if pdu else 0
    if len(pdu) == _HEAD_SIZE and function in _BITS + _REGISTERS:
        make = read_bits if function in _BITS else read_registers
        return make(unit, function, int.from_bytes(pdu[1:3], "big"), int.from_bytes(pdu[3:5], "big"))
    size = 7 if function == Function.MASK_WRITE_REGISTER else _HEAD_SIZE
    if function in _REPEATED and len(pdu) == size:
        return Request(unit, pdu, size, pdu, True, size)
    if function in _REPEATED_HEAD and len(pdu) > _HEAD_SIZE + 1 and len(pdu) == _HEAD_SIZE + 1 + pdu[_HEAD_SIZE]:
        return Request(unit, pdu, _HEAD_SIZE, pdu[:_HEAD_SIZE], True, _HEAD_SIZE)
    if function == Function.ENCAPSULATED_INTERFACE and len(pdu) == _IDENTIFICATION_SIZE and pdu[1] == 14:
        return Request(unit, pdu, 0, pdu[:3], False)
    if function == Function.DIAGNOSTICS and len(pdu) >= _HEAD_SIZE:
        return diagnostics(unit, int.from_bytes(pdu[1:3], "big"), pdu[3:])
    if function == Function.READ_FIFO_QUEUE and len(pdu) == _FIFO_SIZE:
        return read_fifo(unit, int.from_bytes(pdu[1:], "big"))
    if function == Function.READ_WRITE_MULTIPLE_REGISTERS and len(pdu) > _BOTH_SIZE:
        asked, count, at, written, size = unpack_from(">HHHHB", pdu, 1)
        if len(pdu) - _BOTH_SIZE == size == 2 * written:
            return read_write_registers(unit, asked, count, at, unpack_from(f">{written}H", pdu, _BOTH_SIZE))
    raise ValueError("a whole request with function 1 to 6, 8, 15, 16, 22, 23, 24 or 43/14 can be sent, as hexadecimal")


@dataclass(slots=True, eq=False)
class Errand:
    """One request of the tool; ``answer`` is there when ``done`` is set."""

    request: Request
    patience: float
    answer: BorrowAnswer = field(default_factory=lambda: BorrowAnswer(None))
    done: trio.Event = field(default_factory=trio.Event)


class Loan:
    """A line that is lent.

    Args:
        line: its name.
        until: when it ends at the latest, on the run loop's clock.

    Attributes:
        lease: what the borrower proves itself with.
    """

    def __init__(self, line: str, until: float) -> None:
        self.lease = secrets.token_hex(8)
        self.until = until
        self._line = line
        self._used = trio.current_time()
        self._waiting: deque[Errand] = deque()

    @property
    def words(self) -> str:
        """Why an order is refused."""
        left = max(self.end - trio.current_time(), 0.0)
        return (
            f"line {self._line} is lent to a tool, for {left:.0f} s more if it asks nothing, until it is given back; "
            "nothing was sent"
        )

    @property
    def end(self) -> float:
        """When it ends if nothing more is asked."""
        return min(self.until, self._used + IDLE_S)

    @property
    def lasts(self) -> bool:
        """Whether it is not over; the line sees a little later that it is."""
        return trio.current_time() < self.end

    def prolong(self, until: float) -> None:
        """The borrower is there and wants it for longer."""
        self.until, self._used = until, trio.current_time()

    def give_back(self) -> None:
        """The borrower is done, or the line is needed otherwise."""
        self.until = trio.current_time()
        self.fail("returned", f"line {self._line} was given back before this was sent")

    def fail(self, reason: str, message: str) -> None:
        """What waits cannot be sent."""
        while self._waiting:
            errand = self._waiting.popleft()
            errand.answer = BorrowAnswer(None, reason, message)
            errand.done.set()

    def ask(self, errand: Errand) -> bool:
        """Leave a request; False where too many wait."""
        if len(self._waiting) >= MOST_WAITING:
            return False
        self._used = trio.current_time()
        self._waiting.append(errand)
        return True

    def drop(self, errand: Errand) -> None:
        """Its caller has left: it is not sent if it was not."""
        if errand in self._waiting:
            self._waiting.remove(errand)

    def next(self) -> Errand | None:
        """The request whose turn it is."""
        return self._waiting.popleft() if self._waiting else None

    async def carry_out(self, errand: Errand, talk: Talk, polling: Polling) -> None:
        """Do one exchange for the borrower.

        Raises:
            LinkDown: the wire is gone.
        """
        request = errand.request
        causes: list[Cause] = []
        unit = polling.units.get(request.unit)
        now = trio.current_time()
        late = unit is not None and unit.outstanding(request, now)
        doubts = unit is not None and unit.doubts(request.function, now)
        answered = False
        maybe = "; it may have been carried out" if request.writes else ""
        try:
            result = await talk.exchange(
                request, errand.patience, causes.append, Pace(polling.settings.turnaround), polling.finish
            )
            answered = isinstance(result, Answer)
            if unit is not None and isinstance(result, Answer):
                polling.overheard(unit, result.answer)
                late = late or (doubts and isinstance(result.answer, Refusal))
            told = tuple(str(cause) for cause in causes)
            if isinstance(result, Answer):
                pdu = _pdu(request, result.answer)
                errand.answer = BorrowAnswer(pdu, None, None, result.turnaround, told, late_possible=late)
            else:
                reason = Reason.NO_ANSWER if result.cause is Cause.TIMEOUT else Reason.BROKEN_ANSWER
                errand.answer = BorrowAnswer(None, reason, CAUSE_WORDS[result.cause] + maybe, None, told)
        except LinkDown as down:
            errand.answer = BorrowAnswer(None, Reason.LINK_DOWN, down.words + (maybe if talk.left else ""))
            raise
        except BaseException:
            stopped = "the line was stopped before an answer came"
            errand.answer = BorrowAnswer(None, "stopping", stopped + (maybe if talk.left else ""))
            raise
        finally:
            if unit is not None and not polling.numbered and (late or (talk.left and not answered)):
                # Its reply may come when polling goes on: that must not be taken for another one's.
                unit.health.lost(shape(request), trio.current_time())
            self._used = trio.current_time()
            errand.done.set()


def _pdu(request: Request, answer: Data | Refusal) -> bytes:
    if isinstance(answer, Refusal):
        return bytes((request.function | 0x80, answer.code))
    return request.echo[: request.payload_at] + answer.payload
