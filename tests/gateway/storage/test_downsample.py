"""Buckets say what a naive model, millisecond by millisecond, says."""

from __future__ import annotations

import sys
from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.core.reading import Quality, Value
from gateway.storage.downsample import Bucket, coarsen, summarise
from gateway.storage.rows import Row, pack, stored

SIZE = 20
VALUES = st.one_of(st.none(), st.integers(-100, 100), st.booleans(), st.floats(-1e6, 1e6))


def row(time: int, value: float | None, quality: Quality = Quality.GOOD) -> Row:
    return Row(time, *pack(value, quality))


rows_of_a_tag = st.dictionaries(st.integers(0, 200), VALUES, max_size=25).map(
    lambda found: [row(time, value) for time, value in sorted(found.items())]
)


def value_at(rows: list[Row], time: int, hold: int) -> float | None:
    """What is in force in the millisecond that begins at ``time``."""
    last = [row for row in rows if row.time <= time]
    if not last or last[-1].value is None or time >= last[-1].time + hold:
        return None
    return float(last[-1].value)


@given(rows=rows_of_a_tag, hold=st.integers(1, 120))
@settings(max_examples=300, deadline=None)
def test_every_bucket_is_what_was_in_force_in_it(rows: list[Row], hold: int) -> None:
    until = 220
    buckets = list(summarise(rows, SIZE, hold, until))
    assert [bucket.start for bucket in buckets] == sorted({row.time // SIZE * SIZE for row in rows})
    for bucket in buckets:
        stretch = range(bucket.start, bucket.start + SIZE)
        recorded = [row for row in rows if row.time in stretch and row.value is not None]
        assert bucket.count == len(recorded)
        in_force = [value for time in stretch if (value := value_at(rows, time, hold)) is not None]
        assert bucket.span == len(in_force)
        assert bucket.last == value_at(rows, bucket.start + SIZE - 1, hold)
        if in_force:
            assert bucket.minimum == min(in_force)
            assert bucket.maximum == max(in_force)
            assert bucket.mean == pytest.approx(sum(in_force) / len(in_force), rel=1e-9, abs=1e-6)
        else:
            assert bucket.mean is None
            assert bucket.quality is Quality.BAD


@given(rows=rows_of_a_tag)
@settings(max_examples=200, deadline=None)
def test_coarse_buckets_from_fine_ones_are_those_from_the_rows(rows: list[Row]) -> None:
    # As long as a value holds over every stretch in which nothing was recorded: what heartbeats are for.
    hold, until = 1000, 240
    direct = list(summarise(rows, 4 * SIZE, hold, until))
    indirect = list(coarsen(summarise(rows, SIZE, hold, until), SIZE, 4 * SIZE, hold, until))
    assert [_facts(bucket) for bucket in indirect] == [_facts(bucket) for bucket in direct]
    for one, other in zip(indirect, direct, strict=True):
        assert (one.mean or 0.0) == pytest.approx(other.mean or 0.0, rel=1e-9, abs=1e-3)


def _facts(bucket: Bucket) -> tuple[object, ...]:
    return bucket.start, bucket.count, bucket.span, bucket.minimum, bucket.maximum, bucket.last, bucket.quality


def test_a_value_weighs_by_the_time_it_was_in_force() -> None:
    (bucket,) = summarise([row(0, 0.0), row(15, 100.0)], SIZE, 1000, SIZE)
    assert bucket.mean == 25.0


@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=10))
@example(values=[sys.float_info.max] * 3)
@example(values=[sys.float_info.max, -sys.float_info.max])
@example(values=[5e-324, 1.0])
@settings(max_examples=200, deadline=None)
def test_no_mean_overflows(values: list[float]) -> None:
    """A device that says 1e308 says a number, and so does its history."""
    day = 86_400_000
    rows = [row(time * day // len(values), value) for time, value in enumerate(values)]
    (direct,) = summarise(rows, day, 2 * day, day)
    (indirect,) = coarsen(summarise(rows, day // 24, 2 * day, day), day // 24, day, 2 * day, day)
    stops = [one.time for one in rows[1:]] + [day]
    parts = [Fraction(value) * (stop - one.time) for value, one, stop in zip(values, rows, stops, strict=True)]
    exact = sum(parts, Fraction()) / day
    tolerance = Fraction(max(abs(value) for value in values)) / 10**9
    for bucket in (direct, indirect):
        assert bucket.mean is not None
        assert abs(Fraction(bucket.mean) - exact) <= max(tolerance, Fraction(1e-285))


def test_a_bad_row_ends_what_was_in_force_and_is_in_no_mean() -> None:
    (bucket,) = summarise([row(0, 10.0), row(5, None)], SIZE, 1000, SIZE)
    assert (bucket.mean, bucket.span, bucket.count, bucket.last) == (10.0, 5, 1, None)
    assert bucket.quality is Quality.UNCERTAIN


def test_uncertain_values_make_an_uncertain_bucket() -> None:
    (bucket,) = summarise([row(0, 10.0, Quality.UNCERTAIN)], SIZE, 1000, SIZE)
    assert (bucket.mean, bucket.quality) == (10.0, Quality.UNCERTAIN)


def test_a_gap_makes_no_buckets() -> None:
    buckets = list(summarise([row(0, 1.0), row(10 * SIZE, 2.0)], SIZE, 5, 1000))
    assert [bucket.start for bucket in buckets] == [0, 10 * SIZE]
    assert buckets[0].last is None


def test_text_has_no_mean_but_the_last_text() -> None:
    (bucket,) = summarise([Row(0, *pack("stop", Quality.GOOD)), Row(3, *pack("run", Quality.GOOD))], SIZE, 9, SIZE)
    assert (bucket.text, bucket.mean, bucket.count, bucket.quality) == ("run", None, 2, Quality.GOOD)


@pytest.mark.parametrize("value", [True, False, 0, -5, 1 << 62, (1 << 64) - 1, 10**300, 0.1, 5.0, "", "µ"], ids=repr)
def test_a_value_comes_back_as_what_it_was(value: Value) -> None:
    restored = stored(0, *pack(value, Quality.GOOD)).restore()
    assert restored == value
    assert type(restored) is type(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None])
def test_what_is_no_number_is_kept_as_bad(value: float | None) -> None:
    kept = Row(0, *pack(value, Quality.GOOD))
    assert (kept.restore(), kept.quality) == (None, Quality.BAD)
