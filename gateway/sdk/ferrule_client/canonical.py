"""JSON in the one spelling that is signed: RFC 8785 (JCS)."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from decimal import Decimal

from .errors import ConfigurationError

# RFC 8785, 3.2.2.3 with RFC 7493, 2.2: beyond it two readers do not see the same number.
_EXACT = 2**53 - 1
# ECMAScript writes numbers of up to 21 digits, and down to six zeros behind the point, without an exponent.
_LONGEST = 21
_MOST_ZEROS = 6


def canonical(value: object, name: str = "card") -> bytes:
    """The RFC 8785 form of what JSON can carry.

    Args:
        value: dict, list, str, int, float, bool or None, as deep as one likes.
        name: what it is called in errors.

    Raises:
        ConfigurationError: something in it has no such form; the message names the place.
    """
    try:
        return _write(value, name).encode()
    except RecursionError:
        raise ConfigurationError(f"{name} is nested too deep") from None


def _write(value: object, place: str) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return _text(value, place)
    if isinstance(value, int):
        if abs(value) > _EXACT:
            raise ConfigurationError(f"{place}: a whole number beyond 2^53-1 has no exact form: send it as text")
        return str(int(value))
    if isinstance(value, float):
        return _number(value, place)
    if isinstance(value, Mapping):
        return _object(value, place)
    if isinstance(value, list | tuple):
        return f"[{','.join([_write(item, f'{place}[{number}]') for number, item in enumerate(value)])}]"
    raise ConfigurationError(f"{place}: {type(value).__name__} is no JSON")


def _object(value: Mapping[object, object], place: str) -> str:
    members: list[tuple[bytes, str]] = []
    for name, member in value.items():
        if not isinstance(name, str):
            raise ConfigurationError(f"{place}: the name {name!r} is no text")
        written = f"{_text(name, place)}:{_write(member, f'{place}.{name}')}"
        # Names are sorted by their UTF-16 code units (3.2.3), which differs from code points beyond the first plane.
        members.append((name.encode("utf-16-be"), written))
    return "{" + ",".join([written for _, written in sorted(members)]) + "}"


def _text(text: str, place: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ConfigurationError(f"{place}: a surrogate stands alone, so this is no Unicode text") from None
    # The standard library escapes exactly what 3.2.2.2 asks for, in lower-case hexadecimal.
    return json.dumps(text, ensure_ascii=False)


def _number(number: float, place: str) -> str:
    """A number as ECMAScript writes it (ECMA-262, Number::toString)."""
    if not math.isfinite(number):
        raise ConfigurationError(f"{place}: {number} is no JSON")
    if number == 0:
        return "0"
    # repr gives the fewest digits that read back as the same number, which are ECMAScript's digits too.
    _, figures, exponent = Decimal(repr(abs(number))).as_tuple()
    if not isinstance(exponent, int):
        raise TypeError("a finite number has a finite exponent")
    digits = "".join(map(str, figures)).lstrip("0")
    point = len(digits) + exponent
    digits = digits.rstrip("0")
    sign = "-" if number < 0 else ""
    if len(digits) <= point <= _LONGEST:
        return f"{sign}{digits}{'0' * (point - len(digits))}"
    if 0 < point <= _LONGEST:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -_MOST_ZEROS < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{fraction}e{point - 1:+d}"
