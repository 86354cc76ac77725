"""Raw registers as values of a type, for whoever tries out what a device holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast, get_args

from drivers.modbus.values import BlockCodec, Field, Order, Type, Unusable, registers_of
from gateway.field.address import Address

TYPES: tuple[str, ...] = get_args(Type)
BIT_TABLES = frozenset({"coil", "discrete"})


@dataclass(frozen=True, slots=True)
class Decoded:
    """One value of a block.

    Attributes:
        address: of its first register or bit.
        raw: the registers (or the bit) it is made of.
        value: None where they hold none.
        problem: why there is none, in words; empty where there is one.
    """

    address: Address
    raw: tuple[int | bool, ...]
    value: bool | float | str | None
    problem: str = ""


def size_of(type_: str, string: int = 1) -> int:
    """Registers that a value takes; ``string`` is the length of a string."""
    return registers_of(type_, string)


def decode(
    first: Address, values: Sequence[int | bool], type_: str, word_order: Order = "big", byte_order: Order = "big"
) -> list[Decoded]:
    """Read a block as values of one type that follow each other; a rest that is too short for one is left out.

    Args:
        first: address of the block.
        values: its registers, or bits of a coil or discrete table, which are taken as they are.
        type_: one of ``TYPES``; a ``string`` takes the whole block.
        word_order: which register of a longer value comes first.
        byte_order: which byte of each register comes first.
    """
    if first.table in BIT_TABLES:
        return [Decoded(Address(first.table, first.wire + i), (bit,), bool(bit)) for i, bit in enumerate(values)]
    size = registers_of(type_, len(values))
    offsets = range(0, len(values) - size + 1, size)
    length = size if type_ == "string" else 1
    fields = [
        Field(
            offset, cast("Type", type_), word_order=word_order, byte_order=byte_order, length=length, encoding="latin-1"
        )
        for offset in offsets
    ]
    if not fields:
        return []
    decoded = BlockCodec(len(values), fields).decode(b"".join(int(value).to_bytes(2, "big") for value in values))
    return [
        Decoded(
            Address(first.table, first.wire + offset),
            tuple(values[offset : offset + size]),
            None if isinstance(value, Unusable) else value,
            value.value.replace("_", " ") if isinstance(value, Unusable) else "",
        )
        for offset, value in zip(offsets, decoded, strict=True)
    ]


def in_hex(values: Sequence[int | bool]) -> str:
    """Registers as a technician writes them: ``0898 0000``; bits as ``1 0``."""
    return " ".join(f"{value:d}" if isinstance(value, bool) else f"{value:04X}" for value in values)
