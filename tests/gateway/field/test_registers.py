"""Raw registers read as values."""

from __future__ import annotations

import struct

from gateway.field.address import Address
from gateway.field.registers import decode, in_hex

HOLDING = Address("holding", 100)


def registers(content: bytes) -> list[int]:
    return list(struct.unpack(f">{len(content) // 2}H", content))


def test_values_of_a_type_follow_each_other() -> None:
    found = decode(HOLDING, registers(struct.pack(">ff", 230.5, -1.25)), "float32")
    assert [(one.address.wire, one.value) for one in found] == [(100, 230.5), (102, -1.25)]


def test_both_orders_can_be_turned() -> None:
    words = registers(struct.pack(">f", 230.5))
    assert decode(HOLDING, words[::-1], "float32", word_order="little")[0].value == 230.5
    swapped = [int.from_bytes(word.to_bytes(2, "big"), "little") for word in words]
    assert decode(HOLDING, swapped, "float32", byte_order="little")[0].value == 230.5


def test_a_rest_that_is_too_short_is_left_out() -> None:
    assert len(decode(HOLDING, [1, 2, 3], "uint32")) == 1
    assert decode(HOLDING, [1], "uint32") == []


def test_text_takes_the_whole_block() -> None:
    [one] = decode(HOLDING, registers(b"pump 3\0\0"), "string")
    assert one.value == "pump 3"


def test_what_is_no_number_has_no_value_but_a_reason() -> None:
    [one] = decode(HOLDING, [0x7FC0, 0], "float32")
    assert (one.value, one.problem) == (None, "not a number")


def test_bits_are_taken_as_they_are() -> None:
    found = decode(Address("coil", 8), [True, False], "uint16")
    assert [(one.address.modicon, one.value) for one in found] == [("00009", True), ("00010", False)]
    assert in_hex([True, False]) == "1 0"


def test_registers_are_written_as_a_technician_writes_them() -> None:
    assert in_hex([0x898, 0]) == "0898 0000"
