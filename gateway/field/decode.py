"""What a few registers may mean: every type and order, weighed by how many bits it takes to explain what was read.

A reading that makes sense is short to describe: a voltage near 230 V with four digits, a counter that grew by three,
a word. What is read in the wrong order looks like noise, and noise takes all the bits it has. So types of different
width, and several reads in a row, are weighed with one measure (minimum description length).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from drivers.modbus.values import BlockCodec, Field, Order, Type, Unusable, Value, registers_of

Shot = tuple[int, ...]

# Bits for naming the type: what is common in the field is short.
_PRIORS: dict[Type, float] = {
    "uint16": 1.0, "int16": 1.5, "float32": 1.0, "uint32": 1.5, "int32": 2.5, "float64": 4.0, "uint64": 4.0,
    "int64": 5.0, "float16": 8.0, "bcd16": 9.0, "bcd32": 9.0, "epoch32": 4.0, "string": 4.0,
}  # fmt: skip
_LITTLE_WORDS = 1.5
_LITTLE_BYTES = 5.0
TYPES: tuple[Type, ...] = tuple(_PRIORS)
ORDERS: tuple[tuple[Order, Order], ...] = (
    ("big", "big"),
    ("little", "big"),
    ("big", "little"),
    ("little", "little"),
)
# What is measured most: name, unit, from, to.
_QUANTITIES = (
    ("voltage", "V", 207.0, 253.0),
    ("voltage", "V", 360.0, 440.0),
    ("voltage", "V", 108.0, 126.0),
    ("frequency", "Hz", 49.5, 50.5),
    ("frequency", "Hz", 59.5, 60.5),
    ("temperature", "°C", -30.0, 100.0),
    ("power factor", "", -1.0, 1.0),
)
# The first ones are narrow enough to name a value by.
_TELLING = 5
_SCALES = (1.0, 0.1, 0.01)
# Marks of devices for "no value" (SunSpec and many makers).
_MARKS: dict[Type, frozenset[int]] = {
    "int16": frozenset({-0x8000}),
    "uint16": frozenset({0x8000, 0xFFFF}),
    "int32": frozenset({-0x80000000}),
    "uint32": frozenset({0xFFFFFFFF, 0x80000000}),
}
_MARK_BITS = 4.0
_SELECT_BITS = 3.0
_HOPELESS = 1e6
_DECADES = (-3.0, 7.0)
_ABSURD_DECADES = (-9.0, 12.0)
_RARER = 1.1
_ZERO_BITS = 3.0
_MANTISSA = {"float16": 10, "float32": 23, "float64": 52}
_FLOAT_CODES = {"float16": "e", "float32": "f", "float64": "d"}
_EPOCHS = (1_262_304_000, 2_524_608_000)  # 2010 to 2050
LONGEST_TEXT = 16


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read registers.

    Attributes:
        offset: of its first register among those that were read.
        type: as the configuration calls it.
        word_order: which register comes first; means nothing for one register and for text.
        byte_order: which byte of each register comes first.
        length: registers.
        values: one for each time the registers were read; None where they hold none of this type.
        bits: how many bits it takes to explain what was read; fewer are more plausible.
    """

    offset: int
    type: Type
    word_order: Order
    byte_order: Order
    length: int
    values: tuple[Value | None, ...]
    bits: float


def readings_at(
    shots: Sequence[Shot], offset: int, orders: tuple[Order, Order], now: float, only: Collection[str] = ()
) -> Iterator[Reading]:
    """Every type at one place, in one order.

    Args:
        shots: the same registers, read one or more times in a row.
        offset: of the first register to use.
        orders: of words and of bytes.
        now: Unix seconds: times near it are plausible.
        only: the types to consider, where it is known which they are.
    """
    room = len(shots[0]) - offset
    for type_ in _PRIORS:
        if only and type_ not in only:
            continue
        if type_ == "string":
            for length in range(2, min(room, LONGEST_TEXT) + 1):
                yield _reading(shots, (offset, length), type_, orders, now)
        elif registers_of(type_) <= room:
            yield _reading(shots, (offset, registers_of(type_)), type_, orders, now)


def _reading(
    shots: Sequence[Shot], place: tuple[int, int], type_: Type, orders: tuple[Order, Order], now: float
) -> Reading:
    offset, length = place
    word_order, byte_order = orders
    many = length > 1 and type_ != "string"
    codec = _codec(type_, word_order if many else "big", byte_order, length)
    values: list[Value | None] = []
    for shot in shots:
        [value] = codec.decode(struct.pack(f">{length}H", *shot[offset : offset + length]))
        values.append(None if isinstance(value, Unusable) else value)
    bits = _PRIORS[type_] + (_LITTLE_BYTES if byte_order == "little" else 0.0)
    bits += _LITTLE_WORDS if many and word_order == "little" else 0.0
    if type_ == "string":
        texts = [shot[offset : offset + length] for shot in shots]
        bits += _text_bits(texts[0], byte_order)
        bits += sum(1.0 if text == texts[0] else 16.0 * length for text in texts[1:])
    else:
        bits += _series_bits(type_, values, now)
    return Reading(offset, type_, word_order if many else "big", byte_order, length, tuple(values), bits)


@lru_cache(maxsize=256)
def _codec(type_: Type, word_order: Order, byte_order: Order, length: int) -> BlockCodec:
    text = type_ == "string"
    field = Field(0, type_, word_order=word_order, byte_order=byte_order, length=length if text else 1)
    return BlockCodec(length, [field])


def _series_bits(type_: Type, values: Sequence[Value | None], now: float) -> float:
    """Bits of the first value by what is usual, and of each later one by how it differs from the one before."""
    numbers = [value for value in values if isinstance(value, int | float)]
    if len(numbers) < len(values):
        return _HOPELESS
    if type_ in _FLOAT_CODES:
        bits = _float_bits(type_, numbers[0])
        return bits + sum(_float_step(type_, a, b) for a, b in pairwise(numbers))
    wholes = [int(number) for number in numbers]
    bits = _whole_bits(type_, wholes[0], now)
    return bits + sum(math.log2(abs(b - a) + 1) + 1.0 for a, b in pairwise(wholes))


def _whole_bits(type_: Type, value: int, now: float) -> float:
    if value in _MARKS.get(type_, ()):
        return _MARK_BITS
    if type_ == "epoch32":
        if not _EPOCHS[0] <= value <= _EPOCHS[1]:
            return _HOPELESS
        return math.log2(abs(value - now) + 1) + 4.0
    # Large numbers are rarer than even odds for each length would have it; a zero says nothing of its width.
    size = registers_of(type_)
    sign = 1.0 if type_.startswith("int") else 0.0
    return _RARER * math.log2(abs(value) + 1) + max(2.0 + math.log2(size), _ZERO_BITS * size) + sign


def _float_bits(type_: Type, value: float) -> float:
    if value == 0.0:
        return _ZERO_BITS * registers_of(type_)
    mantissa = float(_MANTISSA[type_])
    digits = _digits(type_, value)
    if digits is not None:
        mantissa = min(mantissa, digits * math.log2(10) + 2.0)
    decade = math.log10(abs(value))
    low, high = _DECADES
    bits = 1.0 + math.log2((high - low) * math.log2(10)) + mantissa
    away = max(low - decade, decade - high, 0.0)
    bits += 2.0 * away
    if not _ABSURD_DECADES[0] <= decade <= _ABSURD_DECADES[1]:
        bits += 16.0
    for _, _, lowest, highest in _QUANTITIES:
        if lowest <= value <= highest:
            inside = math.log2((highest - lowest) / max(abs(value), 0.01)) + mantissa
            bits = min(bits, _SELECT_BITS + max(inside, 1.0))
    return bits


def _float_step(type_: Type, before: float, after: float) -> float:
    if before == after:
        return 1.0
    mantissa = _MANTISSA[type_]
    greater, less = max(abs(before), abs(after)), min(abs(before), abs(after))
    if less == 0.0 or (before < 0) != (after < 0):
        return min(2.0 + mantissa + abs(math.log2(max(greater, 1e-300))), 2.0 + mantissa + 9.0)
    apart = math.log2(greater / less)
    if apart > 1.0:
        return 2.0 + mantissa + min(apart, 9.0)
    return max(2.0 + mantissa + math.log2((greater - less) / greater), 2.0)


def _digits(type_: Type, value: float) -> int | None:
    """How many decimal digits name this very float; None where it takes more than seven."""
    code = f">{_FLOAT_CODES[type_]}"
    packed = struct.pack(code, value)
    for digits in range(1, 8):
        try:
            if struct.pack(code, float(f"{value:.{digits}g}")) == packed:
                return digits
        except OverflowError:
            continue
    return None


def _text_bits(registers: Sequence[int], byte_order: Order) -> float:
    """Bits of text: letters and digits are cheap, changes of kind are not, and padding stands at the end only."""
    data = struct.pack(f"{'>' if byte_order == 'big' else '<'}{len(registers)}H", *registers)
    body = data.rstrip(b"\0 ")
    if len(body) < 3 or not all(0x20 <= byte < 0x7F for byte in body):
        return _HOPELESS
    # What is behind the first empty register belongs to something else, or is nothing.
    bits = 1.0 * (len(data) - len(body)) + 2.0
    before = " "
    for letter in body.decode("ascii"):
        bits += 5.0 if letter.isalnum() else 6.5 if letter in " -_./:" else 11.0
        bits += 0.0 if _natural(before, letter) else 2.0
        before = letter
    return bits


def _natural(before: str, letter: str) -> bool:
    if not before.isalnum() or not letter.isalnum():
        return True
    if before.isdigit() or letter.isdigit():
        return before.isdigit() == letter.isdigit()
    return letter.islower() or before.isupper()


def guess(type_: str, values: Sequence[Value | None]) -> tuple[str, str, float] | None:
    """What a value may be: name, unit and the scale that makes it so; None where nothing suggests itself."""
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if not numbers or type_ in {"epoch32", "bcd16", "bcd32", "string"}:
        return None
    if len(numbers) == len(values) > 1 and all(float(n).is_integer() for n in numbers) and _grows(numbers):
        return "counter", "", 1.0
    for scale in _SCALES if type_ not in _FLOAT_CODES else (1.0,):
        for name, unit, low, high in _QUANTITIES[:_TELLING]:
            if all(low <= number * scale <= high for number in numbers):
                return (name, unit, scale) if any(numbers) else None
    return None


def is_mark(type_: Type, values: Sequence[Value | None]) -> bool:
    """Whether all values are what devices send for "no value"."""
    return bool(values) and all(value in _MARKS.get(type_, ()) for value in values)


def _grows(numbers: Sequence[float]) -> bool:
    return numbers[-1] > numbers[0] and all(a <= b for a, b in pairwise(numbers))
