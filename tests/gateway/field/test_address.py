"""Addresses in both notations."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.field.address import FIRST_DIGIT, Address, doubt, from_modicon, wire_address

TABLES = st.sampled_from(sorted(FIRST_DIGIT))


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        (Address("holding", 107), "40108 = holding, PDU 107, 0x6B"),
        (Address("coil", 0), "00001 = coil, PDU 0, 0x00"),
        (Address("discrete", 7), "10008 = discrete, PDU 7, 0x07"),
        (Address("input", 9998), "39999 = input, PDU 9998, 0x270E"),
        (Address("input", 9999), "310000 = input, PDU 9999, 0x270F"),
        (Address("holding", 65535), "465536 = holding, PDU 65535, 0xFFFF"),
    ],
)
def test_both_notations_are_shown(address: Address, shown: str) -> None:
    assert str(address) == shown


@given(TABLES, st.integers(0, 0xFFFF))
def test_a_modicon_number_says_the_same_address(table: str, wire: int) -> None:
    address = Address(table, wire)
    assert from_modicon(address.modicon) == address
    assert from_modicon(f"{FIRST_DIGIT[table]}{wire + 1:05d}") == address


@pytest.mark.parametrize("text", ["", "4", "40000", "400000", "20001", "4010", "465537", "4O108", "40108.0", "٤٠١٠٨"])
def test_what_is_no_modicon_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="such as 40108"):
        from_modicon(text)


@pytest.mark.parametrize(("text", "wire"), [("0", 0), ("107", 107), ("0x6B", 107), ("65535", 65535)])
def test_a_wire_address_counts_from_zero(text: str, wire: int) -> None:
    assert wire_address(text) == wire


@pytest.mark.parametrize(("text", "cure"), [("x", "from zero"), ("-1", "from zero"), ("400108", "--modicon 400108")])
def test_a_wrong_wire_address_names_the_cure(text: str, cure: str) -> None:
    with pytest.raises(ValueError, match=cure):
        wire_address(text)


def test_an_address_that_looks_like_a_modicon_number_is_asked_about() -> None:
    assert "40108 = holding, PDU 107, 0x6B: give it as --modicon 40108" in (doubt(Address("holding", 40108)) or "")
    assert doubt(Address("input", 40108)) is None
    assert doubt(Address("holding", 107)) is None
    assert doubt(Address("holding", 40000)) is None
