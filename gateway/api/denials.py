"""Calls that may not be made, or not so often, for the audit log."""

from __future__ import annotations

from dataclasses import replace

from gateway.api import rpc
from gateway.api.asgi import Scope, header
from gateway.api.origin import AGENT_ID, Caller, Origin
from gateway.api.rpc_errors import FORBIDDEN, UNAUTHENTICATED, fault_of
from gateway.core.audit import AuditLog, AuditOutcome
from gateway.core.errors import Code, GatewayError

_REGISTER = "agent.register"
# What listening to events is called, which is no method.
_SUBSCRIBE = "event.subscribe"
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


def note_unheard(audit: AuditLog, caller: Caller, scope: Scope, error: GatewayError, target: str | None = None) -> None:
    """Note that somebody was refused who wants to listen to events over a WebSocket.

    Args:
        audit: counts equal ones.
        caller: who, as far as that was proven.
        scope: of the handshake.
        error: why; what is wrong with the request itself is not noted.
        target: what was to be heard.
    """
    if error.code is Code.TOO_MANY:
        note_refused(audit, caller, scope)
    elif error.code in {Code.UNAUTHENTICATED, Code.FORBIDDEN}:
        note_denied(audit, _SUBSCRIBE, replace(fault_of(error), target=target), caller, scope)


def note_foreign(audit: AuditLog, scope: Scope, origin: str) -> None:
    """Note that a web page of another origin wanted a WebSocket."""
    peer = Origin(GatewayError(Code.FORBIDDEN, "a web page"), scope).peer
    audit.note(
        "auth.origin",
        AuditOutcome.DENIED,
        claimed=origin,
        peer=peer,
        target=scope["path"],
        details={"reason": "[server] cors_origins does not name it"},
    )
