from __future__ import annotations

import json
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.governor.detector import SILENT_FOR_S, Detector, Rule
from gateway.governor.usual import Usual
from tests.gateway.governor.plants import BEGIN, DAY_S, STEP_S, Fault, Kind, values, watch


def fed(days: float, value_at: object = None, seed: int = 7) -> tuple[Detector, float]:
    """A detector that watched a temperature of 20 ± 0.5 for some days."""
    rng, detector, wall = random.Random(seed), Detector(), BEGIN
    for _ in range(round(days * DAY_S / STEP_S)):
        wall += STEP_S
        detector.take(20 + rng.gauss(0, 0.5), wall)
    return detector, wall


@pytest.mark.parametrize("kind", [Kind.NOISE, Kind.SLOW, Kind.COARSE, Kind.DAILY])
def test_an_undisturbed_series_raises_nothing(kind: Kind) -> None:
    assert watch(kind, 1001, days=4).false == 0


@pytest.mark.parametrize("kind", [Kind.NOISE, Kind.SLOW])
@pytest.mark.parametrize(("fault", "rule"), [(Fault.JUMP, Rule.LEVEL), (Fault.FROZEN, Rule.FROZEN)])
def test_a_fault_is_found_by_the_rule_meant_for_it(kind: Kind, fault: Fault, rule: Rule) -> None:
    outcome = watch(kind, 1002, fault=fault, days=4)
    assert outcome.anomaly is not None
    assert outcome.anomaly.rule is rule


def test_a_slow_drift_is_found_long_before_a_value_is_far_from_usual() -> None:
    outcome = watch(Kind.NOISE, 1003, fault=Fault.DRIFT, size=15, days=4)
    assert outcome.anomaly is not None
    assert outcome.anomaly.rule is Rule.DRIFT
    assert abs(outcome.anomaly.value - outcome.anomaly.usual) < 6 * outcome.anomaly.spread * 8


def test_the_explanation_names_the_value_and_what_is_usual() -> None:
    detector, wall = fed(2.1)
    for _ in range(10):
        wall += STEP_S
        detector.take(31.2, wall)
    assert detector.anomaly is not None
    words = detector.anomaly.words("°C")
    assert words.startswith("is 31.2 °C; usual")
    assert "20." in words or "19.9" in words
    assert "times its usual deviation" in words


def test_nothing_is_said_before_it_was_watched_for_two_days() -> None:
    detector, wall = fed(SILENT_FOR_S / DAY_S - 0.1)
    for _ in range(100):
        wall += STEP_S
        detector.take(100.0, wall)
    assert detector.anomaly is None
    assert not detector.learned


def test_one_wild_value_is_a_glitch_and_no_anomaly() -> None:
    detector, wall = fed(2.1)
    for value in (20.0, 900.0, 20.1, 19.9):
        wall += STEP_S
        assert detector.take(value, wall) is None


def test_an_anomaly_ends_when_all_was_usual_for_a_while() -> None:
    detector, wall = fed(2.1)
    for _ in range(20):
        wall += STEP_S
        detector.take(31.2, wall)
    for second in range(0, 320, 10):
        wall += STEP_S
        detector.take(20.0 + (second % 3) / 10, wall)
    assert detector.anomaly is None


def test_a_gap_or_a_clock_that_steps_concludes_nothing() -> None:
    detector, wall = fed(2.1)
    detector.take(31.0, wall + 10)
    detector.take(31.0, wall + 3 * DAY_S)
    detector.take(31.0, wall - 5 * DAY_S)
    assert detector.anomaly is None


def test_what_it_learned_survives_a_restart_as_json() -> None:
    detector, wall = fed(2.5)
    again = Detector.restored(json.loads(json.dumps(detector.dump())))
    assert again.learned
    assert again.usual(wall) == detector.usual(wall)
    for _ in range(10):
        wall += STEP_S
        again.take(31.2, wall)
    assert again.anomaly is not None


@given(st.recursive(st.none() | st.floats() | st.text(max_size=3), st.lists, max_leaves=20))
def test_what_cannot_be_read_is_learned_anew(kept: object) -> None:
    assert not Detector.restored(kept).learned


def test_a_daily_rhythm_is_seen_where_there_is_one_and_nowhere_else() -> None:
    seasonal = {}
    for kind in (Kind.DAILY, Kind.NOISE):
        detector = Detector()
        for wall, value, _ in values(kind, 1004):
            if wall > BEGIN + 6 * DAY_S:
                break
            detector.take(value, wall)
        seasonal[kind] = detector.seasonal
    assert seasonal == {Kind.DAILY: True, Kind.NOISE: False}


@given(st.lists(st.floats(-1e12, 1e12), min_size=31, max_size=200), st.floats(0.1, 1e5))
def test_level_and_spread_stay_finite_and_within_what_was_seen(numbers: list[float], seconds: float) -> None:
    usual = Usual(3600.0)
    for number in numbers:
        usual.take(number, seconds)
    assert usual.level is not None
    assert math.isfinite(usual.level)
    assert math.isfinite(usual.spread)
    assert min(numbers) - usual.scale() <= usual.level <= max(numbers) + usual.scale()
    assert usual.spread >= 0


def test_a_rest_that_comes_again_and_again_is_usual_in_the_end() -> None:
    rng, detector, wall = random.Random(3), Detector(), BEGIN
    rests = []
    for day in range(14):
        frozen = False
        for minute in range(24 * 60):
            resting = day >= 3 and minute < 4 * 60
            found = detector.take(20.0 if resting else 20 + rng.gauss(0, 0.5), wall + minute * 60)
            frozen |= found is not None and found.rule is Rule.FROZEN
        rests.append(frozen)
        wall += DAY_S
    assert rests[3:5] == [True, True]
    assert rests[-3:] == [False, False, False]


def test_while_the_hour_is_not_known_nothing_is_judged_by_it() -> None:
    detector, source = Detector(), values(Kind.DAILY, 1004)
    for _ in range(round(5 * DAY_S / STEP_S)):
        wall, value, _ = next(source)
        detector.take(value, wall)
    assert detector.seasonal
    # The same plant after a power cut on a board that now takes noon for midnight.
    again, shift = Detector.restored(json.loads(json.dumps(detector.dump()))), DAY_S / 2 + 0.25 * DAY_S
    alarms = 0
    for _ in range(round(2 * DAY_S / STEP_S)):
        wall, value, _ = next(source)
        alarms += again.take(value, wall - shift, dated=False) is not None
    assert (alarms, again.seasonal) == (0, False)
    for _ in range(round(0.5 * DAY_S / STEP_S)):
        wall, value, _ = next(source)
        alarms += again.take(value, wall) is not None
    assert (alarms, again.seasonal) == (0, True)
