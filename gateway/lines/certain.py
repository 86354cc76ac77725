"""Reads out of turn whose answer is their own, also while late answers to earlier requests may still come.

An answer that may be another one's begins a quarantine anew, for its own may follow: who asked again and again in
doubt would keep the doubt alive for ever. So a read is asked for more than was wanted, as polls are (see ``fence``), or
not at all. A refusal has no size: one that may be an earlier request's is believed when it is given twice in a row.
Until the quarantine that began with it is over it stands for the same read, which is not asked again.

Used by the one task that owns the line.
"""

from __future__ import annotations

import trio

from drivers.modbus.pdu import Data, Refusal, Request
from gateway.lines.exchange import Answer, Lost
from gateway.lines.fence import shape, stretched
from gateway.lines.refusals import ADDRESS_CODES, FUNCTION_CODE, GATEWAY_CODES
from gateway.lines.unit import Unit
from gateway.lines.units import Units

# Refusals that another try some seconds later would most likely bring again: not those of a device that is busy.
LASTING_CODES = ADDRESS_CODES | {FUNCTION_CODE}


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
    now = trio.current_time()
    if not unit.doubts(request.function, now):
        return await units.exchange(unit, request, patience)
    if request.pdu in (known := unit.found_in_doubt(now)):
        refusal = known[request.pdu]
        return None if refusal is None else Answer(refusal, now, 0.0)
    if not unit.outstanding(request, now):
        return await _ask_twice(units, unit, request, patience)
    avoid = {shape(poll.request) for poll in unit.polls} | unit.health.open_shapes(now)
    longer = stretched(request, avoid, unit.spare(request))
    if longer is None:
        return None
    result = await units.exchange(unit, longer[0], patience)
    if isinstance(result, Lost) and not result.answered:
        # The device may be mute to it: to ask for still more would open one shape after the other.
        unit.find_in_doubt(request, None)
    if _refused(result) is not None:
        # The device has nothing behind what is wanted, or this is an earlier request's refusal.
        unit.find_in_doubt(request, None)
        return None
    if isinstance(result, Answer) and isinstance(result.answer, Data):
        wanted = request.reply_size - request.payload_at
        return Answer(Data(result.answer.payload[:wanted]), result.at, result.turnaround)
    return result


async def _ask_twice(units: Units, unit: Unit, request: Request, patience: float | None) -> Answer | Lost:
    """Ask for what no late reply looks like; a refusal may be an earlier one's."""
    result = await units.exchange(unit, request, patience)
    if _refused(result) is None:
        return result
    result = await units.exchange(unit, request, patience)
    refusal = _refused(result)
    if refusal is not None and refusal.code in LASTING_CODES:
        unit.find_in_doubt(request, refusal)
    return result


def _refused(result: Answer | Lost) -> Refusal | None:
    """What the unit itself refused with: a gateway that has no path to it has not asked it."""
    refusal = result.answer if isinstance(result, Answer) else None
    return refusal if isinstance(refusal, Refusal) and refusal.code not in GATEWAY_CODES else None
