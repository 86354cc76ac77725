"""Calls that may not be made, or not so often, for the audit log."""

from __future__ import annotations

from gateway.api import rpc
from gateway.api.asgi import Scope, header
from gateway.api.origin import AGENT_ID, Caller, Origin
from gateway.api.rpc_errors import FORBIDDEN, UNAUTHENTICATED
from gateway.core.audit import AuditLog, AuditOutcome
from gateway.core.errors import Code, GatewayError

_REGISTER = "agent.register"
DENIED = frozenset({UNAUTHENTICATED, FORBIDDEN})


def note_denied(audit: AuditLog, method: str, fault: rpc.Fault, caller: Caller, scope: Scope) -> None:
    """Note that a call was refused for want of a token, or of what it allows.

    Args:
        audit: counts equal ones.
        method: that was called.
        fault: what the caller was told.
        caller: who, as far as that was proven.
        scope: of the request.
    """
    origin = Origin(caller, scope)
    claimed = header(scope, AGENT_ID)
    # Who misnames itself may call anything: what is called need be no action of ours then.
    misnamed = isinstance(caller, GatewayError) and caller.code is Code.FORBIDDEN and method != _REGISTER
    unknown = fault.code == UNAUTHENTICATED or misnamed
    audit.note(
        "auth.token" if unknown else method,
        AuditOutcome.DENIED,
        by=origin.known,
        claimed=None if claimed is None else claimed.decode("latin-1"),
        peer=origin.peer,
        target=fault.target,
        details={"reason": str((fault.data or {}).get("reason")), **({"method": method} if unknown else {})},
    )


def note_refused(audit: AuditLog, caller: Caller, scope: Scope) -> None:
    """Note that somebody called too often; equal ones are counted, whoever floods the gateway fills no log."""
    origin = Origin(caller, scope)
    audit.note("rate.limit", AuditOutcome.DENIED, by=origin.known, peer=origin.peer)
