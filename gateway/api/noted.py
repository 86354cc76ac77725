"""Writes and loans, noted with who made them and how they ended, whatever becomes of the caller."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping

from gateway.api.origin import Origin
from gateway.core.audit import AuditLog, AuditOutcome
from gateway.core.errors import GatewayError
from gateway.core.ports import Json, Outcome, WriteResult

_ENDS = {
    Outcome.CONFIRMED: AuditOutcome.DONE,
    Outcome.REFUSED: AuditOutcome.FAILED,
    Outcome.NOT_SENT: AuditOutcome.FAILED,
    Outcome.UNKNOWN: AuditOutcome.UNKNOWN,
}


class Noted:
    """Notes one method's work in the audit log.

    Args:
        audit: the log.
        action: the name of the method.
    """

    def __init__(self, audit: AuditLog, action: str) -> None:
        self._audit = audit
        self._action = action

    async def write(
        self, origin: Origin, target: str, details: Mapping[str, Json], work: Awaitable[WriteResult]
    ) -> WriteResult:
        """Carry out a write and note how it ended.

        Args:
            origin: of the call.
            target: what is written.
            details: with which values.
            work: the write.
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
            self.note(origin, target, {**details, **({"reason": reason} if reason else {})}, end)
        return result

    def note(
        self,
        origin: Origin,
        target: str,
        details: Mapping[str, Json] | None = None,
        outcome: AuditOutcome = AuditOutcome.DONE,
    ) -> None:
        """Note something that is over."""
        self._audit.note(self._action, outcome, by=origin.known, peer=origin.peer, target=target, details=details)
