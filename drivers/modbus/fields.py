"""Where a value lies in a block of registers, and how it is coded there."""

from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from math import inf, isfinite, lcm
from struct import calcsize, pack, unpack
from typing import Final, Literal

Value = bool | int | float | str
Order = Literal["big", "little"]
Type = Literal[
    "bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32",
    "float64", "string", "bcd16", "bcd32", "epoch32", "epoch64", "epoch64ms",
]  # fmt: skip

STRUCT_CODES: Final[dict[str, str]] = {
    "bool": "H", "uint8": "B", "int8": "b", "uint16": "H", "int16": "h", "uint32": "I", "int32": "i",
    "uint64": "Q", "int64": "q", "float16": "e", "float32": "f", "float64": "d", "bcd16": "H", "bcd32": "I",
    "epoch32": "I", "epoch64": "q", "epoch64ms": "q",
}  # fmt: skip
"""The struct code of every type of fixed length."""
FLOATS: Final = frozenset({"float16", "float32", "float64"})
BYTES: Final = frozenset({"uint8", "int8"})
BCD_TYPES: Final = frozenset({"bcd16", "bcd32"})

_REGISTERS = {"B": 1, "H": 1, "E": 1, "I": 2, "F": 2, "Q": 4, "D": 4}
_BIT_FIELD_TYPES = frozenset({"bool", "uint16", "uint32", "uint64"})
_ENCODINGS = frozenset({"ascii", "latin-1", "utf-8"})
_LARGEST_FACTOR = 1e30  # keeps every scaled 64-bit integer far inside what a float holds
_SMALLEST_FACTOR = 1e-30


class Unusable(Enum):
    """Why the registers hold no value that can be trusted."""

    SENTINEL = "sentinel"
    """The device's own mark for "no value"."""
    NOT_A_NUMBER = "not_a_number"
    """A NaN or an infinity."""
    BAD_TEXT = "bad_text"
    """Bytes that are no text in the field's encoding."""
    OUT_OF_RANGE = "out_of_range"
    """Outside the plausible range of the field."""
    BAD_DIGIT = "bad_digit"
    """A binary coded decimal with a digit above nine."""


def registers_of(type_: str, length: int = 1) -> int:
    """Say how many registers a value of this type takes; `length` is that of a string.

    Raises:
        ValueError: There is no such type.
    """
    if type_ == "string":
        return length
    code = STRUCT_CODES.get(type_)
    if code is None:
        raise ValueError(f"unknown type {type_!r}: one of {', '.join((*STRUCT_CODES, 'string'))}")
    return _REGISTERS[code.upper()]


@dataclass(frozen=True, slots=True)
class Field:
    """One value of a block.

    The engineering value is `raw * scale + offset_value`, computed exactly on the decimal numbers as written
    and rounded once, so a raw 3 with scale 0.1 is 0.3. Integers stay integers if scale and offset are.

    Attributes:
        offset: Registers (for coil and discrete tables: bits) from the start of the block.
        type: The coding; `epoch32` and `epoch64` count seconds since 1970, `epoch64ms` milliseconds (its value
            is seconds, as a float).
        word_order: Which register of a longer number comes first; strings always read forward.
        byte_order: Which byte of each register comes first; big is what the specification says.
        byte: Which half of its register a `uint8` or `int8` is.
        bit: First bit of a bit field, 0 the lowest of the whole number; None: the whole number. A `bool`
            without it is true if its register is not 0.
        width: Bits of the bit field.
        length: Registers of a string.
        encoding: Of a string; padding of NUL and spaces is stripped.
        scale: Factor, not 0.
        offset_value: Added after scaling.
        sentinels: Raw values that mean "no value", signed or as the bits read; of a bit field: its bits.
        minimum: Lowest plausible engineering value; of a float, as its type holds it.
        maximum: Highest plausible engineering value, likewise.

    Raises:
        ValueError: The attributes do not fit each other.
    """

    offset: int
    type: Type
    word_order: Order = "big"
    byte_order: Order = "big"
    byte: Literal["high", "low"] = "low"
    bit: int | None = None
    width: int = 1
    length: int = 1
    encoding: Literal["ascii", "latin-1", "utf-8"] = "ascii"
    scale: float = 1
    offset_value: float = 0
    sentinels: tuple[int | float, ...] = ()
    minimum: float | None = None
    maximum: float | None = None

    def __post_init__(self) -> None:
        registers = registers_of(self.type, self.length)
        if self.offset < 0:
            raise ValueError(f"offset {self.offset} is negative")
        if registers < 1:
            raise ValueError(f"length {self.length} must be at least one register")
        if self.encoding not in _ENCODINGS:
            raise ValueError(f"unknown encoding {self.encoding!r}: one of {', '.join(sorted(_ENCODINGS))}")
        if self.bit is not None:
            if self.type not in _BIT_FIELD_TYPES:
                raise ValueError(f"type {self.type} has no bit fields: use bool, uint16, uint32 or uint64")
            if self.bit < 0 or self.width < 1 or self.bit + self.width > 16 * registers:
                raise ValueError(f"bit {self.bit} with width {self.width} does not fit {16 * registers} bits")
            if self.type == "bool" and self.width != 1:
                raise ValueError(f"a bool is one bit wide, not {self.width}: use uint16")
        numeric = self.type not in {"bool", "string"}
        if not numeric and (self.scale != 1 or self.offset_value != 0):
            raise ValueError(f"type {self.type} cannot be scaled")
        if not numeric and (self.minimum is not None or self.maximum is not None):
            raise ValueError(f"type {self.type} has no range")
        if self.type == "string" and self.sentinels:
            raise ValueError("a string has no sentinels")
        if not _SMALLEST_FACTOR <= abs(self.scale) <= _LARGEST_FACTOR:
            raise ValueError(f"scale {self.scale} must lie between 1e-30 and 1e30, or their negatives")
        if self.offset_value and not _SMALLEST_FACTOR <= abs(self.offset_value) <= _LARGEST_FACTOR:
            raise ValueError(f"offset {self.offset_value} must lie between 1e-30 and 1e30, or their negatives")
        for limit in (self.minimum, self.maximum):
            if limit is not None and not isfinite(limit):
                raise ValueError(f"limit {limit} is not a finite number")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is above maximum {self.maximum}")
        raw_sentinels(self)

    @property
    def registers(self) -> int:
        """How many registers the value takes."""
        return registers_of(self.type, self.length)


def rational(field: Field) -> tuple[int, int, int]:
    """Give the scaling of a field as integers (p, o, q): value = (raw * p + o) / q.

    Taken from the decimal digits of scale and offset, so that one correctly rounded division ends the
    computation. q is 1 exactly if integers stay integers.
    """
    scale = Fraction(str(field.scale))
    offset = Fraction(str(field.offset_value))
    if field.type == "epoch64ms":
        scale /= 1000
    q = lcm(scale.denominator, offset.denominator)
    return int(scale * q), int(offset * q), q


def plausible_range(field: Field) -> tuple[float, float]:
    """Give the least and the greatest plausible value as the field's type holds them; infinite where none is set.

    A float32 knows no 0.1, only a number a little above it: that one is meant by a maximum of 0.1.
    """
    low = -inf if field.minimum is None else field.minimum
    high = inf if field.maximum is None else field.maximum
    if field.type in FLOATS:
        low, high = min(low, _held(field, low)), max(high, _held(field, high))
    return low, high


def _held(field: Field, limit: float) -> float:
    """The value nearest to a limit that a float of this field can have; the limit where it can have none."""
    if not isfinite(limit):
        return limit
    p, o, q = rational(field)
    code = f">{STRUCT_CODES[field.type]}"
    try:
        raw: float = unpack(code, pack(code, float((Fraction(str(limit)) * q - o) / p)))[0]
        held = (raw * p + o) / q
    except OverflowError:
        return limit
    return held if isfinite(held) else limit


def integer_range(field: Field) -> tuple[int, int]:
    """Give the smallest and the largest raw integer of a field that is no float and no string."""
    if field.bit is not None:
        return 0, (1 << field.width) - 1
    code = STRUCT_CODES[field.type]
    bits = 8 * calcsize(f">{code}")
    return (-(1 << bits - 1), (1 << bits - 1) - 1) if code.islower() else (0, (1 << bits) - 1)


def raw_sentinels(field: Field) -> frozenset[int | float]:
    """Give the sentinels of a field as its struct unpacks them.

    Raises:
        ValueError: No raw value of the field can be such a sentinel.
    """
    if field.type in FLOATS:
        return frozenset(_as_float(field, sentinel) for sentinel in field.sentinels)
    if not field.sentinels:
        return frozenset()
    low, high = integer_range(field)
    bits_high = high - low  # a signed sentinel may be written as the bits read, 0x8000 for -32768
    for sentinel in field.sentinels:
        if not isinstance(sentinel, int) or not low <= sentinel <= bits_high:
            raise ValueError(f"sentinel {sentinel} is no raw value of {field.type}: {low}..{bits_high}")
    return frozenset(s - bits_high - 1 if s > high else s for s in field.sentinels)


def _as_float(field: Field, sentinel: float) -> float:
    code = f">{STRUCT_CODES[field.type]}"
    try:
        value: float = unpack(code, pack(code, sentinel))[0]
    except OverflowError:
        raise ValueError(f"sentinel {sentinel} is no raw value of {field.type}") from None
    return value
