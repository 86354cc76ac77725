from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from gateway.governor.trend import LEAST_POINTS, MOST_COMPARED, thinned, trend_of

HOUR = 3600.0


def points(slope: float, noise: float, number: int = 72, seed: int = 1) -> list[tuple[float, float]]:
    rng = random.Random(seed)
    return [(hour * HOUR, 5 + slope * hour * HOUR + rng.gauss(0, noise)) for hour in range(number)]


def test_a_rise_is_found_with_its_slope_and_the_moment_it_reaches_a_limit() -> None:
    slope = 1.0 / (24 * HOUR)
    trend = trend_of(points(slope, 0.2))
    assert trend is not None
    assert trend.significant
    assert abs(trend.slope / slope - 1) < 0.1
    reached = trend.reaches(10.0)
    assert reached is not None
    assert abs(reached / (2 * 24 * HOUR) - 1) < 0.15


def test_wild_points_do_not_turn_it() -> None:
    series = points(1.0 / (24 * HOUR), 0.1)
    straight = trend_of(series)
    series[10], series[50] = (series[10][0], 500.0), (series[50][0], -500.0)
    bent = trend_of(series)
    assert straight is not None
    assert bent is not None
    assert abs(bent.slope / straight.slope - 1) < 0.1


def test_noise_without_a_trend_reaches_nothing() -> None:
    found = [trend_of(points(0.0, 1.0, seed=seed)) for seed in range(200)]
    assert sum(trend is not None and trend.significant for trend in found) <= 4


def test_what_falls_reaches_no_limit_above() -> None:
    trend = trend_of(points(-1.0 / HOUR, 0.1))
    assert trend is not None
    assert trend.reaches(100.0) is None


def test_a_week_of_hours_is_compared_by_few_points_that_say_the_same() -> None:
    slope = 1.0 / (24 * HOUR)
    week = points(slope, 0.2, 168)
    assert len(thinned(week)) <= MOST_COMPARED
    assert thinned(points(slope, 0.2, LEAST_POINTS)) == points(slope, 0.2, LEAST_POINTS)
    trend = trend_of(week)
    assert trend is not None
    assert abs(trend.slope / slope - 1) < 0.1
    assert abs(trend.level - (5 + slope * 167 * HOUR)) < 0.2


def test_too_few_points_say_nothing() -> None:
    assert trend_of(points(1.0, 0.0, LEAST_POINTS - 1)) is None


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(-1e9, 1e9)), max_size=60))
def test_any_points_are_answered(series: list[tuple[float, float]]) -> None:
    trend = trend_of(sorted(series))
    assert trend is None or trend.reaches(1e10) is None or trend.slope > 0
