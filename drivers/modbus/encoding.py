"""From a value to the registers that hold it: the inverse of decoding, for writes."""

import json
from fractions import Fraction
from math import isfinite
from struct import pack, unpack

from drivers.modbus.fields import (
    BCD_TYPES,
    BYTES,
    FLOATS,
    STRUCT_CODES,
    Field,
    Value,
    integer_range,
    plausible_range,
    rational,
    raw_sentinels,
)

_BCD_DIGITS = {"bcd16": 4, "bcd32": 8}


def encode(field: Field, value: Value) -> list[int]:
    """Give the registers that hold `value`, rounded to the nearest step of the field's scale.

    Raises:
        ValueError: The value is of the wrong type, not finite, outside what the type or the field's range
            holds, would read back as "no value", or shares its register (use `encode_mask`).
    """
    if field.bit is not None or field.type in BYTES:
        raise ValueError(f"{field.type} at offset {field.offset} is part of a register: write it with a mask")
    if field.type == "string":
        data = _encode_text(field, value)
    elif field.type in FLOATS:
        data = _encode_float(field, value)
    else:
        data = pack(f">{STRUCT_CODES[field.type]}", _raw_integer(field, value))
    words = [data[i : i + 2] for i in range(0, len(data), 2)]
    if field.word_order == "little" and field.type != "string":
        words.reverse()
    order = field.byte_order
    return [int.from_bytes(word, order) for word in words]


def encode_bit(value: Value) -> bool:
    """Give the coil for `value`. Raises ValueError if it is not a bool."""
    if not isinstance(value, bool):
        raise ValueError(f"{_shown(value)} is not true or false")  # noqa: TRY004 - one error for every bad value
    return value


def encode_mask(field: Field, value: Value) -> tuple[int, int]:
    """Give the masks of function 22 that put `value` into its bits of one register.

    The register becomes `(register & and_mask) | (or_mask & ~and_mask)`; `mask_register` says which one.

    Raises:
        ValueError: As `encode`, or the bits lie in two registers.
    """
    shift, width = _bits(field)
    mask = ((1 << width) - 1) << shift
    bits = (_raw_integer(field, value) << shift) & mask
    if field.byte_order == "little":
        mask, bits = _swap(mask), _swap(bits)
    return 0xFFFF ^ mask, bits


def mask_register(field: Field) -> int:
    """Give the register, from the start of the block, that `encode_mask` is for. Raises ValueError like it."""
    _bits(field)
    from_lowest = (field.bit or 0) // 16
    return field.offset + (from_lowest if field.word_order == "little" else field.registers - 1 - from_lowest)


def _bits(field: Field) -> tuple[int, int]:
    """First bit within its register, and width, of a field that is part of a register."""
    if field.type in BYTES:
        return (8 if field.byte == "high" else 0), 8
    if field.bit is None:
        raise ValueError(f"{field.type} at offset {field.offset} fills its registers: write it without a mask")
    shift = field.bit % 16
    if shift + field.width > 16:
        raise ValueError(f"bits {field.bit}..{field.bit + field.width - 1} lie in two registers")
    return shift, field.width


def _raw_integer(field: Field, value: Value) -> int:
    if field.type == "bool":
        raw = int(encode_bit(value))
    else:
        p, o, q = rational(field)
        raw = round((_exact(field, value) * q - o) / p)
        low, high = integer_range(field)
        if field.type in BCD_TYPES:
            high = 10 ** _BCD_DIGITS[field.type] - 1
        if not low <= raw <= high:
            first, last = sorted(((low * p + o) / q, (high * p + o) / q))
            raise ValueError(f"{value} does not fit {field.type}: {first:.17g}..{last:.17g}")
        _refuse_beyond(field, value, Fraction(raw * p + o, q))
        if field.type in BCD_TYPES:
            raw = int(str(raw), 16)
    _refuse_sentinel(field, value, raw)
    return raw


def _encode_float(field: Field, value: Value) -> bytes:
    p, o, q = rational(field)
    code = f">{STRUCT_CODES[field.type]}"
    try:
        data = pack(code, float((_exact(field, value) * q - o) / p))
    except OverflowError:
        raise ValueError(f"{value} does not fit {field.type}") from None
    _refuse_sentinel(field, value, unpack(code, data)[0])
    return data


def _encode_text(field: Field, value: Value) -> bytes:
    if not isinstance(value, str):
        raise ValueError(f"{_shown(value)} is not text")  # noqa: TRY004 - one error for every bad value
    size = 2 * field.length
    try:
        data = value.encode(field.encoding)
    except UnicodeEncodeError:
        raise ValueError(f"{_shown(value)} cannot be written in {field.encoding}") from None
    if len(data) > size:
        raise ValueError(f"{_shown(value)} takes {len(data)} bytes, there are {size}")
    return data.ljust(size, b"\0")


def _shown(value: Value) -> str:
    """The value as callers and configurations write it: true, "text", 7."""
    if isinstance(value, str):
        # Half a surrogate pair could not be sent to whoever asked.
        return json.dumps(value, ensure_ascii=not value.isprintable())
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _exact(field: Field, value: Value) -> Fraction:
    """The number as its decimal digits say, within the plausible range of the field."""
    # An integer of hundreds of digits is finite too, but no float can be asked whether it is.
    if isinstance(value, bool | str) or (isinstance(value, float) and not isfinite(value)):
        raise ValueError(f"{_shown(value)} is not a finite number")
    low, high = plausible_range(field)
    if value < low:
        raise ValueError(f"{value} is below the minimum {field.minimum}")
    if value > high:
        raise ValueError(f"{value} is above the maximum {field.maximum}")
    return Fraction(str(value))


def _refuse_beyond(field: Field, value: Value, written: Fraction) -> None:
    """Refuse what rounding to the steps of the field takes out of its plausible range."""
    words = f"the steps of {abs(field.scale):g} make {float(written):.12g} of {value}"
    if field.minimum is not None and written < Fraction(str(field.minimum)):
        raise ValueError(f"{words}, which is below the minimum {field.minimum}")
    if field.maximum is not None and written > Fraction(str(field.maximum)):
        raise ValueError(f"{words}, which is above the maximum {field.maximum}")


def _refuse_sentinel(field: Field, value: Value, raw: float) -> None:
    if raw in raw_sentinels(field):
        raise ValueError(f"{value} is how the device says that there is no value")


def _swap(word: int) -> int:
    return (word << 8 | word >> 8) & 0xFFFF
