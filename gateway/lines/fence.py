"""Late answers: how a request's reply is kept from being taken for another one's.

RTU and ASCII frames carry no number. After a time-out the answer may still come, and if a later request to that unit
asks for the same function and size, the late reply fits it: a wrong value that looks good, and from then on every reply
may be one behind. So for a quarantine after each time-out the shape of the lost reply is held open, and requests to
that unit take other shapes:

* The unit is first asked by a *fence*, a read whose reply has a shape that neither an open request nor any of its polls
  can produce. What it reads is never used as a value; it proves that the unit is there now.
* A poll whose shape is open is *stretched*: it reads one register more, and the surplus is cut off.
* Where a device refuses that, is mute to it or takes no longer requests, the answer cannot be told from the late one:
  its values are uncertain, never good.

An exception has no size of its own; that a refusal is believed only when given twice in a row (see ``polling``) covers
the case that it was an earlier request's.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from drivers.modbus.pdu import Request, read_bits, read_registers

# Function, size of the reply, and for writes what the reply repeats: only the same write can have that reply.
Shape = tuple[int, int, bytes]

LAST_BIT_FUNCTION = 2
MOST_REGISTERS = 125
MOST_BITS = 2000
# How many registers (or bytes of bits) a stretched read may be longer: what a device has behind a block is unknown.
MOST_STRETCH = 3


class Limits(NamedTuple):
    """The most registers, and the most bits, a device takes in one request."""

    registers: int = MOST_REGISTERS
    bits: int = MOST_BITS


NO_LIMITS = Limits()


def shape(request: Request) -> Shape:
    """What a reply to this request looks like."""
    return request.function, request.reply_size, request.echo if request.writes else b""


def _span(read: Request) -> tuple[int, int]:
    return int.from_bytes(read.pdu[1:3], "big"), int.from_bytes(read.pdu[3:5], "big")


def _like(read: Request, address: int, count: int) -> Request:
    make = read_bits if read.function <= LAST_BIT_FUNCTION else read_registers
    return make(read.unit, read.function, address, count)


def _step(read: Request, limits: Limits) -> tuple[int, int]:
    return (8, limits.bits) if read.function <= LAST_BIT_FUNCTION else (1, limits.registers)


def fence(reads: Iterable[Request], avoid: AbstractSet[Shape], limits: Limits = NO_LIMITS) -> Request | None:
    """A read whose reply cannot be mistaken for any of the shapes to avoid, or None where there is none.

    Args:
        reads: reads the unit answers or is supposed to.
        avoid: shapes of its polls and of all requests still open.
        limits: of the unit.
    """
    for read in reads:
        address, count = _span(read)
        step, most = _step(read, limits)
        # The shortest first: a reply that does not come is waited for to its end, and a shorter read stays inside
        # what the unit is known to have.
        for candidate in (*range(step, count, step), *range(count + step, most + 1, step)):
            if address + candidate > 0x10000:
                break
            request = _like(read, address, candidate)
            if shape(request) not in avoid:
                return request
    return None


def spare(read: Request, limits: Limits) -> int:
    """By how many registers (or bytes of bits) a read may be longer at a unit with such limits."""
    address, count = _span(read)
    step, most = _step(read, limits)
    return max(0, min(MOST_STRETCH, (min(most, 0x10000 - address) - count) // step))


def stretched(read: Request, avoid: AbstractSet[Shape], limit: int) -> tuple[Request, int] | None:
    """The same read, longer by as little as makes its shape none of those to avoid; None where that is not possible.

    Args:
        read: what is to be read.
        avoid: shapes that are open.
        limit: how many registers (or bytes of bits) longer it may be: see ``spare``.

    Returns:
        The longer read, and by how much it is longer.
    """
    address, count = _span(read)
    step, _ = _step(read, NO_LIMITS)
    for more in range(1, limit + 1):
        request = _like(read, address, count + more * step)
        if shape(request) not in avoid:
            return request, more
    return None
