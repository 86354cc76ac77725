"""What callers ask of a line: writes and reads on demand, with a promise of an honest outcome each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import trio

from drivers.modbus.pdu import Data, Refusal, Request
from gateway.core.ports import Outcome, WriteResult
from gateway.core.reading import Reason, Value

# "Acknowledge": the device has taken the request, and will be busy with it for long (MAP 7).
TAKEN_CODE = 5
# What may wait for one line. Beyond it a caller is told at once: a queue that only grows is no service.
MOST_ORDERS = 64
# An order that has not been sent by then is given back: nobody wants a set-point of a minute ago.
ORDER_PATIENCE_S = 10.0

REFUSALS: dict[int, Reason] = {
    1: Reason.ILLEGAL_FUNCTION,
    2: Reason.ILLEGAL_ADDRESS,
    3: Reason.ILLEGAL_VALUE,
    4: Reason.DEVICE_FAILURE,
    5: Reason.DEVICE_BUSY,
    6: Reason.DEVICE_BUSY,
    10: Reason.GATEWAY_PATH,
    11: Reason.GATEWAY_TARGET,
}


def reason_of(refusal: Refusal) -> Reason:
    """The reason a device's exception stands for."""
    return REFUSALS.get(refusal.code, Reason.REFUSED)


@dataclass(slots=True, eq=False)
class Order:
    """One request to one unit, in front of all polls.

    Attributes:
        unit: Modbus unit identifier.
        request: what to send.
        expires: monotonic seconds; not sent by then, it is given back.
        owed: a safe value that must go out: it is taken even while the line is lent.
        sent: whether it has left; from then on "not sent" would be a lie.
        then: what follows from its outcome, done even if the caller has left.
    """

    unit: int
    request: Request
    expires: float
    owed: bool = False
    sent: bool = False
    answer: Data | Refusal | None = None
    failure: WriteResult | None = None
    done: trio.Event = field(default_factory=trio.Event)
    then: Callable[[], None] = field(default=lambda: None)

    def answered(self, answer: Data | Refusal) -> None:
        """The device answered."""
        self.answer = answer
        self.done.set()
        self.then()

    def fail(self, reason: str, message: str) -> None:
        """There will be no answer: unknown once it was sent, else not sent."""
        if not self.done.is_set():
            outcome = Outcome.UNKNOWN if self.sent and self.request.writes else Outcome.NOT_SENT
            self.failure = WriteResult(outcome, reason, message)
            self.done.set()
            self.then()


@dataclass(slots=True, eq=False)
class Writing(Order):
    """A write of a tag.

    Attributes:
        read_back: reads the tag after the write, where it asks for that or the acknowledgement is in doubt; None where
            there is nothing to be read.
        check: whether the data read back says what was written, and the value it says.
        reads_back: whether it is read and compared after every write.
        modify: for a bit field of a device without function 22: makes the write of the whole register from its
            present content.
        checked: what ``check`` said.
        unread: why there was nothing to check, as the end of a sentence about a device that acknowledged the write.
    """

    read_back: Request | None = None
    reads_back: bool = False
    check: Callable[[bytes], tuple[bool, Value | None]] | None = None
    modify: tuple[Request, Callable[[bytes], Request]] | None = None
    checked: tuple[bool, Value | None] | None = None
    unread: str = "but did not answer the read after it"

    def result(self) -> WriteResult:
        """What is known of the write, once ``done`` is set.

        Raises:
            RuntimeError: it is not done yet: nothing is known of it.
        """
        if self.failure is None and self.answer is None:
            raise RuntimeError("the outcome of a write was asked for before there was one")
        if self.failure is not None:
            return self.failure
        if isinstance(self.answer, Refusal):
            reason = reason_of(self.answer)
            if self.answer.code == TAKEN_CODE:
                return WriteResult(
                    Outcome.UNKNOWN, reason, "the device has taken the write, and is not done with it yet"
                )
            return WriteResult(Outcome.REFUSED, reason, f"the device refused: {self.answer.name.replace('_', ' ')}")
        if not self.reads_back:
            return WriteResult(Outcome.CONFIRMED)
        if self.checked is None:
            return WriteResult(Outcome.UNKNOWN, "not_read_back", f"the device acknowledged the write, {self.unread}")
        same, value = self.checked
        if same:
            return WriteResult(Outcome.CONFIRMED, read_back=value)
        return WriteResult(
            Outcome.UNKNOWN,
            "read_back_differs",
            "the device acknowledged the write, but reads back another value: it may limit or ignore it",
            value,
        )
