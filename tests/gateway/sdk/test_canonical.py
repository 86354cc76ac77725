"""RFC 8785 with its own examples, and beside the library the gateway uses."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.sdk.ferrule_client import ConfigurationError
from gateway.sdk.ferrule_client.canonical import canonical

# RFC 8785, appendix B: IEEE 754 in hexadecimal, and how it is written.
NUMBERS = [
    ("0000000000000000", "0"),
    ("8000000000000000", "0"),
    ("0000000000000001", "5e-324"),
    ("8000000000000001", "-5e-324"),
    ("7fefffffffffffff", "1.7976931348623157e+308"),
    ("ffefffffffffffff", "-1.7976931348623157e+308"),
    ("4340000000000000", "9007199254740992"),
    ("c340000000000000", "-9007199254740992"),
    ("4430000000000000", "295147905179352830000"),
    ("44b52d02c7e14af5", "9.999999999999997e+22"),
    ("44b52d02c7e14af6", "1e+23"),
    ("44b52d02c7e14af7", "1.0000000000000001e+23"),
    ("444b1ae4d6e2ef4e", "999999999999999700000"),
    ("444b1ae4d6e2ef4f", "999999999999999900000"),
    ("444b1ae4d6e2ef50", "1e+21"),
    ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
    ("3eb0c6f7a0b5ed8d", "0.000001"),
    ("41b3de4355555553", "333333333.3333332"),
    ("41b3de4355555554", "333333333.33333325"),
    ("41b3de4355555555", "333333333.3333333"),
    ("41b3de4355555556", "333333333.3333334"),
    ("41b3de4355555557", "333333333.33333343"),
    ("becbf647612f3696", "-0.0000033333333333333333"),
    ("43143ff3c1cb0959", "1424953923781206.2"),
]


@pytest.mark.parametrize(("bits", "written"), NUMBERS)
def test_numbers_are_written_as_ecmascript_writes_them(bits: str, written: str) -> None:
    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    assert canonical(number) == written.encode()


def test_the_example_of_the_rfc() -> None:
    sample = r"""{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    }"""
    assert (
        canonical(json.loads(sample))
        == (
            '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
            '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
        ).encode()
    )


def test_names_are_sorted_by_their_utf_16_units() -> None:
    names = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    written = json.loads(canonical(dict.fromkeys(names)))
    assert list(written) == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


@pytest.mark.parametrize(
    ("card", "place"),
    [
        ({"a": [1, 2**53]}, r"card\.a\[1\]"),
        ({"a": {"b": float("inf")}}, r"card\.a\.b"),
        ({"a": float("nan")}, r"card\.a"),
        ({"a": "\ud800"}, r"card\.a"),
        ({"\udc00": 1}, "card"),
        ({1: 2}, "card"),
        ({"a": b"bytes"}, r"card\.a"),
    ],
)
def test_what_has_no_form_is_named_by_its_place(card: dict[str, Any], place: str) -> None:
    with pytest.raises(ConfigurationError, match=place):
        canonical(card)


def test_what_is_nested_without_an_end_is_an_error_too() -> None:
    card: list[Any] = []
    card.append(card)
    with pytest.raises(ConfigurationError, match="deep"):
        canonical(card)


values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(value=values)
@settings(max_examples=300)
def test_it_is_what_the_library_of_the_gateway_writes(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@given(bits=st.integers(0, 2**64 - 1))
@settings(max_examples=500)
def test_any_number_there_is(bits: int) -> None:
    (number,) = struct.unpack(">d", struct.pack(">Q", bits))
    if number - number == 0:
        assert canonical(number) == rfc8785.dumps(number)
