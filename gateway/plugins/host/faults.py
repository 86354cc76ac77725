"""What a plugin is told when something it asked for does not go. The one table of error codes of this wire."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

import msgspec
import trio

from gateway.core.errors import Code, GatewayError
from gateway.core.eventlog import NotKept
from gateway.core.ports import Json
from gateway.plugins.host.cupboard import QuotaError
from gateway.plugins.host.messages import (
    BUSY,
    INVALID_PARAMS,
    NOT_PERMITTED,
    QUOTA_EXCEEDED,
    UNAVAILABLE,
    Fault,
)
from gateway.plugins.host.permissions import NotPermittedError

_CODES: Mapping[Code, int] = MappingProxyType(
    {Code.INVALID: INVALID_PARAMS, Code.FORBIDDEN: NOT_PERMITTED, Code.TOO_MANY: BUSY}
)
_PLACE = re.compile(r" - at `\$\.?(.*)`\Z", re.DOTALL)


class BusyError(Exception):
    """Too much in a minute."""


def fault_of(error: Exception) -> Fault | None:
    """The error object for what somebody raised; None: it is a fault of ours."""
    match error:
        case NotPermittedError():
            return Fault(NOT_PERMITTED, str(error), {"permission": error.permission})
        case msgspec.ValidationError():
            words = str(error)
            place = _PLACE.search(words)
            if place is None:
                return Fault(INVALID_PARAMS, words, {"field": None})
            return Fault(INVALID_PARAMS, f"{place[1]}: {words[: place.start()]}", {"field": place[1]})
        case QuotaError():
            return Fault(QUOTA_EXCEEDED, str(error))
        case BusyError():
            return Fault(BUSY, str(error))
        case NotKept():
            return Fault(UNAVAILABLE, f"not kept: {error}", {"code": "not_kept"})
        case trio.TooSlowError():
            return Fault(UNAVAILABLE, "it took too long", {"code": "timeout"})
        case GatewayError():
            data: dict[str, Json] = {"code": error.code.value}
            if error.field is not None:
                data["field"] = error.field
            return Fault(_CODES.get(error.code, UNAVAILABLE), error.reason, data)
        case _:
            return None
