"""The one error table of ``/api/v1``: gateway errors to JSON-RPC codes, codes to HTTP statuses (ruling 12, D-025)."""

from __future__ import annotations

import json

from gateway.api import rpc
from gateway.core.errors import Code, GatewayError

UNAUTHENTICATED = -32001
FORBIDDEN = -32002
TOO_MANY = -32004
UNAVAILABLE = -32007
# Ours: the reference has no codes for them, and those of A2A end at -32009.
NOT_FOUND = -32010
CONFLICT = -32011

_TABLE: dict[Code, tuple[int, str]] = {
    Code.INVALID: (rpc.INVALID_PARAMS, "Invalid params"),
    Code.UNAUTHENTICATED: (UNAUTHENTICATED, "Authentication error"),
    Code.FORBIDDEN: (FORBIDDEN, "Authorization error"),
    Code.NOT_PRIVATE: (-32003, "RFC-1918 violation"),
    Code.TOO_MANY: (TOO_MANY, "Rate limit exceeded"),
    Code.AGENT_NOT_FOUND: (-32005, "Agent not found"),
    Code.CAPABILITY_NOT_FOUND: (-32006, "Capability not found"),
    Code.UNAVAILABLE: (UNAVAILABLE, "Service unavailable"),
    Code.NOT_FOUND: (NOT_FOUND, "Not found"),
    Code.CONFLICT: (CONFLICT, "Conflict"),
}

STATUS: dict[int, int] = {
    rpc.PARSE_ERROR: 400,
    rpc.INVALID_REQUEST: 400,
    rpc.METHOD_NOT_FOUND: 404,
    rpc.INVALID_PARAMS: 400,
    rpc.INTERNAL_ERROR: 500,
    UNAUTHENTICATED: 401,
    FORBIDDEN: 403,
    -32003: 403,
    TOO_MANY: 429,
    -32005: 404,
    -32006: 404,
    UNAVAILABLE: 503,
    NOT_FOUND: 404,
    CONFLICT: 409,
}
# Statuses ``/api/v1/rpc`` keeps: stock clients read the error object only of a 200 (ruling 17).
STATUS_OF_RPC: dict[int, int] = {UNAUTHENTICATED: 401, TOO_MANY: 429}

_LONGEST_PROVIDED = 256
_INT64 = range(-(2**63), 2**64)
_PIECES = json.JSONEncoder(ensure_ascii=False)


def fault_of(error: GatewayError) -> rpc.Fault:
    """The error object a caller gets for a gateway error (D-027)."""
    code, message = _TABLE[error.code]
    data: dict[str, object] = {}
    if error.field is not None:
        data["field"] = error.field
    data["reason"] = error.reason
    if error.code is Code.INVALID:
        data["provided"] = presentable(error.provided)
    if "reason" in error.details:
        # One word for programs takes its place; the sentence stays.
        data["message"] = error.reason
    data.update(error.details)
    return rpc.Fault(code, message, data)


def presentable(provided: object) -> object:
    """What the caller gave, cut so that it can be shown: at most 256 characters, no structure (D-027)."""
    if isinstance(provided, bool | float) or provided is None:
        return provided
    if isinstance(provided, int):
        return provided if provided in _INT64 else str(provided)[:_LONGEST_PROVIDED]
    if isinstance(provided, str):
        return provided[:_LONGEST_PROVIDED]
    # Piece by piece: a whole body may have been provided, and 256 characters of it are shown.
    shown = ""
    for piece in _PIECES.iterencode(provided):
        shown += piece[:_LONGEST_PROVIDED]
        if len(shown) >= _LONGEST_PROVIDED:
            break
    return shown[:_LONGEST_PROVIDED]
