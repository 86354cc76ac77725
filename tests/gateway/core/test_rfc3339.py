"""Times as text and back."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import rfc3339


def test_a_moment_is_written_in_utc_with_milliseconds() -> None:
    assert rfc3339.text(1752161400.0) == "2025-07-10T15:30:00.000Z"
    assert rfc3339.text(1752161400.0456) == "2025-07-10T15:30:00.045Z"


def test_a_moment_is_written_in_seconds_for_the_plugin_api() -> None:
    assert rfc3339.seconds(1752161400.999) == "2025-07-10T15:30:00Z"


@pytest.mark.parametrize(
    "moment",
    ["2025-07-10T15:30:00Z", "2025-07-10T17:30:00.000+02:00", "2025-07-10t15:30:00.0z", "2025-07-10 10:30:00-05:00"],
)
def test_any_offset_is_read(moment: str) -> None:
    assert rfc3339.parse(moment) == 1752161400.0


@pytest.mark.parametrize(
    "moment",
    [
        "",
        "2025-07-10",
        "2025-07-10T15:30:00",
        "20250710T153000Z",
        "2025-02-30T00:00:00Z",
        "2025-W01-1T00:00:00Z",
        "٢٠٢٥-07-10T15:30:00Z",
    ],
)
def test_what_is_no_rfc_3339_time_is_refused_with_an_example(moment: str) -> None:
    with pytest.raises(ValueError, match="Write it as"):
        rfc3339.parse(moment)


@given(st.integers(0, 4_000_000_000_000))
def test_milliseconds_survive(milliseconds: int) -> None:
    assert round(rfc3339.parse(rfc3339.text(milliseconds / 1000 + 0.0001)) * 1000) == milliseconds


@given(st.text())
def test_reading_raises_nothing_else(moment: str) -> None:
    with contextlib.suppress(ValueError):
        rfc3339.parse(moment)


def test_a_clock_far_from_reality_can_still_be_written() -> None:
    assert rfc3339.text(-1e18).endswith("Z")
    assert rfc3339.text(1e18).endswith("Z")
