"""``line.borrow``, ``line.return``, ``line.exchange`` and ``line.traffic``: for the technician's tools."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import trio
from msgspec import Meta

from gateway.api.dispatch import Method, method, told
from gateway.api.noted import Noted
from gateway.api.origin import Origin
from gateway.api.params import Name, ParamsModel
from gateway.core import rfc3339
from gateway.core.audit import AuditLog, AuditOutcome
from gateway.core.errors import GatewayError, invalid
from gateway.core.ports import LineTools

# Functions that change something in the device (Modbus Application Protocol 1.1b3, 6).
_WRITING = frozenset({5, 6, 15, 16, 21, 22, 23})
# And of function 8 those sub-functions that do: restart, delimiter, clear counters, clear overrun.
_DIAGNOSTICS, _CHANGING = 8, frozenset({1, 3, 10, 20})
# Bytes of a request that the audit log keeps.
_NOTED = 64

Lease = Annotated[str, Meta(min_length=1, max_length=64)]


class Borrow(ParamsModel, frozen=True):
    """Parameters of ``line.borrow``: with ``lease`` a loan that is held is prolonged."""

    line: Name
    seconds: Annotated[float, Meta(gt=0, le=600)]
    lease: Lease | None = None


class Return(ParamsModel, frozen=True):
    """Parameters of ``line.return``."""

    line: Name
    lease: Lease


class Exchange(ParamsModel, frozen=True):
    """Parameters of ``line.exchange``: the request from its function code on, without unit and checksum."""

    line: Name
    lease: Lease
    unit: Annotated[int, Meta(ge=0, le=255)]
    pdu: Annotated[str, Meta(min_length=2, max_length=506)]
    timeout: Annotated[float, Meta(gt=0, le=10)] = 1.0


class Traffic(ParamsModel, frozen=True):
    """Parameters of ``line.traffic``: what came after the record with that number."""

    line: Name
    after: Annotated[int, Meta(ge=0)] = 0


def tool_methods(tools: LineTools, now: Callable[[], float], audit: AuditLog) -> dict[str, Method]:
    """More of the namespace ``line``.

    Args:
        tools: the field side.
        now: wall time in Unix seconds.
        audit: is told of loans, and of writes made on them.
    """
    borrowed, returned, exchanged = (Noted(audit, name) for name in ("line.borrow", "line.return", "line.exchange"))

    async def borrow(params: Borrow, origin: Origin) -> object:
        lease, seconds = tools.borrow(params.line, params.seconds, params.lease)
        if params.lease is None:
            borrowed.note(origin, params.line, {"seconds": round(seconds, 3)})
        return {"lease": lease, "seconds": round(seconds, 3), "until": rfc3339.text(now() + seconds)}

    async def give_back(params: Return, origin: Origin) -> object:
        tools.give_back(params.line, params.lease)
        returned.note(origin, params.line)
        return {"line": params.line}

    async def exchange(params: Exchange, origin: Origin) -> object:
        try:
            pdu = bytes.fromhex(params.pdu)
        except ValueError:
            pdu = b""
        if not pdu:
            raise invalid("pdu", "the request as hexadecimal, such as 0300000001", params.pdu)
        end = AuditOutcome.UNKNOWN
        try:
            answer = await tools.exchange(params.line, params.lease, params.unit, pdu, params.timeout)
            if answer.pdu is not None:
                end = AuditOutcome.DONE if answer.pdu[0] == pdu[0] else AuditOutcome.FAILED
        except GatewayError:
            end = AuditOutcome.FAILED
            raise
        finally:
            if _changes(pdu):
                exchanged.note(origin, f"{params.line} unit {params.unit}", {"pdu": pdu[:_NOTED].hex()}, end)
        return {
            "pdu": answer.pdu.hex() if answer.pdu is not None else None,
            "reason": answer.reason,
            "message": answer.message,
            "seconds": answer.seconds,
            "causes": list(answer.causes),
            "latePossible": answer.late_possible,
        }

    async def traffic(params: Traffic) -> object:
        records, lost = tools.traffic(params.line, params.after)
        wall = now() - trio.current_time()
        return {
            "records": [
                {
                    "number": record.number,
                    "time": round(record.at + wall, 6),
                    "direction": "sent" if record.sent else "received",
                    "data": record.data.hex(),
                }
                for record in records
            ],
            "lost": lost,
        }

    return {
        "line.borrow": told(Borrow, borrow, scope="devices:write"),
        "line.return": told(Return, give_back, scope="devices:write"),
        "line.exchange": told(Exchange, exchange, scope="devices:write"),
        "line.traffic": method(Traffic, traffic, scope="devices:read"),
    }


def _changes(pdu: bytes) -> bool:
    """Whether a request may change something in the device."""
    return pdu[0] in _WRITING or (pdu[0] == _DIAGNOSTICS and int.from_bytes(pdu[1:3], "big") in _CHANGING)
