"""When what failed is tried again (ruling 19, D-144, D-145)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.webhooks.schedule import LONGEST, RetryPolicy, asked_for, jittered, pause_after

M, H = 60.0, 3600.0


def pauses(policy: RetryPolicy | None) -> list[float]:
    found: list[float] = []
    while (pause := pause_after(policy, len(found) + 1)) is not None:
        found.append(pause)
    return found


def test_without_a_policy_it_is_the_schedule_of_standard_webhooks() -> None:
    assert pauses(None) == [5, 5 * M, 30 * M, 2 * H, 5 * H, 10 * H, 14 * H, 20 * H, 24 * H]


def test_the_policy_of_the_reference_is_over_in_fifteen_seconds() -> None:
    assert pauses(RetryPolicy(5, 2, 1)) == [1, 2, 4, 8]


def test_one_attempt_is_never_repeated() -> None:
    assert pauses(RetryPolicy(1, 2, 1)) == []


@given(st.integers(1, 20), st.floats(1, 10), st.floats(1, 3600), st.floats(0, 1))
def test_no_pause_shrinks_or_is_longer_than_a_day_and_a_fifth(
    attempts: int, multiplier: float, initial: float, chance: float
) -> None:
    found = pauses(RetryPolicy(attempts, multiplier, initial))
    assert len(found) == attempts - 1
    assert found == sorted(found)
    assert all(initial <= pause <= jittered(pause, chance) <= LONGEST * 1.2 for pause in found)


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"retry-after": "120"}, 120),
        (503, {"retry-after": " 120 "}, 120),
        (502, {"retry-after": "1"}, 1),
        (504, {"retry-after": "0"}, 0),
        (500, {"retry-after": "120"}, 0),
        (503, {}, 0),
        (503, {"retry-after": "-5"}, 0),
        (503, {"retry-after": "soon"}, 0),
        (503, {"retry-after": "1.5"}, 0),
        (503, {"retry-after": "٣"}, 0),
        (503, {"retry-after": "999999999"}, LONGEST),
        (503, {"retry-after": "9" * 5000}, LONGEST),
        (503, {"retry-after": "Thu, 01 Jan 1970 00:18:20 GMT"}, 100),
        (503, {"retry-after": "Thu, 01 Jan 1970 00:01:00 GMT"}, 0),
        (503, {"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}, LONGEST),
        # The receiver's clock is the one its date is of: ours may stand in 1970.
        (503, {"retry-after": "Sun, 22 Nov 2026 10:01:00 GMT", "date": "Sun, 22 Nov 2026 10:00:00 GMT"}, 60),
    ],
)
def test_what_the_receiver_asks_for(status: int, headers: dict[str, str], seconds: float) -> None:
    assert asked_for(status, list(headers.items()), 1000.0) == seconds


@given(st.text(max_size=60))
def test_no_date_breaks_anything(text: str) -> None:
    assert 0 <= asked_for(503, [("retry-after", text), ("date", text)], 0.0) <= LONGEST
