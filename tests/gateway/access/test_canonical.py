"""RFC 8785, with the examples of its text."""

from __future__ import annotations

import json
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.access.canonical import canonical
from gateway.core.errors import Code, GatewayError


def test_the_example_of_the_rfc() -> None:
    sample = r"""{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    }"""
    expected = (
        r'{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        r'"string":"€$\u000f\nA'
        r"'"
        r'B\"\\\\\"/"}'
    )
    assert canonical(json.loads(sample), "sample") == expected.encode()


def test_members_are_sorted_by_their_utf_16_units() -> None:
    sample = json.loads(
        r"""{"\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew Letter Dalet With Dagesh", "1": "One",
        "\ud83d\ude00": "Emoji: Grinning Face", "\u0080": "Control", "\u00f6": "Latin Small Letter O With Diaeresis"}"""
    )
    assert list(json.loads(canonical(sample, "sample")).values()) == [
        "Carriage Return",
        "One",
        "Control",
        "Latin Small Letter O With Diaeresis",
        "Euro Sign",
        "Emoji: Grinning Face",
        "Hebrew Letter Dalet With Dagesh",
    ]


@pytest.mark.parametrize(
    ("bits", "expected"),
    [
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
    ],
)
def test_numbers_are_written_as_appendix_b_has_them(bits: str, expected: str) -> None:
    [number] = struct.unpack(">d", bytes.fromhex(bits))
    assert canonical(number, "number").decode() == expected


@pytest.mark.parametrize(
    ("value", "place", "reason"),
    [
        ({"a": [{"b": 2**53}]}, "agentCard.a[0].b", "2\\^53"),
        ({"a": -(2**53)}, "agentCard.a", "2\\^53"),
        ({"a": ["x", "\ud800"]}, "agentCard.a[1]", "surrogate"),
        ({"metadata": {"\udfff": 1}}, "agentCard.metadata", "surrogate"),
        ({"a": float("nan")}, "agentCard.a", "no JSON"),
        ({"a": float("inf")}, "agentCard.a", "no JSON"),
        ({"a": {1: 2}}, "agentCard.a", "no Unicode text"),
        ({"a": b"x"}, "agentCard.a", "no JSON"),
    ],
)
def test_what_cannot_be_signed_is_refused_with_its_place(value: object, place: str, reason: str) -> None:
    with pytest.raises(GatewayError, match=reason) as caught:
        canonical(value, "agentCard")
    assert caught.value.code is Code.INVALID
    assert caught.value.field == place


def test_what_is_nested_without_end_is_refused() -> None:
    nested: list[object] = []
    for _ in range(100_000):
        nested = [nested]
    with pytest.raises(GatewayError, match="nested"):
        canonical(nested, "agentCard")


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150)
@given(JSON)
def test_the_form_says_the_same_and_is_its_own_form(value: object) -> None:
    form = canonical(value, "value")
    # Large numbers look like whole ones in this form, and are none.
    read = json.loads(form, parse_int=float)
    assert read == value
    assert canonical(read, "value") == form
