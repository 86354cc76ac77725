"""The field side as the technician's tools see it: lines to borrow, and lines to overhear."""

from __future__ import annotations

import trio

from gateway.core.errors import Code, GatewayError, invalid
from gateway.core.ports import BorrowAnswer, TrafficRecord
from gateway.core.reading import Reason
from gateway.lines.borrow import LONGEST_S, Errand, Loan, request_of
from gateway.lines.line import Line
from gateway.lines.lines import Lines
from gateway.lines.tap import Tap

LONGEST_PATIENCE_S = 10.0
MOST_RECORDS = 1000


class ToolSide:
    """Implements ``core.ports.LineTools`` on the lines.

    Args:
        lines: of this gateway.
    """

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def borrow(self, line: str, seconds: float, lease: str | None) -> tuple[str, float]:
        """See ``LineTools.borrow``."""
        owner = self._line(line)
        until = trio.current_time() + min(seconds, LONGEST_S)
        loan = _lasting(owner)
        if loan is not None and lease is not None and loan.lease == lease:
            loan.prolong(until)
            return loan.lease, loan.until - trio.current_time()
        if loan is not None:
            raise GatewayError(Code.UNAVAILABLE, loan.words, details={"retryAfter": 1})
        if lease is not None:
            raise _over(lease)
        if self._lines.door.holds(line):
            raise GatewayError(
                Code.UNAVAILABLE,
                f"a set-point on line {line} is leased, and its device answers: who holds it must be able to renew it. "
                "Wait for the end of the lease, or write the tag without one",
                details={"retryAfter": 5},
            )
        loan = Loan(line, until)
        owner.lend(loan)
        return loan.lease, min(seconds, LONGEST_S)

    def give_back(self, line: str, lease: str) -> None:
        """See ``LineTools.give_back``."""
        owner = self._line(line)
        self._loan(owner, lease).give_back()
        owner.wake()

    async def exchange(self, line: str, lease: str, unit: int, pdu: bytes, patience: float) -> BorrowAnswer:
        """See ``LineTools.exchange``."""
        owner = self._line(line)
        loan = self._loan(owner, lease)
        try:
            request = request_of(unit, pdu)
        except ValueError as error:
            raise invalid("pdu", str(error), pdu.hex()) from error
        if unit == 0 and not owner.polling.numbered:
            raise invalid("unit", "nobody answers unit 0: it means all units", unit)
        if request.writes and not owner.settings.writable:
            raise invalid("pdu", "this line is read-only: the configuration says writable = false", pdu.hex())
        if owner.port is None:
            return BorrowAnswer(
                None, Reason.LINK_DOWN, f"line {line} is {owner.state}: {owner.words or 'not open yet'}"
            )
        errand = Errand(request, min(patience, LONGEST_PATIENCE_S))
        if not loan.ask(errand):
            raise GatewayError(Code.TOO_MANY, "too many requests of this lease wait already: one at a time")
        owner.wake()
        try:
            await errand.done.wait()
        finally:
            loan.drop(errand)
        return errand.answer

    def traffic(self, line: str, after: int) -> tuple[list[TrafficRecord], int]:
        """See ``LineTools.traffic``."""
        owner = self._line(line)
        if owner.tap is None:
            owner.overhear(Tap(lambda: owner.overhear(None)))
        return owner.tap.since(after, MOST_RECORDS) if owner.tap is not None else ([], 0)

    def _line(self, name: str) -> Line:
        line = self._lines.get(name)
        if not isinstance(line, Line):
            raise invalid("line", "no such Modbus line; line.list names them all", name)
        return line

    @staticmethod
    def _loan(line: Line, lease: str) -> Loan:
        loan = _lasting(line)
        if loan is None or not loan.lease == lease:
            raise _over(lease)
        return loan


def _lasting(line: Line) -> Loan | None:
    """The loan of a line, unless it is over and the line has not seen that yet (it may be down)."""
    return line.loan if line.loan is not None and line.loan.lasts else None


def _over(lease: str) -> GatewayError:
    return invalid("lease", "this lease is over, or never was one of this line: borrow the line again", lease)
