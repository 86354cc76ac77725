"""Durations and sizes need a unit, and mean exactly what they say."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.settings.quantities import BYTES, SECONDS, duration, say_duration, say_size, size

numbers = st.decimals(min_value=0, max_value=10**9, places=3, allow_nan=False)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("250ms", 0.25), ("1s", 1.0), ("1.5 s", 1.5), ("2m", 120.0), ("1h", 3600.0), ("7d", 604800.0), ("0s", 0.0)],
)
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "count"),
    [("200MB", 200_000_000), ("64KiB", 65536), ("1GB", 10**9), ("10kB", 10_000), ("10KB", 10_000), ("1.5KiB", 1536)],
)
def test_sizes(text: str, count: int) -> None:
    assert size(text) == count


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1, 'a duration needs a unit. Write "1s" for seconds, or use ms, m, h, d'),
        (0.5, 'a duration needs a unit. Write "0.5s" for seconds, or use ms, m, h, d'),
        ("1", '"1" is no duration. Write a number and its unit, such as "500ms", "1s", "2m", "1h" or "7d"'),
        ("-1s", '"-1s" is no duration. Write a number and its unit, such as "500ms", "1s", "2m", "1h" or "7d"'),
        (True, 'this is no duration. Write a number and its unit, such as "500ms", "1s", "2m", "1h" or "7d"'),
        ("1sec", '"sec" is no unit of time. Use ms, s, m, h or d'),
        ("1M", '"M" is no unit of time. Use ms, s, m, h or d'),
    ],
)
def test_what_is_no_duration_says_the_cure(value: object, words: str) -> None:
    with pytest.raises(ValueError) as refusal:
        duration(value)
    assert str(refusal.value) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (5, 'a size needs a unit. Write "5B" for bytes, or use kB, MB, GB, KiB, MiB, GiB'),
        ("5", '"5" is no size. Write a number and its unit, such as "64KiB", "200MB" or "1GB"'),
        ("5mb", '"mb" is no unit of size. Use B, kB, MB, GB, KiB, MiB or GiB'),
        ("0.1B", "that is not a whole number of bytes. Use a smaller unit"),
    ],
)
def test_what_is_no_size_says_the_cure(value: object, words: str) -> None:
    with pytest.raises(ValueError) as refusal:
        size(value)
    assert str(refusal.value) == words


@given(numbers, st.sampled_from(sorted(SECONDS)), st.sampled_from(["", " "]))
def test_a_duration_is_its_number_times_its_unit(number: object, unit: str, space: str) -> None:
    exact = Fraction(str(number)) * Fraction(SECONDS[unit])
    assert math.isclose(duration(f"{number}{space}{unit}"), float(exact), rel_tol=1e-12)


@given(st.integers(1, 10**9))
def test_a_duration_said_and_read_again_is_the_same(milliseconds: int) -> None:
    assert math.isclose(duration(say_duration(milliseconds / 1000)), milliseconds / 1000, rel_tol=1e-5)


@given(st.integers(0, 10**14), st.sampled_from(sorted(BYTES)))
def test_a_size_said_and_read_again_is_the_same(number: int, unit: str) -> None:
    assert size(say_size(number)) == number
    assert size(f"{number}{unit}") == number * BYTES[unit]


@given(st.one_of(st.text(max_size=8), st.integers(), st.floats(), st.booleans(), st.none()))
def test_anything_else_is_refused_with_words(value: object) -> None:
    for read in (duration, size):
        try:
            assert read(value) >= 0
        except ValueError as refusal:
            assert len(str(refusal)) > 20  # noqa: PT017 - a value may also be a good one
