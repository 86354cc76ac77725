"""Writes and loans, noted with who made them and how they ended, whatever becomes of the caller."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from functools import partial

from gateway.api.origin import Origin
from gateway.core.audit import AuditLog, AuditOutcome
from gateway.core.ports import Json, WriteResult
from gateway.core.written import written


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
        return await written(work, details, partial(self.note, origin, target))

    def note(
        self,
        origin: Origin,
        target: str,
        details: Mapping[str, Json] | None = None,
        outcome: AuditOutcome = AuditOutcome.DONE,
    ) -> None:
        """Note something that is over."""
        self._audit.note(self._action, outcome, by=origin.known, peer=origin.peer, target=target, details=details)
