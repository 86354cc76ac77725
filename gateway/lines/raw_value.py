"""From what a message has for a tag to its value."""

from __future__ import annotations

import math
from decimal import Context, Decimal, DecimalException, DivisionByZero, Inexact, InvalidOperation, Overflow

from gateway.core.reading import Reason, Value
from gateway.settings.line_model import RawTagSettings

TRUE_WORDS = frozenset({"1", "true", "on", "yes"})
FALSE_WORDS = frozenset({"0", "false", "off", "no"})
# More digits than any number on a wire has; a float holds 17 of them. What is to be whole must lose none.
_ROUNDED = Context(prec=100, traps=[InvalidOperation, DivisionByZero, Overflow])
_EXACT = Context(prec=100, traps=[InvalidOperation, DivisionByZero, Overflow, Inexact])


def value_in(part: str, tag: RawTagSettings) -> Value | Reason:
    """What a part of a message says of a tag: a value, or why it is none."""
    found = part.strip()
    if tag.type == "string":
        return found
    if tag.type == "bool":
        lowered = found.lower()
        return True if lowered in TRUE_WORDS else False if lowered in FALSE_WORDS else Reason.BAD_TEXT
    return _number(found, tag)


def _number(found: str, tag: RawTagSettings) -> Value | Reason:
    if "_" in found or not found.isascii():
        # To Python "1_2" is 12; on a wire it is a damaged character.
        return Reason.NOT_A_NUMBER
    try:
        # A scale that prints "+ 12,5" means 12.5.
        exact = _scaled(Decimal(found.replace(" ", "").replace(",", ".")), tag)
    except DecimalException:
        return Reason.NOT_A_NUMBER
    if not exact.is_finite():
        return Reason.NOT_A_NUMBER
    number = float(exact)
    # Also a whole number ends here that is too long for a float: 1e999999 has a million digits.
    if not math.isfinite(number):
        return Reason.NOT_A_NUMBER
    if (tag.minimum is not None and number < tag.minimum) or (tag.maximum is not None and number > tag.maximum):
        return Reason.OUT_OF_RANGE
    if tag.type == "int":
        # Not by way of the float: a meter reading or a bar code may have more digits than that holds.
        whole = int(exact)
        return whole if whole == exact else Reason.NOT_A_NUMBER
    return number


def _scaled(exact: Decimal, tag: RawTagSettings) -> Decimal:
    """Scale and offset on the decimal numbers as they are written: 3 with scale 0.1 is 0.3."""
    if (tag.scale, tag.offset) == (1, 0):
        return exact
    context = _EXACT if tag.type == "int" else _ROUNDED
    return context.fma(exact, Decimal(str(tag.scale)), Decimal(str(tag.offset)))
