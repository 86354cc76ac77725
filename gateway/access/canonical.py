"""JSON in the one spelling that is signed: RFC 8785 (JCS)."""

from __future__ import annotations

import math
from collections.abc import Mapping

import rfc8785

from gateway.core.errors import invalid

_EXACT = 2**53 - 1


def canonical(value: object, name: str) -> bytes:
    """The RFC 8785 form of what JSON can carry.

    Args:
        value: parsed JSON; names of members are unique by then.
        name: what the caller calls it, for the error.

    Raises:
        GatewayError: INVALID for a whole number that not every reader has exactly, a number that is none, a lone
            surrogate, or what JSON does not know; the field names the place.
    """
    try:
        return rfc8785.dumps(value)  # type: ignore[arg-type] # what is not JSON is refused below
    except RecursionError:
        raise invalid(name, "this is nested too deep") from None
    except ValueError:
        _find_fault(value, name)
        raise invalid(name, "this cannot be brought into the form of RFC 8785") from None


def _find_fault(value: object, place: str) -> None:
    """Say where the fault is; the library only says that there is one."""
    if isinstance(value, Mapping):
        for key, member in value.items():
            if not isinstance(key, str) or _has_surrogate(key):
                raise invalid(place, "a name in it is no Unicode text: a surrogate stands alone (RFC 8785, 3.2.2.2)")
            _find_fault(member, f"{place}.{key}")
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            _find_fault(item, f"{place}[{number}]")
    elif isinstance(value, str):
        if _has_surrogate(value):
            raise invalid(place, "this is no Unicode text: a surrogate stands alone (RFC 8785, 3.2.2.2)")
    elif isinstance(value, bool) or value is None:
        return
    elif isinstance(value, int):
        if abs(value) > _EXACT:
            raise invalid(
                place, "a whole number beyond 2^53-1 is not the same for every reader: send it as text", value
            )
    elif not isinstance(value, float) or not math.isfinite(value):
        raise invalid(place, "this is no JSON")


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= letter <= "\udfff" for letter in text)
