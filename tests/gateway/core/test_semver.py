"""Versions come in the order that SemVer 2.0 gives them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.semver import parse_version

# Item 11 of the specification, in its order, and what surrounds it.
ORDERED = [
    "0.9.9",
    "1.0.0-0",
    "1.0.0-2",
    "1.0.0-11",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.0.1",
    "1.9.0",
    "1.10.0",
    "2.0.0-rc.1",
    "2.0.0",
]


def test_versions_are_in_order() -> None:
    versions = [parse_version(text) for text in ORDERED]
    for place, one in enumerate(versions):
        for other_place, other in enumerate(versions):
            assert (one < other, one == other) == (place < other_place, place == other_place), (one, other)


def test_what_follows_the_plus_does_not_count() -> None:
    assert parse_version("1.0.0+a") == parse_version("1.0.0+b")
    assert hash(parse_version("1.0.0+a")) == hash(parse_version("1.0.0"))
    assert parse_version("1.0.0+a").text == "1.0.0+a"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "1.0",
        "1.0.0.0",
        "01.0.0",
        "1.0.0-01",
        "1.0.0-",
        "v1.0.0",
        "1.0.0 ",
        "1.0.0\n",
        "1.\u0660.0",
        "1.0.0+",
        "1" * 70,
    ],
)
def test_what_is_no_version_is_told_how_to_write_one(text: str) -> None:
    with pytest.raises(ValueError, match=r"write it as 1\.2\.3"):
        parse_version(text)


numbers = st.integers(0, 20)
words = st.lists(st.one_of(numbers.map(str), st.sampled_from(["a", "b", "rc", "a1", "-"])), max_size=3)


@given(st.lists(st.tuples(numbers, numbers, numbers, words), min_size=3, max_size=3))
def test_the_order_is_one(parts: list[tuple[int, int, int, list[str]]]) -> None:
    versions = sorted(
        parse_version(f"{major}.{minor}.{patch}" + (f"-{'.'.join(before)}" if before else ""))
        for major, minor, patch, before in parts
    )
    assert not versions[1] < versions[0]
    assert not versions[2] < versions[0]
