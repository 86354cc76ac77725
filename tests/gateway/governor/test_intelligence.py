from __future__ import annotations

import json
import random

from gateway.governor.health import health_of
from gateway.governor.intelligence import MOST_TAGS, Intelligence, TagValue
from tests.gateway.governor.bench import Bench

DAY_S = 86400


class Plant:
    """One device, one tag that is learned, and time that can be passed quickly."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.rng = bench, random.Random(5)
        self.temperature, self.latency, self.error_share = 20.0, 0.020, 0.01
        self.requests = self.errors = 0
        self.learned = self.synchronised = True
        bench.field.line("bus")
        self.level = self.started()

    def started(self) -> Intelligence:
        return Intelligence(
            steering=self.bench.field,
            tags=self._tags,
            alerts=self.bench.alerts,
            facts=self.bench.facts,
            wall=self.bench.wall,
            announce=lambda type_, data: self.bench.told.append((type_, data)),
            synchronised=lambda: self.synchronised,
        )

    def _tags(self) -> list[TagValue]:
        value = self.temperature + self.rng.gauss(0, 0.3)
        return [TagValue("bus/meter/temperature", value, "°C")] if self.learned else []

    def run(self, seconds: float, *, latency_per_s: float = 0.0, errors_per_s: float = 0.0) -> None:
        for _ in range(round(seconds / 10)):
            self.latency += latency_per_s * 10
            self.error_share += errors_per_s * 10
            self.requests += 10
            self.errors += sum(self.rng.random() < self.error_share for _ in range(10))
            self.bench.field.device(
                "bus/meter",
                latency=self.latency + abs(self.rng.gauss(0, 0.001)),
                bound=1.0,
                requests=self.requests,
                errors={"timeout": self.errors},
            )
            self.bench.run(self.level, 10)


def test_an_unusual_tag_is_an_alert_with_an_explanation_and_ends_with_it(bench: Bench) -> None:
    plant = Plant(bench)
    plant.run(2.2 * DAY_S)
    assert bench.standing() == []
    plant.temperature = 31.0
    plant.run(120)
    (alert,) = bench.alerts.standing()
    assert (alert.component, alert.metric) == ("tag:bus/meter/temperature", "unusual")
    assert alert.summary.startswith("bus/meter/temperature is 3")
    assert "°C; usual is " in alert.summary
    (shown,) = plant.level.anomalies()
    assert shown["rule"] == "level"
    plant.temperature = 20.0
    plant.run(600)
    assert bench.standing() == []
    states = [data["state"] for type_, data in bench.told if type_ == "governor:anomaly"]
    assert states == ["firing", "resolved"]


def test_errors_that_grow_are_foreseen_before_the_device_fails(bench: Bench) -> None:
    plant = Plant(bench)
    plant.run(1.5 * DAY_S)
    assert plant.level.predictions() == []
    plant.run(2 * DAY_S, errors_per_s=0.01 / DAY_S)
    (prediction,) = plant.level.predictions()
    assert (prediction.device, prediction.metric) == ("bus/meter", "errors")
    assert prediction.now < 10
    assert "reach 10 %" in prediction.words()
    assert ("device:bus/meter", "errorsTrend") in bench.standing()


def test_a_device_that_answers_later_every_day_is_foreseen_to_reach_its_time_out(bench: Bench) -> None:
    plant = Plant(bench)
    plant.run(2 * DAY_S, latency_per_s=0.1 / DAY_S)
    (prediction,) = plant.level.predictions()
    assert prediction.metric == "latency"
    days = prediction.seconds / DAY_S
    assert 4 < days < 8
    assert "ms later every day" in prediction.words()


def test_what_was_learned_survives_a_restart_and_small_enough(bench: Bench) -> None:
    plant = Plant(bench)
    plant.run(2.2 * DAY_S)
    plant.level.keep_all()
    kept = bench.facts.kept["baseline"]
    assert set(kept) == {"tag:bus/meter/temperature", "latency:bus/meter", "errors:bus/meter"}
    assert all(len(json.dumps(value)) < 4000 for value in kept.values())
    plant.level = plant.started()
    plant.temperature = 31.0
    plant.run(120)
    assert [component for component, _ in bench.standing()] == ["tag:bus/meter/temperature"]


def test_what_is_configured_no_more_is_told_of_no_more_and_forgotten_after_a_week(bench: Bench) -> None:
    plant = Plant(bench)
    plant.run(2.2 * DAY_S)
    plant.level.keep_all()
    plant.temperature = 31.0
    plant.run(120)
    del bench.field.devices["bus/meter"]
    plant.learned = False
    bench.run(plant.level, 610)
    assert bench.standing() == []
    assert plant.level.figures()["series"] == 0
    bench.field.now += 7 * DAY_S
    bench.run(plant.level, 10)
    assert set(bench.facts.kept["baseline"].values()) == {None}


def test_a_tag_that_is_bad_for_a_moment_or_a_day_keeps_what_was_learned_of_it(bench: Bench) -> None:
    plant = Plant(bench)
    plant.run(2.2 * DAY_S)
    for pause in (10, 2 * DAY_S):
        plant.learned = False
        bench.field.now += pause
        bench.run(plant.level, 10)
        plant.learned, plant.temperature = True, 20.0
        plant.run(700)
        plant.temperature = 31.0
        plant.run(120)
        assert bench.standing() == [("tag:bus/meter/temperature", "unusual")]
        plant.temperature = 20.0
        plant.run(600)


def test_what_is_unusual_is_no_alert_while_its_device_is_silent(bench: Bench) -> None:
    plant = Plant(bench)
    plant.run(2.2 * DAY_S)
    plant.temperature = 31.0
    plant.run(120)
    plant.learned = False
    bench.run(plant.level, 610)
    assert bench.standing() == []


def test_a_device_that_is_taken_away_takes_what_was_foreseen_of_it_along(bench: Bench) -> None:
    plant = Plant(bench)
    plant.run(3.5 * DAY_S, errors_per_s=0.01 / DAY_S)
    assert [metric for _, metric in bench.standing() if metric.endswith("Trend")] == ["errorsTrend"]
    del bench.field.devices["bus/meter"]
    bench.run(plant.level, 2 * 3600)
    assert [metric for _, metric in bench.standing() if metric.endswith("Trend")] == []
    assert plant.level.predictions() == []


def test_tags_that_are_gone_make_room_for_others(bench: Bench) -> None:
    names = [f"{number}" for number in range(MOST_TAGS)]
    level = Intelligence(
        steering=bench.field,
        tags=lambda: [TagValue(f"bus/meter/{name}", 1.0, "") for name in names],
        alerts=bench.alerts,
        facts=bench.facts,
        wall=bench.wall,
        announce=lambda *_: None,
        synchronised=lambda: True,
    )
    bench.run(level, 20)
    names.append("more")
    bench.run(level, 20)
    assert level.figures()["series"] == MOST_TAGS
    assert "tag:bus/meter/more" not in level._series
    del names[7]
    bench.run(level, 20)
    assert level.figures()["series"] == MOST_TAGS
    assert level._series.keys() == {f"tag:bus/meter/{name}" for name in names}


def test_a_board_that_wakes_in_1970_foresees_nothing_from_points_of_another_time(bench: Bench) -> None:
    plant = Plant(bench)
    plant.run(2 * DAY_S)
    plant.level.keep_all()
    # A power cut: the clock begins anew, and is set two days later.
    there = bench.wall_offset
    bench.wall_offset = -bench.now
    plant.synchronised = False
    plant.level = plant.started()
    plant.run(2 * DAY_S)
    bench.wall_offset, plant.synchronised = there, True
    plant.run(DAY_S)
    assert plant.level.predictions() == []
    assert bench.standing() == []
    times = list(plant.level._series["errors:bus/meter"].times)
    assert times == sorted(times)
    assert times[-1] - times[0] <= 7 * DAY_S
    assert times[0] > 1e9


def test_a_silent_device_teaches_nothing(bench: Bench) -> None:
    plant = Plant(bench)
    plant.run(600)
    seen = plant.level.figures()["learningActive"]
    bench.field.device("bus/meter", state="silent")
    plant.learned = False
    bench.run(plant.level, 600)
    assert (seen, plant.level.figures()["learningActive"]) == (True, False)


def test_health_falls_with_what_is_unusual(bench: Bench) -> None:
    plant = Plant(bench)
    assert health_of(plant.level.terms()) is None
    plant.run(2.2 * DAY_S)
    assert health_of(plant.level.terms()) == 100
    plant.temperature = 31.0
    plant.run(120)
    health = health_of(plant.level.terms())
    assert health is not None
    assert 85 <= health < 100
