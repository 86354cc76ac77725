"""What a line needs of its wire: the `Port`, and the one exception that says the wire is gone."""

from dataclasses import dataclass
from typing import Literal, Protocol

Reason = Literal[
    "not_found",  # no such device file, or the host name does not resolve
    "permission",  # the operating system refuses the user
    "busy",  # another program has the port
    "refused",  # the host answers, nobody listens
    "unreachable",  # no answer or no route to the host
    "reset",  # the peer broke the connection
    "closed",  # the peer ended the connection in good order, or we closed the port
    "hung_up",  # the adapter was unplugged or the terminal is gone
    "stuck",  # the port takes no more bytes
    "settings",  # the port cannot do what was asked of it
    "error",  # anything else the operating system reports
]


class LinkDown(Exception):  # noqa: N818 - a state of the world, not a fault of the program
    """The wire itself is gone or cannot be opened: every device behind it is unreachable.

    Never raised for a device that is merely silent.

    Attributes:
        reason: one of `Reason`, for counters and decisions.
        words: the same for a technician, with the cure where one is known; also `str()` of the exception.
        unsent: bytes were to be sent, and not one of them has left.
    """

    def __init__(self, reason: Reason, words: str, *, unsent: bool = False) -> None:
        super().__init__(reason, words)
        self.reason: Reason = reason
        self.words = words
        self.unsent = unsent

    def __str__(self) -> str:
        return self.words


@dataclass(frozen=True, slots=True)
class LineFaults:
    """What the serial hardware noticed since the port was opened, as counts of events."""

    parity: int
    framing: int
    overrun: int
    breaks: int


class Port(Protocol):
    """One half-duplex byte channel, used by exactly one task.

    All moments are on trio's clock (`trio.current_time()`), in seconds.
    """

    @property
    def name(self) -> str:
        """What a person calls this channel: the device path or ``host:port``."""

    async def send(self, data: bytes) -> None:
        """Hand over all of `data`; it may still be on its way when this returns.

        Raises:
            LinkDown: the wire is gone; ``unsent`` where nothing of `data` was handed over.
        """

    async def receive(self, deadline: float) -> bytes | None:
        """Return bytes as soon as any are there, or None when none came until `deadline`.

        Raises:
            LinkDown: the wire is gone.
        """

    def drain(self) -> bytes:
        """Take what has already arrived, without waiting.

        Raises:
            LinkDown: the wire is gone.
        """

    async def pause_until(self, moment: float) -> None:
        """Sleep until `moment`, as precisely as the port's clock allows (the 3.5 character gap needs it)."""

    def faults(self) -> LineFaults | None:
        """Return the hardware's own error counts since opening, or None where there are none to be had."""

    async def aclose(self) -> None:
        """Give the wire back. Safe to call twice, and after `LinkDown`."""
