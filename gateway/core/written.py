"""Writes, noted with who made them and how they ended, whatever becomes of the caller."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from gateway.core.audit import AuditOutcome
from gateway.core.errors import GatewayError
from gateway.core.ports import Json, Outcome, WriteResult

_ENDS = {
    Outcome.CONFIRMED: AuditOutcome.DONE,
    Outcome.REFUSED: AuditOutcome.FAILED,
    Outcome.NOT_SENT: AuditOutcome.FAILED,
    Outcome.UNKNOWN: AuditOutcome.UNKNOWN,
}


async def written(
    work: Awaitable[WriteResult], details: Mapping[str, Json], note: Callable[[Mapping[str, Json], AuditOutcome], None]
) -> WriteResult:
    """Carry out a write and note how it ended.

    Args:
        work: the write.
        details: with which values.
        note: told the details, with the reason where there is one, and how it ended.
    """
    # A caller that leaves, or a deadline that passes, ends this without a word on what became of the write.
    end, reason = AuditOutcome.UNKNOWN, "given up"
    try:
        result = await work
        end, reason = _ENDS[result.outcome], result.reason or ""
    except GatewayError as error:
        end, reason = AuditOutcome.FAILED, error.reason
        raise
    except Exception:
        reason = "a fault of the gateway"
        raise
    finally:
        note({**details, **({"reason": reason} if reason else {})}, end)
    return result
