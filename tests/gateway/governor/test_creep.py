"""What goes one way day by day is told of, and what comes and goes, wanders or jumps is not."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as some

from gateway.governor.creep import LEAST_DAYS, Creep
from gateway.governor.detector import Detector, Rule
from tests.gateway.governor.plants import BEGIN, DAY_S, Fault, Kind, values, watch


def told(means: Iterable[float], creep: Creep | None = None) -> list[bool]:
    """Of daily means of a series with a usual spread of 1, on which days it was found to creep."""
    creep = Creep() if creep is None else creep
    days = []
    for mean in means:
        creep.take(mean, DAY_S, 1.0)
        days.append(creep.found is not None)
    return days


def noise(seed: int, deviation: float) -> Callable[[], float]:
    rng = random.Random(seed)
    return lambda: rng.gauss(0, deviation)


@pytest.mark.parametrize(("a_day", "days"), [(2.0, 5), (0.5, 10), (0.3, 20)])
@pytest.mark.parametrize("way", [1, -1])
def test_a_steady_drift_is_found_the_sooner_the_faster_it_is(a_day: float, days: int, way: int) -> None:
    rest = noise(1, 0.05)
    found = told(rest() + way * a_day * max(0, day - 20) for day in range(60))
    assert 20 < found.index(True) <= 20 + days
    assert all(found[found.index(True) :])


def test_it_is_found_where_the_drift_was_there_from_the_beginning() -> None:
    assert True in told(0.5 * day for day in range(40))


def test_a_drift_too_slow_to_matter_is_not_told() -> None:
    assert True not in told(0.1 * day for day in range(200))


@pytest.mark.parametrize("seed", range(5))
def test_a_series_that_wanders_or_only_jitters_is_left_alone(seed: int) -> None:
    step, where = noise(seed, 1.0), 0.0
    walk = [where := where + step() for _ in range(365)]
    assert True not in told(walk)
    assert True not in told(step() for _ in range(365))


def test_a_new_level_and_free_weekends_are_no_drift() -> None:
    rest = noise(3, 0.1)
    assert True not in told(rest() + (50.0 if day > 30 else 20.0 if day == 30 else 0.0) for day in range(60))
    assert True not in told(rest() + (10.0 if day % 7 < 5 else 0.0) for day in range(100))


def test_what_stands_still_again_is_usual_after_some_days_and_what_is_mended_at_once() -> None:
    rest = noise(4, 0.05)
    drift = [rest() + max(0, day - 20) for day in range(30)]
    for after, days in ((10.0, 15), (0.0, 4)):
        found = told([*drift, *(rest() + after for _ in range(30))])
        assert found[29]
        assert False in found[30 : 30 + days]
        assert not any(found[30 + days :])


def test_nothing_is_said_before_it_is_known_what_steps_are_usual() -> None:
    assert not any(told(5.0 * day for day in range(LEAST_DAYS)))


def test_it_goes_on_over_restarts_and_knows_what_earlier_versions_kept() -> None:
    one, other = Creep(), Creep()
    told((0.3 * day for day in range(12)), one)
    one.take(4.0, 3600.0, 1.0)
    other.restore(json.loads(json.dumps(one.dump())))
    more = [0.3 * day for day in range(12, 40)]
    assert told(more, one) == told(more, other)
    detector = Detector()
    assert Detector.restored(detector.dump()[:-1]).dump() == detector.dump()


@given(some.lists(some.floats(-1e9, 1e9), max_size=60), some.floats(1e-9, 1e9))
def test_no_series_breaks_it(means: list[float], scale: float) -> None:
    creep = Creep()
    for mean in means:
        creep.take(mean, DAY_S, scale)
    json.loads(json.dumps(creep.dump(), allow_nan=False))


def test_a_sensor_that_drifts_too_slowly_for_what_is_usual_is_told_of_with_where_it_came_from() -> None:
    outcome = watch(Kind.NOISE, 1007, fault=Fault.CREEP, size=1.0, days=19, lasting=9)
    assert outcome.false == 0
    assert outcome.anomaly is not None
    assert outcome.anomaly.rule is Rule.CREEP
    assert 2 * DAY_S < (outcome.found or 0.0) < 8 * DAY_S
    words = outcome.anomaly.words("°C")
    assert words.startswith("has gone from ")
    assert "day by day the same way" in words


def test_beside_a_creep_a_value_far_from_usual_is_still_told_and_both_end_in_their_own_time() -> None:
    detector = Detector()
    rules: list[Rule | None] = []
    for wall, value, deviation in values(Kind.NOISE, 1008):
        day = (wall - BEGIN) / DAY_S
        if day > 19:
            break
        jump = 40 * deviation if 18.0 < day < 18.1 else 0.0
        anomaly = detector.take(value + deviation * max(0.0, day - 10) + jump, wall)
        rule = None if anomaly is None else anomaly.rule
        if not rules or rules[-1] is not rule:
            rules.append(rule)
    assert rules[:3] == [None, Rule.CREEP, Rule.LEVEL]
    assert rules[-1] is Rule.CREEP
    assert (rules.count(Rule.CREEP), rules.count(Rule.LEVEL)) == (2, 1)
