"""From the registers of a block to the values of its fields, as fast as CPython allows.

The block is unpacked by precompiled structs, one for each byte order in use (nearly always one). What plain
numbers need beyond that runs over whole groups; only odd codings get a function of their own.
"""

from array import array
from collections.abc import Callable, Sequence
from math import inf, isfinite
from operator import itemgetter
from sys import float_info
from typing import Any

from drivers.modbus.fields import BCD_TYPES, FLOATS, Field, Unusable, Value, plausible_range, rational, raw_sentinels
from drivers.modbus.layers import layers_of
from drivers.modbus.unpacking import unpack_bits

Decoded = Value | None | Unusable
PADDING = " \0"
"""What stands around a shorter text in its registers, and is no part of it."""
_Indexed = list[tuple[int, Field]]


class BlockCodec:
    """Decodes one block again and again.

    Args:
        count: Registers (or bits) of the block.
        fields: What to decode; fields may overlap, several bit fields may share a register.
        bits: The block is a coil or discrete table: every field is a `bool` and counts its offset in bits.

    Attributes:
        always_usable: There are no bytes of which a field has no value.

    Raises:
        ValueError: A field does not fit the block or the table.
    """

    def __init__(self, count: int, fields: Sequence[Field], *, bits: bool = False) -> None:
        self._count = count
        self._bits = bits
        for field in fields:
            last = field.offset + (1 if bits else field.registers)
            if last > count:
                raise ValueError(f"{field.type} at offset {field.offset} ends behind the block of {count}")
            if bits and (field.type != "bool" or field.bit is not None or field.sentinels):
                raise ValueError(f"offset {field.offset}: a bit table holds plain bools only")
        self._size = (count + 7) // 8 if bits else 2 * count
        layers, slots = ([], [field.offset for field in fields]) if bits else layers_of(fields)
        self._unpackers = [(layer.compile(count).unpack, layer.swapped) for layer in layers]
        self._only = self._unpackers[0][0] if len(layers) == 1 and not layers[0].swapped else None
        self._swaps = any(layer.swapped for layer in layers)
        self._first_float = sum(layer.slots for layer in layers if not layer.floats)
        self._pick = _picker(slots, count if bits else sum(layer.slots for layer in layers))
        every = list(enumerate(fields))
        plain = [] if bits else [(i, field) for i, field in every if _is_plain(field)]
        flags = [] if bits else [(i, field) for i, field in every if _is_flag(field)]
        odd = [] if bits else [(i, f) for i, f in every if not _is_plain(f) and not _is_flag(f)]
        self._scalings = _scalings(plain)
        self._masks = [(i, 0xFFFF if field.bit is None else 1 << field.bit) for i, field in flags]
        self._conversions = [(i, _conversion(field)) for i, field in odd]
        self._ranges = [(i, *_limits(field)) for i, field in plain if _limits(field) != (-inf, inf)]
        self._sentinels = [(i, slots[i], raw_sentinels(field)) for i, field in plain if field.sentinels]
        self._any_sentinel = frozenset[int | float]().union(*(bad for _, _, bad in self._sentinels))
        self._floats = [(i, slots[i]) for i, field in plain if field.type in FLOATS]
        self.always_usable = not (self._conversions or self._ranges or self._sentinels or self._floats)

    def decode(self, payload: bytes) -> list[Decoded]:
        """Decode the payload of a read of this block: one entry a field, in their order.

        Raises:
            ValueError: The payload is not as long as the block; a matched reply always is.
        """
        if len(payload) != self._size:
            raise ValueError(f"a block of {self._count} needs {self._size} bytes, not {len(payload)}")
        if self._bits:
            flags = unpack_bits(payload, self._count)
            return list(self._pick(flags)) if self._pick else list[Decoded](flags)
        raw = self._only(payload) if self._only else self._unpack(payload)
        values = list(self._pick(raw) if self._pick else raw)
        for indices, p, o, q in self._scalings:
            if q == 1:
                for i in indices:
                    values[i] = values[i] * p + o
            elif p == 1 and not o:
                for i in indices:
                    values[i] /= q
            else:
                for i in indices:
                    values[i] = (values[i] * p + o) / q
        for i, mask in self._masks:
            values[i] = values[i] & mask != 0
        for i, convert in self._conversions:
            values[i] = convert(values[i])
        for i, low, high in self._ranges:
            if not low <= values[i] <= high:
                values[i] = Unusable.OUT_OF_RANGE
        if self._sentinels and not self._any_sentinel.isdisjoint(raw):
            for i, slot, bad in self._sentinels:
                if raw[slot] in bad:
                    values[i] = Unusable.SENTINEL
        # A sum is finite only if every term is: one look for all of them.
        if self._floats and not isfinite(sum(raw[self._first_float :])):
            for i, slot in self._floats:
                if not isfinite(raw[slot]):
                    values[i] = Unusable.NOT_A_NUMBER
        return values

    def _unpack(self, payload: bytes) -> tuple[Any, ...]:
        swapped = payload
        if self._swaps:
            words = array("H", payload)
            words.byteswap()
            swapped = words.tobytes()
        raw: tuple[Any, ...] = ()
        for unpack, swap in self._unpackers:
            raw += unpack(swapped if swap else payload)
        return raw


def _is_plain(field: Field) -> bool:
    """Whether the struct's number needs no more than scaling and checks."""
    return field.bit is None and field.type not in {"bool", "string", *BCD_TYPES}


def _is_flag(field: Field) -> bool:
    return field.type == "bool" and not field.sentinels


def _picker(slots: list[int], available: int) -> Callable[[Sequence[Any]], tuple[Any, ...]] | None:
    """Give what puts unpacked slots into the order of the fields; None if they are."""
    if slots == list(range(available)):
        return None
    if len(slots) > 1:
        return itemgetter(*slots)
    return lambda raw: tuple(raw[slot] for slot in slots)


def _scalings(plain: _Indexed) -> list[tuple[tuple[int, ...], int, int, int]]:
    """Group the indices of fields that are scaled alike."""
    groups: dict[tuple[int, int, int], list[int]] = {}
    for i, field in plain:
        groups.setdefault(rational(field), []).append(i)
    return [(tuple(group), p, o, q) for (p, o, q), group in groups.items() if (p, o, q) != (1, 0, 1)]


def _limits(field: Field) -> tuple[float, float]:
    low, high = plausible_range(field)
    if field.type == "float64" and rational(field) != (1, 0, 1):
        # Scaling may overflow.
        return max(low, -float_info.max), min(high, float_info.max)
    return low, high


def _conversion(field: Field) -> Callable[[Any], Value | Unusable]:
    """Give the function that makes the value of an odd coding from its unpacked slot."""
    if field.type == "string":
        return _text_conversion(field.encoding)
    shift = field.bit or 0
    mask = -1 if field.bit is None else (1 << field.width) - 1
    sentinels = raw_sentinels(field)
    flag, decimal = field.type == "bool", field.type in BCD_TYPES
    p, o, q = rational(field)
    low, high = _limits(field)

    def convert(raw: int) -> Value | Unusable:
        raw = raw >> shift & mask
        if raw in sentinels:
            return Unusable.SENTINEL
        if flag:
            return raw != 0
        if decimal:
            try:
                raw = int(f"{raw:x}")
            except ValueError:
                return Unusable.BAD_DIGIT
        value = raw * p + o if q == 1 else (raw * p + o) / q
        return value if low <= value <= high else Unusable.OUT_OF_RANGE

    return convert


def _text_conversion(encoding: str) -> Callable[[bytes], str | Unusable]:
    def convert(raw: bytes) -> str | Unusable:
        try:
            return raw.decode(encoding).strip(PADDING)
        except UnicodeDecodeError:
            return Unusable.BAD_TEXT

    return convert
