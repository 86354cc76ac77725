"""Reads out of turn whose answer is their own, also while late answers to earlier requests may still come.

A read is never asked in doubt: an answer that may be another one's begins a quarantine anew, and who asks again and
again would keep the doubt alive for ever. So it is asked for more than was wanted, as polls are (see ``fence``), or not
at all. An exception has no size: one that may be an earlier request's is believed when it is given twice in a row.

Used by the one task that owns the line.
"""

from __future__ import annotations

from dataclasses import replace

import trio

from drivers.modbus.pdu import Data, Refusal, Request
from gateway.lines.exchange import Answer, Lost
from gateway.lines.fence import shape, stretched
from gateway.lines.refusals import GATEWAY_CODES
from gateway.lines.unit import Unit
from gateway.lines.units import Units


async def read_for_certain(units: Units, unit: Unit, request: Request, patience: float | None) -> Answer | Lost | None:
    """Read so that the answer is this read's own.

    Args:
        units: of the line.
        unit: whom to ask.
        request: the read.
        patience: seconds to wait for the answer; None: as the unit's latency suggests.

    Returns:
        What came of it; None where no answer could be told from a late one now, and nothing is gained by asking.

    Raises:
        LinkDown: the wire is gone.
    """
    opened = frozenset(unit.health.open_shapes(trio.current_time()))
    if shape(request) not in opened:
        result = await units.exchange(unit, request, patience)
        if _refused(result) and any(function == request.function for function, *_ in opened):
            result = await units.exchange(unit, request, patience)
            if _refused(result):
                unit.health.refused(shape(request), trio.current_time())
        return result
    longer = stretched(request, opened)
    if longer is None:
        return None
    result = await units.exchange(unit, longer[0], patience)
    if _refused(result):
        # The device has nothing behind what is wanted, or this is an earlier request's refusal.
        return None
    if isinstance(result, Answer) and isinstance(result.answer, Data):
        wanted = request.reply_size - request.payload_at
        return replace(result, answer=Data(result.answer.payload[:wanted]))
    return result


def _refused(result: Answer | Lost) -> bool:
    """Whether the unit itself refused: a gateway that has no path to it has not asked it."""
    refusal = result.answer if isinstance(result, Answer) else None
    return isinstance(refusal, Refusal) and refusal.code not in GATEWAY_CODES
