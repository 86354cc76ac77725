"""Blocks of registers to values, beside a naive model that takes every field apart by itself."""

import math
import struct
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drivers.modbus.values import BlockCodec, Decoded, Field, Order, Type, Unusable, registers_of

CODES: dict[Type, str] = {
    "uint16": "H", "int16": "h", "uint32": "I", "int32": "i", "uint64": "Q", "int64": "q", "float16": "e",
    "float32": "f", "float64": "d", "epoch32": "I", "epoch64": "q",
}  # fmt: skip
ALL_TYPES: tuple[Type, ...] = (*CODES, "bool", "uint8", "int8", "string", "bcd16", "bcd32", "epoch64ms")
ORDERS: tuple[Order, ...] = ("big", "little")


def naive(field: Field, payload: bytes) -> Decoded:
    """Decode one field without scaling, limits or sentinels, register by register."""
    count = registers_of(field.type, field.length)
    registers = [payload[2 * i : 2 * i + 2] for i in range(field.offset, field.offset + count)]
    if field.byte_order == "little":
        registers = [register[::-1] for register in registers]
    if field.word_order == "little" and field.type != "string":
        registers.reverse()
    data = b"".join(registers)
    number = int.from_bytes(data, "big")
    if field.type == "string":
        try:
            return data.decode(field.encoding).strip("\0 ")
        except UnicodeDecodeError:
            return Unusable.BAD_TEXT
    if field.type in {"uint8", "int8"}:
        half = data[:1] if field.byte == "high" else data[1:]
        return int.from_bytes(half, "big", signed=field.type == "int8")
    if field.type == "bool":
        return number != 0 if field.bit is None else bool(number >> field.bit & 1)
    if field.bit is not None:
        return number >> field.bit & (1 << field.width) - 1
    if field.type in {"bcd16", "bcd32"}:
        return int(data.hex()) if data.hex().isdecimal() else Unusable.BAD_DIGIT
    if field.type == "epoch64ms":
        value: float = struct.unpack(">q", data)[0] / 1000
        return value
    unpacked: int | float = struct.unpack(f">{CODES[field.type]}", data)[0]
    return unpacked if math.isfinite(unpacked) else Unusable.NOT_A_NUMBER


@st.composite
def fields(draw: st.DrawFn, count: int = 12) -> Field:
    """Any unscaled field of a block; offsets are free, so fields overlap in every way."""
    kind = draw(st.sampled_from(ALL_TYPES))
    length = draw(st.integers(1, 4))
    width = registers_of(kind, length)
    bit = None
    bits = 1
    if kind in {"bool", "uint16", "uint32", "uint64"} and draw(st.booleans()):
        bit = draw(st.integers(0, 16 * width - 1))
        bits = 1 if kind == "bool" else draw(st.integers(1, 16 * width - bit))
    return Field(
        offset=draw(st.integers(0, count - width)),
        type=kind,
        word_order=draw(st.sampled_from(ORDERS)),
        byte_order=draw(st.sampled_from(ORDERS)),
        byte=draw(st.sampled_from(("high", "low"))),
        bit=bit,
        width=bits,
        length=length,
        encoding=draw(st.sampled_from(("ascii", "latin-1", "utf-8"))),
    )


def same(left: list[Decoded], right: list[Decoded]) -> bool:
    return [(type(value), value) for value in left] == [(type(value), value) for value in right]


@settings(max_examples=400, deadline=None)
@given(st.lists(fields(), min_size=1, max_size=12), st.binary(min_size=24, max_size=24))
def test_any_mix_of_fields_decodes_as_each_alone(some: list[Field], payload: bytes) -> None:
    assert same(BlockCodec(12, some).decode(payload), [naive(field, payload) for field in some])


@pytest.mark.parametrize("kind", ALL_TYPES)
@pytest.mark.parametrize("word_order", ORDERS)
@pytest.mark.parametrize("byte_order", ORDERS)
def test_every_type_in_every_order(kind: Type, word_order: Order, byte_order: Order) -> None:
    field = Field(1, kind, word_order=word_order, byte_order=byte_order, length=2)
    payload = bytes.fromhex("0000 4142 4344 4546 4748 0000")
    assert same(BlockCodec(6, [field]).decode(payload), [naive(field, payload)])
    assert not isinstance(naive(field, payload), Unusable) or kind.startswith("bcd")


@pytest.mark.parametrize(
    ("word_order", "byte_order", "payload"),
    [
        ("big", "big", "42f6e979"),
        ("little", "big", "e97942f6"),
        ("big", "little", "f64279e9"),
        ("little", "little", "79e9f642"),
    ],
)
def test_the_four_orders_of_a_float_in_the_field(word_order: Order, byte_order: Order, payload: str) -> None:
    field = Field(0, "float32", word_order=word_order, byte_order=byte_order)
    assert BlockCodec(2, [field]).decode(bytes.fromhex(payload)) == [pytest.approx(123.456)]


def one(field: Field, payload: str) -> Decoded:
    [value] = BlockCodec(field.offset + field.registers, [field]).decode(bytes.fromhex(payload))
    return value


@pytest.mark.parametrize(
    ("field", "payload", "value"),
    [
        (Field(0, "int16", scale=0.1), "0003", 0.3),
        (Field(0, "uint16", scale=0.1, offset_value=-40), "0191", 0.1),
        (Field(0, "uint16", scale=0.001), "0001", 0.001),
        (Field(0, "int16", scale=-0.5), "0003", -1.5),
        (Field(0, "uint16", scale=10, offset_value=5), "0003", 35),
        (Field(0, "uint16", scale=10.0), "0003", 30),
        (Field(0, "uint16", offset_value=0.5), "0003", 3.5),
        (Field(0, "uint32", scale=1e-3), "ffffffff", 4294967.295),
        (Field(0, "float32", scale=0.1), "40400000", 0.3),
        (Field(0, "float32", offset_value=1), "40400000", 4.0),
        (Field(0, "uint64", scale=1e30), "ffffffffffffffff", (2**64 - 1) * 10**30),
        (Field(0, "bcd16", scale=0.01), "1234", 12.34),
        (Field(0, "uint16", bit=4, width=4, scale=0.5), "0030", 1.5),
        (Field(0, "epoch32"), "6553f100", 1700000000),
        (Field(0, "epoch64ms"), "0000018bcfe56801", 1700000000.001),
        (Field(0, "epoch32", offset_value=946684800), "00000001", 946684801),
        (Field(0, "bool"), "0002", True),
        (Field(0, "bool"), "0000", False),
        (Field(0, "bool", bit=1), "0002", True),
        (Field(0, "bool", bit=15), "7fff", False),
        (Field(0, "uint16", bit=1), "0002", 1),
        (Field(0, "string", length=4), "466572 72756c65 00", "Ferrule"),
        (Field(0, "string", length=4), "2020466572200000", "Fer"),
        (Field(0, "string", length=2, encoding="utf-8"), "c3a42000", "ä"),
        (Field(0, "string", length=1, encoding="latin-1"), "e400", "ä"),
    ],
)
def test_values_as_an_engineer_writes_them(field: Field, payload: str, value: Decoded) -> None:
    decoded = one(field, payload)
    assert decoded == value
    assert type(decoded) is type(value)


@pytest.mark.parametrize(
    ("field", "payload", "why"),
    [
        (Field(0, "int16", sentinels=(0x8000,)), "8000", Unusable.SENTINEL),
        (Field(0, "int16", sentinels=(-32768,)), "8000", Unusable.SENTINEL),
        (Field(0, "uint16", sentinels=(0xFFFF, 0xFFFE), scale=0.1), "fffe", Unusable.SENTINEL),
        (Field(0, "uint32", sentinels=(0xFFFFFFFF,), word_order="little"), "ffffffff", Unusable.SENTINEL),
        (Field(0, "int8", sentinels=(0x80,)), "0080", Unusable.SENTINEL),
        (Field(0, "float32", sentinels=(-9999.9,)), "c61c3f9a", Unusable.SENTINEL),
        (Field(0, "bcd16", sentinels=(0xFFFF,)), "ffff", Unusable.SENTINEL),
        (Field(0, "bool", sentinels=(0xFFFF,)), "ffff", Unusable.SENTINEL),
        (Field(0, "uint16", bit=2, width=2, sentinels=(3,)), "000c", Unusable.SENTINEL),
        (Field(0, "float16"), "7c00", Unusable.NOT_A_NUMBER),
        (Field(0, "float32"), "7fc00000", Unusable.NOT_A_NUMBER),
        (Field(0, "float32", scale=0.1, minimum=0), "ff800000", Unusable.NOT_A_NUMBER),
        (Field(0, "float64"), "7ff0000000000000", Unusable.NOT_A_NUMBER),
        (Field(0, "float64", scale=1e30), "7fe0000000000000", Unusable.OUT_OF_RANGE),
        (Field(0, "int16", minimum=-40), "ffd7", Unusable.OUT_OF_RANGE),
        (Field(0, "int16", maximum=12.5, scale=0.1), "007e", Unusable.OUT_OF_RANGE),
        (Field(0, "bcd16", maximum=99), "0100", Unusable.OUT_OF_RANGE),
        (Field(0, "bcd16"), "1a00", Unusable.BAD_DIGIT),
        (Field(0, "bcd32"), "0000000f", Unusable.BAD_DIGIT),
        (Field(0, "string"), "ffff", Unusable.BAD_TEXT),
        (Field(0, "string", encoding="utf-8"), "41e4", Unusable.BAD_TEXT),
    ],
)
def test_what_cannot_be_trusted_is_no_value_and_says_why(field: Field, payload: str, why: Unusable) -> None:
    assert one(field, payload) is why
    assert not BlockCodec(field.registers, [field]).always_usable, "or nobody would look for it"


@pytest.mark.parametrize(
    ("field", "payload", "value"),
    [
        (Field(0, "int16", sentinels=(0x8000,)), "7fff", 32767),
        (Field(0, "bool", sentinels=(0xFFFF,)), "0001", True),
        (Field(0, "int16", minimum=-40, maximum=-40), "ffd8", -40),
        (Field(0, "uint16", maximum=12.5, scale=0.1), "007d", 12.5),
    ],
)
def test_what_stands_next_to_a_limit_is_a_value(field: Field, payload: str, value: Decoded) -> None:
    assert one(field, payload) == value


def test_one_bad_value_spoils_no_other() -> None:
    some = [
        Field(0, "float32"),
        Field(2, "float32", minimum=0),
        Field(4, "int16", sentinels=(0x8000,), scale=0.1),
        Field(5, "int16", sentinels=(0x8000,), scale=0.1),
        Field(6, "string"),
        Field(2, "float32", scale=2),
    ]
    payload = bytes.fromhex("7fc00000 3fc00000 8000 0005 4142")
    values = BlockCodec(7, some).decode(payload)
    assert values == [Unusable.NOT_A_NUMBER, 1.5, Unusable.SENTINEL, 0.5, "AB", 3.0]


def test_floats_too_large_to_add_up_are_still_values() -> None:
    payload = struct.pack(">dd", 1.7e308, 1.7e308)
    assert BlockCodec(8, [Field(0, "float64"), Field(4, "float64")]).decode(payload) == [1.7e308, 1.7e308]


@given(st.integers(-(2**15), 2**15 - 1), st.sampled_from(["0.1", "0.01", "0.25", "3", "0.3", "1e-6"]))
@example(3, "0.1")
def test_scaling_is_exact_on_the_decimal_numbers(raw: int, scale: str) -> None:
    value: Any = one(Field(0, "int16", scale=float(scale)), raw.to_bytes(2, "big", signed=True).hex())
    digits = len(scale.partition(".")[2]) if "e" not in scale else 6
    assert value == round(raw * float(scale), digits)


@given(st.data(), st.integers(1, 40))
def test_coils(data: st.DataObject, count: int) -> None:
    bits = data.draw(st.lists(st.booleans(), min_size=count, max_size=count))
    offsets = data.draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=8))
    payload = sum(1 << i for i, on in enumerate(bits) if on).to_bytes((count + 7) // 8, "little")
    for places in (offsets, list(range(count))):
        codec = BlockCodec(count, [Field(at, "bool") for at in places], bits=True)
        assert codec.decode(payload) == [bits[at] for at in places]


@pytest.mark.parametrize(
    ("count", "field", "bits", "says"),
    [
        (2, Field(1, "uint32"), False, "uint32 at offset 1 ends behind the block of 2"),
        (8, Field(8, "bool"), True, "ends behind the block of 8"),
        (8, Field(1, "uint16"), True, "a bit table holds plain bools only"),
        (8, Field(1, "bool", bit=1), True, "plain bools"),
    ],
)
def test_fields_that_do_not_fit_the_block(count: int, field: Field, bits: bool, says: str) -> None:  # noqa: FBT001 - a parameter of the test
    with pytest.raises(ValueError, match=says):
        BlockCodec(count, [field], bits=bits)


def test_a_payload_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="a block of 2 needs 4 bytes, not 5"):
        BlockCodec(2, [Field(0, "uint32")]).decode(bytes(5))


def test_a_block_without_fields_decodes_to_nothing() -> None:
    assert BlockCodec(2, []).decode(bytes(4)) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"type": "uint24"}, "unknown type 'uint24': one of bool, uint8"),
        ({"offset": -1}, "offset -1 is negative"),
        ({"type": "string", "length": 0}, "length 0 must be at least one register"),
        ({"type": "string", "encoding": "utf-16"}, "unknown encoding 'utf-16': one of ascii"),
        ({"type": "int16", "bit": 1}, "type int16 has no bit fields"),
        ({"bit": 15, "width": 2}, "bit 15 with width 2 does not fit 16 bits"),
        ({"bit": -1}, "bit -1"),
        ({"bit": 0, "width": 0}, "width 0"),
        ({"type": "bool", "bit": 0, "width": 2}, "a bool is one bit wide"),
        ({"type": "bool", "scale": 2}, "type bool cannot be scaled"),
        ({"type": "string", "offset_value": 1}, "type string cannot be scaled"),
        ({"type": "bool", "minimum": 0}, "type bool has no range"),
        ({"type": "string", "sentinels": (1,)}, "a string has no sentinels"),
        ({"scale": 0}, "scale 0 must lie between"),
        ({"scale": math.nan}, "scale nan"),
        ({"scale": 1e31}, "scale 1e\\+31"),
        ({"offset_value": math.inf}, "offset inf"),
        ({"offset_value": 1e-31}, "offset 1e-31"),
        ({"minimum": math.nan}, "limit nan is not a finite number"),
        ({"minimum": 2, "maximum": 1}, "minimum 2 is above maximum 1"),
        ({"sentinels": (0x10000,)}, "sentinel 65536 is no raw value of uint16: 0..65535"),
        ({"sentinels": (1.5,)}, "sentinel 1.5"),
        ({"type": "int16", "sentinels": (-32769,)}, "sentinel -32769 is no raw value of int16"),
        ({"bit": 0, "width": 2, "sentinels": (4,)}, "sentinel 4 is no raw value of uint16: 0..3"),
        ({"type": "float32", "sentinels": (1e39,)}, "sentinel 1e\\+39"),
    ],
)
def test_fields_that_contradict_themselves(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Field(**{"offset": 0, "type": "uint16", **arguments})


def test_registers_of_types() -> None:
    assert {kind: registers_of(kind, 5) for kind in ALL_TYPES} == {
        "bool": 1, "uint8": 1, "int8": 1, "uint16": 1, "int16": 1, "float16": 1, "bcd16": 1,
        "uint32": 2, "int32": 2, "float32": 2, "bcd32": 2, "epoch32": 2,
        "uint64": 4, "int64": 4, "float64": 4, "epoch64": 4, "epoch64ms": 4, "string": 5,
    }  # fmt: skip
