"""Late answers: how a request's reply is kept from being taken for the next one's.

RTU and ASCII frames carry no number. After a time-out the answer may still come, and if the next request to that unit
asks for the same function and size, the late reply fits it: a wrong value that looks good, and from then on every
reply may be one behind. A quiet time lowers the odds and proves nothing.

A unit works through its requests in order. So the next request to it is a fence: a read whose reply has a shape that
neither an unanswered request nor any of its polls can produce. When that reply comes, everything before it is answered
or lost, and polling goes on; anything else that arrives meanwhile is counted as late and dropped. What a fence reads is
never used as a value, so the late reply of an earlier fence does no harm either. An exception has no shape of its own:
it passes the fence too, and the rule that only a refusal given twice in a row is believed (see ``line``) covers the
case that it belonged to an earlier request.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from drivers.modbus.pdu import Request, read_bits, read_registers

Shape = tuple[int, int]

LAST_BIT_FUNCTION = 2
MOST_REGISTERS = 125
MOST_BITS = 2000


def shape(request: Request) -> Shape:
    """What a reply to this request looks like: function and size of its PDU."""
    return request.function, request.reply_size


def fence(unit: int, reads: Iterable[Request], avoid: AbstractSet[Shape]) -> Request | None:
    """A read whose reply cannot be mistaken for any of the shapes to avoid, or None where there is none.

    Args:
        unit: whom to ask.
        reads: reads this unit answers or is supposed to.
        avoid: shapes of its polls and of all requests still open.
    """
    for read in reads:
        function = read.function
        address, count = int.from_bytes(read.pdu[1:3], "big"), int.from_bytes(read.pdu[3:5], "big")
        make, step, most = (
            (read_bits, 8, MOST_BITS) if function <= LAST_BIT_FUNCTION else (read_registers, 1, MOST_REGISTERS)
        )
        # Shorter reads first: they stay inside what the unit is known to have.
        for candidate in (*range(count - step, 0, -step), *range(count + step, most + 1, step)):
            if address + candidate > 0x10000:
                break
            request = make(unit, function, address, candidate)
            if shape(request) not in avoid:
                return request
    return None
