"""What is written is what will be read."""

import math
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from drivers.modbus.values import (
    BlockCodec,
    Decoded,
    Field,
    Order,
    Type,
    Value,
    encode,
    encode_bit,
    encode_mask,
    mask_register,
)

ORDERS: tuple[Order, ...] = ("big", "little")
INTEGERS: dict[Type, tuple[int, int]] = {
    "uint16": (0, 2**16 - 1),
    "int16": (-(2**15), 2**15 - 1),
    "uint32": (0, 2**32 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "uint64": (0, 2**64 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "bcd16": (0, 9999),
    "bcd32": (0, 99_999_999),
    "epoch32": (0, 2**32 - 1),
    "epoch64": (-(2**63), 2**63 - 1),
}
orders = st.sampled_from(ORDERS)


def back(field: Field, registers: list[int]) -> Decoded:
    payload = b"".join(register.to_bytes(2, "big") for register in registers)
    [value] = BlockCodec(field.registers, [field]).decode(payload)
    return value


@given(st.sampled_from(list(INTEGERS)), orders, orders, st.data())
def test_integers_come_back(kind: Type, word: Order, byte: Order, data: st.DataObject) -> None:
    value = data.draw(st.integers(*INTEGERS[kind]))
    field = Field(0, kind, word_order=word, byte_order=byte)
    assert back(field, encode(field, value)) == value


@given(st.sampled_from((16, 32, 64)), orders, orders, st.data())
def test_floats_come_back(bits: int, word: Order, byte: Order, data: st.DataObject) -> None:
    value = data.draw(st.floats(width=bits, allow_nan=False, allow_infinity=False))  # type: ignore[arg-type]  # one of the three widths
    kinds: dict[int, Type] = {16: "float16", 32: "float32", 64: "float64"}
    field = Field(0, kinds[bits], word_order=word, byte_order=byte)
    assert back(field, encode(field, value)) == value


@settings(max_examples=300)
@given(
    st.integers(-(2**31), 2**31 - 1),
    st.sampled_from([0.1, 0.01, 0.25, 3, -0.3, 1e-6, 1000]),
    st.sampled_from([0, -40, 273.15, 1e6]),
)
def test_every_scaled_value_that_is_read_is_written_as_it_was(raw: int, scale: float, offset: float) -> None:
    field = Field(0, "int32", scale=scale, offset_value=offset)
    registers = [raw >> 16 & 0xFFFF, raw & 0xFFFF]
    value: Any = back(field, registers)
    assert encode(field, value) == registers


@given(st.text(max_size=8), orders, st.sampled_from(("ascii", "latin-1", "utf-8")))
def test_texts_come_back_without_their_padding(text: str, byte: Order, encoding: Any) -> None:
    assume(len(text.encode("utf-8", "ignore")) <= 8)
    field = Field(0, "string", length=4, byte_order=byte, encoding=encoding)
    try:
        registers = encode(field, text)
    except ValueError:
        with pytest.raises(UnicodeEncodeError):
            text.encode(encoding)
    else:
        assert back(field, registers) == text.strip(" \0")


@pytest.mark.parametrize(
    ("field", "value", "registers"),
    [
        (Field(0, "int16", scale=0.1), 3.07, [31]),
        (Field(0, "int16", scale=0.1), -3.04, [0x10000 - 30]),
        (Field(0, "uint16", scale=0.1), 6553.54, [65535]),
        (Field(0, "uint16", scale=0.1, offset_value=-40), 0.1, [401]),
        (Field(0, "float32"), 1, [0x3F80, 0]),
        (Field(0, "float32", word_order="little"), 1.5, [0, 0x3FC0]),
        (Field(0, "bool"), True, [1]),
        (Field(0, "bool"), False, [0]),
        (Field(0, "epoch64ms"), 1700000000.001, [0, 0x018B, 0xCFE5, 0x6801]),
        (Field(0, "string", length=3), "Fe", [0x4665, 0, 0]),
        (Field(0, "bcd16"), 1234, [0x1234]),
        (Field(0, "uint16", byte_order="little"), 0x1234, [0x3412]),
    ],
)
def test_registers_for_values(field: Field, value: Value, registers: list[int]) -> None:
    assert encode(field, value) == registers


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        (Field(0, "uint16"), 65536, r"65536 does not fit uint16: 0\.\.65535"),
        (Field(0, "uint16"), -1, "-1 does not fit"),
        (Field(0, "int16", scale=0.1), 3276.8, r"3276.8 does not fit int16: -3276.8\d*\.\.3276.6"),
        (Field(0, "uint16", scale=-1), 1, r"1 does not fit uint16: -65535\.\.0"),
        (Field(0, "bcd16"), 10000, r"10000 does not fit bcd16: 0\.\.9999"),
        (Field(0, "float16"), 1e5, "100000.0 does not fit float16"),
        (Field(0, "float64", scale=1e-30), 1e300, "does not fit float64"),
        (Field(0, "uint16"), True, "true is not a finite number"),
        (Field(0, "uint16"), "7", '"7" is not a finite number'),
        (Field(0, "float32"), math.nan, "nan is not a finite number"),
        (Field(0, "uint16"), math.inf, "inf is not a finite number"),
        (Field(0, "uint16"), 10**400, "1000.* does not fit uint16"),
        (Field(0, "uint16", maximum=3000), 10**400, "is above the maximum 3000"),
        (Field(0, "float32", minimum=0), -(10**400), "is below the minimum 0"),
        (Field(0, "float64"), 10**400, "does not fit float64"),
        (Field(0, "bool"), 1, "1 is not true or false"),
        (Field(0, "string"), 5, "5 is not text"),
        (Field(0, "string"), False, "false is not text"),
        (Field(0, "string"), "abc", '"abc" takes 3 bytes, there are 2'),
        (Field(0, "string"), "ä", '"ä" cannot be written in ascii'),
        (Field(0, "string", encoding="utf-8"), "\ud800", r'"\\ud800" cannot be written in utf-8'),
        (Field(0, "int16", minimum=0), -1, "-1 is below the minimum 0"),
        (Field(0, "int16", maximum=80.5), 81, "81 is above the maximum 80.5"),
        (Field(0, "int16", sentinels=(0x8000,)), -32768, "says that there is no value"),
        (Field(0, "float32", sentinels=(-9999.9,)), -9999.9, "says that there is no value"),
        (Field(3, "uint16", bit=1), 1, "uint16 at offset 3 is part of a register: write it with a mask"),
        (Field(3, "uint8"), 1, "uint8 at offset 3 is part of a register"),
    ],
)
def test_values_that_cannot_be_written(field: Field, value: Value, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        encode(field, value)


def test_coils_take_true_and_false_only() -> None:
    assert encode_bit(value=True) is True
    assert encode_bit(value=False) is False
    with pytest.raises(ValueError, match="1 is not true or false"):
        encode_bit(1)


@st.composite
def parts(draw: st.DrawFn) -> tuple[Field, Value]:
    """A field that is a part of one register, and a value for it."""
    order: Any = {"word_order": draw(orders), "byte_order": draw(orders)}
    kind: Type = draw(st.sampled_from(("bool", "uint8", "int8", "uint16", "uint32", "uint64")))
    if kind == "uint8":
        return Field(0, kind, byte=draw(st.sampled_from(("high", "low"))), **order), draw(st.integers(0, 255))
    if kind == "int8":
        return Field(0, kind, byte=draw(st.sampled_from(("high", "low"))), **order), draw(st.integers(-128, 127))
    if kind == "bool":
        return Field(0, kind, bit=draw(st.integers(0, 15)), **order), draw(st.booleans())
    register = draw(st.integers(0, {"uint16": 1, "uint32": 2, "uint64": 4}[kind] - 1))
    start = draw(st.integers(0, 15))
    width = draw(st.integers(1, 16 - start))
    return Field(0, kind, bit=16 * register + start, width=width, **order), draw(st.integers(0, 2**width - 1))


@given(parts(), st.lists(st.integers(0, 0xFFFF), min_size=4, max_size=4))
def test_masks_change_their_bits_and_no_other(part: tuple[Field, Value], before: list[int]) -> None:
    field, value = part
    and_mask, or_mask = encode_mask(field, value)
    after = list(before)
    place = mask_register(field)
    after[place] = (before[place] & and_mask) | (or_mask & ~and_mask)
    assert back(field, after[: field.registers]) == value
    assert (before[place] ^ after[place]) & and_mask == 0
    assert or_mask & and_mask == 0


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        (Field(2, "uint32", bit=12, width=8), 1, r"bits 12\.\.19 lie in two registers"),
        (Field(2, "uint16"), 1, "uint16 at offset 2 fills its registers"),
        (Field(2, "uint16", bit=2, width=2), 4, r"4 does not fit uint16: 0\.\.3"),
        (Field(2, "uint16", bit=2, width=2, sentinels=(3,)), 3, "no value"),
    ],
)
def test_values_that_no_mask_can_write(field: Field, value: Value, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        encode_mask(field, value)


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        (Field(0, "float32", maximum=0.1), 0.1, 0.10000000149011612),
        (Field(0, "float32", minimum=0.7), 0.7, 0.699999988079071),
        (Field(0, "float16", word_order="little", maximum=0.3), 0.3, 0.300048828125),
        (Field(0, "float32", scale=0.1, offset_value=-40, minimum=-39.9, maximum=-39.9), -39.9, -39.9),
        (Field(0, "float32", maximum=1e39), 3e38, 3.0000000054977558e38),
    ],
    ids=lambda thing: thing.type if isinstance(thing, Field) else "",
)
def test_a_float_at_its_limit_is_plausible_as_its_type_holds_it(field: Field, value: float, says: float) -> None:
    found = back(field, encode(field, value))
    assert found == pytest.approx(says, rel=1e-12)
    assert isinstance(found, float)
    assert back(field, encode(field, found)) == found, "what was read can be written back"


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        (Field(0, "uint16", scale=10, maximum=95), 95, "the steps of 10 make 100 of 95, which is above the maximum 95"),
        (Field(0, "uint16", scale=0.1, maximum=20.06), 20.06, "make 20.1 of 20.06"),
        (Field(0, "int16", scale=-5, minimum=-3), -3, "make -5 of -3, which is below the minimum -3"),
        (Field(0, "bcd16", scale=0.5, minimum=0.7), 0.7, "make 0.5 of 0.7"),
    ],
    ids=lambda thing: thing.type if isinstance(thing, Field) else "",
)
def test_no_rounding_takes_a_value_out_of_its_range(field: Field, value: float, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        encode(field, value)


@given(
    st.sampled_from((*INTEGERS, "float16", "float32", "float64")),
    st.sampled_from((1, 0.1, 0.5, 10, -0.25, 3)),
    st.floats(-1e4, 1e4),
    st.floats(-1e4, 1e4),
    st.floats(0, 1),
)
def test_what_is_accepted_reads_back_within_its_range(
    kind: Type, scale: float, one: float, other: float, part: float
) -> None:
    low, high = sorted((round(one, 2), round(other, 2)))
    field = Field(0, kind, scale=scale, minimum=low, maximum=high)
    try:
        registers = encode(field, low + part * (high - low))
    except ValueError:
        return
    assert isinstance(back(field, registers), int | float)
