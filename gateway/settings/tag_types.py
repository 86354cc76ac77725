"""What the type of a tag means for checks: its registers, and the raw values they can hold."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.settings.line_model import TagType

_FLOAT16_MAX = 65504.0
_FLOAT32_MAX = 3.4028234663852886e38
_FLOAT64_MAX = 1.7976931348623157e308
_FLOAT_CODES = {"float16": ">e", "float32": ">f", "float64": ">d"}
BCD_TYPES = ("bcd16", "bcd32")


@dataclass(frozen=True, slots=True)
class TypeFacts:
    """One type.

    Attributes:
        registers: it takes; 0 where the tag says so itself.
        low: least raw value.
        high: greatest raw value.
        is_whole: raw values are whole numbers.
        is_measure: it may be scaled and have a deadband.
    """

    registers: int
    low: float
    high: float
    is_whole: bool = True
    is_measure: bool = True


def _signed(bits: int, registers: int) -> TypeFacts:
    return TypeFacts(registers, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def _unsigned(bits: int, registers: int) -> TypeFacts:
    return TypeFacts(registers, 0, 2**bits - 1)


FACTS: dict[TagType, TypeFacts] = {
    "bool": TypeFacts(1, 0, 1, is_measure=False),
    "uint8": _unsigned(8, 1),
    "int8": _signed(8, 1),
    "uint16": _unsigned(16, 1),
    "int16": _signed(16, 1),
    "uint32": _unsigned(32, 2),
    "int32": _signed(32, 2),
    "uint64": _unsigned(64, 4),
    "int64": _signed(64, 4),
    "float16": TypeFacts(1, -_FLOAT16_MAX, _FLOAT16_MAX, is_whole=False),
    "float32": TypeFacts(2, -_FLOAT32_MAX, _FLOAT32_MAX, is_whole=False),
    "float64": TypeFacts(4, -_FLOAT64_MAX, _FLOAT64_MAX, is_whole=False),
    "bcd16": TypeFacts(1, 0, 9999),
    "bcd32": TypeFacts(2, 0, 99_999_999),
    "epoch32": TypeFacts(2, 0, 2**32 - 1, is_measure=False),
    "epoch64": TypeFacts(4, -(2**63), 2**63 - 1, is_measure=False),
    "epoch64ms": TypeFacts(4, -(2**63), 2**63 - 1, is_measure=False),
    "string": TypeFacts(0, 0, 0, is_measure=False),
}


def raw_sentinel(facts: TypeFacts, value: float) -> float | None:
    """Return the raw value a sentinel stands for, None where the type cannot hold it.

    Data sheets write the sentinel of a signed type as its bits (``0x8000`` of an ``int16``); it is the number
    those bits make.
    """
    if not facts.is_whole:
        return value if math.isinf(value) or facts.low <= value <= facts.high else None
    if math.isinf(value) or value != int(value):
        return None
    whole = int(value)
    if facts.low < 0 and facts.high < whole <= facts.high - facts.low:
        whole -= int(facts.high - facts.low) + 1
    return whole if facts.low <= whole <= facts.high else None


def raw_value(facts: TypeFacts, value: float, scale: float, offset: float) -> Fraction:
    """Return what an engineering value is in the registers, reckoned on the decimal numbers as the codec does it."""
    raw = (Fraction(str(value)) - Fraction(str(offset))) / Fraction(str(scale))
    return Fraction(round(raw)) if facts.is_whole else raw


def unwritable(facts: TypeFacts, value: float, scale: float, offset: float) -> str | None:
    """Say why an engineering value cannot be put into the registers; None where it can."""
    raw = raw_value(facts, value, scale, offset)
    if facts.low <= raw <= facts.high:
        return None
    ends = sorted((facts.low * scale + offset, facts.high * scale + offset))
    return f"{value:g} cannot be written to it. Its range is {ends[0]:g} to {ends[1]:g}"


def is_sentinel(type_name: TagType, raw: Fraction, sentinels: tuple[float, ...]) -> bool:
    """Tell whether a raw value reads back as "no value", as the registers hold it."""
    if type_name in _FLOAT_CODES:
        return _in_float(type_name, float(raw)) in {_in_float(type_name, sentinel) for sentinel in sentinels}
    bits = int(str(raw), 16) if type_name in BCD_TYPES else raw
    return bits in sentinels


def _in_float(type_name: TagType, value: float) -> float:
    """Return the number of this type that is nearest."""
    code = _FLOAT_CODES[type_name]
    nearest: float = struct.unpack(code, struct.pack(code, value))[0]
    return nearest
