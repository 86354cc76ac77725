"""How simulated devices lay values into 16-bit registers."""

import math
import struct
from typing import Literal

Order = Literal["big", "little"]
Kind = Literal["uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32", "float64"]

_FORMATS: dict[Kind, tuple[str, int]] = {
    "uint16": ("H", 1),
    "int16": ("h", 1),
    "uint32": ("I", 2),
    "int32": ("i", 2),
    "uint64": ("Q", 4),
    "int64": ("q", 4),
    "float16": ("e", 1),
    "float32": ("f", 2),
    "float64": ("d", 4),
}
_LIMITS: dict[Kind, tuple[int, int]] = {
    "uint16": (0, 0xFFFF),
    "int16": (-0x8000, 0x7FFF),
    "uint32": (0, 0xFFFFFFFF),
    "int32": (-0x80000000, 0x7FFFFFFF),
    "uint64": (0, 0xFFFFFFFFFFFFFFFF),
    "int64": (-0x8000000000000000, 0x7FFFFFFFFFFFFFFF),
}

KINDS: tuple[Kind, ...] = tuple(_FORMATS)


def width(kind: Kind) -> int:
    """Return how many registers a value of this kind takes."""
    return _FORMATS[kind][1]


def encode(
    kind: Kind, value: float, *, scale: float = 1.0, word_order: Order = "big", byte_order: Order = "big"
) -> tuple[int, ...]:
    """Lay ``value / scale`` into registers; an integer that does not fit stops at the end of its range.

    A value that is not a number becomes the lowest integer, which is what devices send for "no reading".
    """
    letter, count = _FORMATS[kind]
    raw = value / scale if scale != 1.0 else value
    if (limits := _LIMITS.get(kind)) is not None:
        low, high = limits
        packed = struct.pack(">" + letter, low if math.isnan(raw) else min(high, max(low, round(raw))))
    else:
        packed = struct.pack(">" + letter, raw)
    words = struct.unpack(f">{count}H", packed)
    if byte_order == "little":
        words = tuple((word & 0xFF) << 8 | word >> 8 for word in words)
    return words if word_order == "big" else words[::-1]


def encode_text(text: str, registers: int, *, byte_order: Order = "big") -> tuple[int, ...]:
    """Lay ASCII text into registers, two characters each, filled up with NUL.

    Raises:
        ValueError: the text is not ASCII or too long.
    """
    data = text.encode("ascii")
    if len(data) > 2 * registers:
        raise ValueError(f"{text!r} needs more than {registers} registers")
    return struct.unpack(f"{'>' if byte_order == 'big' else '<'}{registers}H", data.ljust(2 * registers, b"\0"))
