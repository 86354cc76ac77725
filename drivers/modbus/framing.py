"""The words in which every framing (RTU, TCP, ASCII) tells what came in after a request."""

from dataclasses import dataclass, field
from typing import Literal, Protocol

import msgspec

from drivers.modbus.pdu import Data, Refusal, Request


class Answered(msgspec.Struct, frozen=True):
    """The reply to the request came, intact; the exchange is over."""

    answer: Data | Refusal


@dataclass(frozen=True, slots=True)
class Broken:
    """The reply came damaged, or the stream can no longer be trusted; waiting longer is of no use.

    Attributes:
        cause: `crc` - the frame begins like the reply to this request but its checksum is wrong;
            `length` - a TCP header that cannot be one: what follows has no frame borders any more.
    """

    cause: Literal["crc", "length"]


@dataclass(frozen=True, slots=True)
class Stray:
    """An intact frame that is not the reply: counted, dropped, the wait goes on.

    Attributes:
        cause: How it differs from the reply; `echo` is the request itself coming back.
        unit: The unit it carries.
        frame: All of it, where it carries the number of another request.
    """

    cause: Literal["wrong_unit", "wrong_function", "wrong_shape", "wrong_transaction", "echo"]
    unit: int | None
    frame: bytes = field(default=b"", compare=False)


Event = Answered | Broken | Stray


@dataclass(frozen=True, slots=True)
class Leftover:
    """What had come in without making a frame when an exchange was given up.

    Attributes:
        size: Bytes on the wire.
        cause: `none` - nothing; `short` - the reply began but did not end; `crc` - as many bytes as a
            reply has, but damaged (noise, wrong baud rate or parity); `noise` - anything else.
    """

    size: int
    cause: Literal["none", "noise", "crc", "short"]


class Framer(Protocol):
    """One exchange at a time: `begin`, then `feed` until an event ends it, or `abandon`.

    What comes between exchanges, or is left of one, is forgotten; but on TCP, where frames have no other borders than
    their lengths, a frame that has begun is heard to its end.

    Which events come, and in which order, does not depend on how the bytes were cut into pieces.
    """

    @property
    def request_size(self) -> int:
        """Bytes on the wire of the current request, header and checksum included; 0 before the first."""

    @property
    def reply_size(self) -> int:
        """Bytes on the wire of the normal reply to the current request; 0 if unknown or none will come."""

    def begin(self, request: Request) -> bytes:
        """Expect the reply to `request` and return the bytes for the wire."""

    def feed(self, data: bytes) -> Event | None:
        """Take bytes from the wire; None means that more are needed.

        After a `Stray`, call `feed(b"")` to go on with what is already buffered.
        """

    def abandon(self) -> Leftover:
        """End the exchange and say what had come in."""
