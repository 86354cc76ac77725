from __future__ import annotations

from dataclasses import dataclass, field, replace

from gateway.core.alerts import Severity
from gateway.governor.actions import Mode
from gateway.governor.health import health_of
from gateway.governor.level import LevelName
from gateway.governor.management import DAY_S, MEMORY_PATIENCE_S, Management, Means
from tests.gateway.governor.bench import Bench

MB = 1 << 20


@dataclass
class Board:
    """What is around the lines."""

    bench: Bench
    memory: int | None = 60 * MB
    durable: bool = True
    ended: list[str] = field(default_factory=list)
    service: bool = True

    def level(self) -> Management:
        def end(why: str) -> bool:
            self.ended.append(why)
            return True

        means = Means(lambda: self.memory, 200 * MB, lambda: self.durable, end if self.service else None)
        bench = self.bench
        return Management(
            steering=bench.field,
            door=bench.door,
            alerts=bench.alerts,
            facts=bench.facts,
            wall=bench.wall,
            means=means,
        )


def silence(bench: Bench, level: Management, seconds: int) -> None:
    """Both devices are silent for so long."""
    for _ in range(seconds // 5):
        for name in list(bench.field.devices):
            device = bench.field.devices[name]
            bench.field.devices[name] = replace(device, state="silent", since=device.since + 5)
        bench.run(level, 5)


def two_devices(bench: Bench) -> None:
    bench.field.line("bus")
    bench.field.device("bus/a")
    bench.field.device("bus/b")


def test_a_line_on_which_nobody_answers_any_more_climbs_the_ladder_slower_and_slower(bench: Bench) -> None:
    level = Board(bench).level()
    two_devices(bench)
    silence(bench, level, 110)
    assert bench.field.did == []
    silence(bench, level, 20)
    assert bench.field.did == [("reopen", "bus")]
    silence(bench, level, 180)
    assert bench.field.did == [("reopen", "bus"), ("restart", "bus")]
    silence(bench, level, 600 + 1200 + 2400)
    assert len(bench.field.did) == 5
    silence(bench, level, 3600)
    assert len(bench.field.did) == 6
    assert level.figures()["recoveryActions"] == 6


def test_what_is_healed_starts_from_the_mildest_remedy_again(bench: Bench) -> None:
    level = Board(bench).level()
    two_devices(bench)
    silence(bench, level, 130)
    bench.field.device("bus/a", state="online", since=0.0)
    bench.field.device("bus/b", state="online", since=0.0)
    bench.run(level, 605)
    assert level.figures()["trying"] == []
    silence(bench, level, 130)
    assert bench.field.did == [("reopen", "bus"), ("reopen", "bus")]


def test_where_nobody_ever_answered_there_is_nothing_to_recover(bench: Bench) -> None:
    level = Board(bench).level()
    bench.field.line("bus")
    bench.field.device("bus/a", answers=0)
    bench.field.device("bus/b", answers=0)
    silence(bench, level, 3600)
    assert bench.field.did == []
    assert bench.standing() == [("line:bus", "silentSeconds")]


def test_one_device_that_answers_is_enough_to_leave_the_line_alone(bench: Bench) -> None:
    level = Board(bench).level()
    two_devices(bench)
    for _ in range(200):
        bench.field.device("bus/a", state="silent", since=bench.now)
        bench.run(level, 5)
    assert bench.field.did == []
    assert bench.standing() == [("device:bus/a", "silentSeconds")]


def test_a_device_that_is_never_asked_hides_nothing(bench: Bench) -> None:
    level = Board(bench).level()
    two_devices(bench)
    for _ in range(200 // 5):
        for name in ("bus/a", "bus/b"):
            bench.field.device(name, state="silent", since=bench.field.devices[name].since + 5)
        bench.field.device("bus/unasked", state="unproven", answers=0)
        bench.run(level, 5)
    assert bench.field.did == [("reopen", "bus")]
    (alert,) = bench.alerts.standing()
    assert alert.summary.startswith("nobody answers on bus, 2 devices in all")


def test_silence_that_comes_back_for_a_moment_is_not_acted_on_at_once(bench: Bench) -> None:
    level = Board(bench).level()
    two_devices(bench)
    silence(bench, level, 130)
    for _ in range(20):
        for name in ("bus/a", "bus/b"):
            bench.field.device(name, state="online", since=0.0)
        bench.run(level, 300)
        for name in ("bus/a", "bus/b"):
            bench.field.device(name, state="silent", since=0.0)
        silence(bench, level, 20)
    assert bench.field.did == [("reopen", "bus")]
    silence(bench, level, 110)
    assert bench.field.did == [("reopen", "bus"), ("restart", "bus")]


def test_a_lent_line_is_left_to_the_technician(bench: Bench) -> None:
    level = Board(bench).level()
    two_devices(bench)
    bench.field.line("bus", lent=True)
    silence(bench, level, 3600)
    assert bench.field.did == []


def test_a_task_that_hangs_is_restarted_and_at_last_the_process_once_a_day(bench: Bench) -> None:
    board = Board(bench)
    level = board.level()
    bench.field.line("bus")
    for _ in range(2 * 3600 // 5):
        bench.field.line("bus", idle=bench.field.lines["bus"].idle + 5)
        bench.run(level, 5)
    assert bench.field.did == [("restart", "bus"), ("restart", "bus")]
    (why,) = board.ended
    assert "no sign of life" in why
    # The process that comes next finds the same, and leaves itself alone for a day.
    again = board.level()
    bench.run(again, 3600)
    assert len(board.ended) == 1
    bench.field.now += DAY_S
    bench.run(again, 5)
    bench.run(board.level(), 7200)
    assert len(board.ended) == 2


def test_without_a_service_manager_the_process_is_never_ended(bench: Bench) -> None:
    board = Board(bench, memory=900 * MB, service=False)
    bench.run(board.level(), 3600)
    assert board.ended == []
    assert ("process", "memory") in bench.standing()


def test_memory_that_stays_above_its_bound_ends_the_process(bench: Bench) -> None:
    board = Board(bench, memory=201 * MB)
    level = board.level()
    bench.run(level, MEMORY_PATIENCE_S)
    assert board.ended == []
    bench.run(level, 10)
    assert len(board.ended) == 1
    assert level.figures()["recoveryActions"] == 1


def test_a_short_peak_of_memory_is_nothing(bench: Bench) -> None:
    board = Board(bench, memory=400 * MB)
    level = board.level()
    for _ in range(20):
        board.memory = 400 * MB
        bench.run(level, MEMORY_PATIENCE_S - 10)
        board.memory = None
        bench.run(level, 5)
    assert board.ended == []


def test_recoveries_of_the_last_day_are_counted_over_a_restart(bench: Bench) -> None:
    board = Board(bench, memory=900 * MB)
    bench.run(board.level(), 600)
    after = board.level()
    board.memory = 50 * MB
    bench.run(after, 5)
    assert after.figures()["recoveryActions"] == 1
    bench.field.now += DAY_S
    bench.run(after, 5)
    assert after.figures()["recoveryActions"] == 0


def test_one_that_is_back_is_told_of_as_one_and_several_as_several(bench: Bench) -> None:
    level = Board(bench).level()
    two_devices(bench)
    bench.field.line("bus", splits=2)
    bench.run(level, 5)
    for away in (("bus/a",), ("bus/a", "bus/b")):
        for name in away:
            bench.field.device(name, state="silent", since=65.0)
        bench.run(level, 5)
        for name in away:
            bench.field.device(name, state="online", since=0.0)
        bench.run(level, 60)
    words = [action.why for action in bench.door.actions() if action.kind == "relearn"]
    assert sorted(words) == [
        "bus/a was away and is back: it may be another device, with other addresses",
        "bus/a, bus/b were away and are back: they may be other devices, with other addresses",
    ]


def test_cuts_are_forgotten_when_a_device_comes_back_after_a_while_and_once_a_day(bench: Bench) -> None:
    level = Board(bench).level()
    two_devices(bench)
    bench.field.line("bus", splits=2)
    bench.run(level, 5)
    bench.field.device("bus/a", state="silent", since=65.0)
    bench.run(level, 5)
    bench.field.device("bus/a", state="online", since=0.0)
    bench.run(level, 60)
    assert bench.field.did == [("relearn", "bus")]
    bench.run(level, DAY_S)
    assert bench.field.did == [("relearn", "bus")] * 2
    # That is upkeep: nothing was broken.
    assert level.figures()["recoveryActions"] == 0


def test_a_device_that_was_away_for_a_moment_is_the_same_device(bench: Bench) -> None:
    level = Board(bench).level()
    two_devices(bench)
    bench.field.line("bus", splits=2)
    bench.field.device("bus/a", state="silent", since=20.0)
    bench.run(level, 5)
    bench.field.device("bus/a", state="online", since=0.0)
    bench.run(level, 60)
    assert bench.field.did == []


def test_advising_management_says_what_it_would_do_and_does_nothing(bench: Bench) -> None:
    bench.modes[LevelName.MANAGEMENT] = Mode.ADVISE
    board = Board(bench, memory=900 * MB)
    level = board.level()
    two_devices(bench)
    silence(bench, level, 600)
    assert bench.field.did == []
    assert board.ended == []
    assert {action.verdict for action in bench.door.actions()} == {"advised"}
    assert level.figures()["recoveryActions"] == 0


# Alerts


def test_a_line_that_is_down_is_one_alert_and_its_devices_none(bench: Bench) -> None:
    level = Board(bench).level()
    two_devices(bench)
    bench.field.line("bus", state="down", reason="unplugged")
    silence(bench, level, 60)
    (alert,) = bench.alerts.standing()
    assert (alert.component, alert.metric) == ("line:bus", "downSeconds")
    assert "unplugged" in alert.summary
    bench.field.line("bus", state="up", reason=None)
    bench.field.device("bus/a", state="online", since=0)
    bench.field.device("bus/b", state="online", since=0)
    bench.run(level, 5)
    assert bench.standing() == []
    assert [data["state"] for type_, data in bench.told if type_ == "system:alert"] == ["firing", "resolved"]


def test_a_connection_that_is_refused_is_told_of_as_such(bench: Bench) -> None:
    level = Board(bench).level()
    bench.field.line("plant", state="down", reason="refused", network=True, place="10.0.0.5:502")
    silence(bench, level, 60)
    (alert,) = bench.alerts.standing()
    assert alert.summary.startswith("plant is down (10.0.0.5:502, refused): the host is there, but nobody accepts")
    assert "adapter" not in alert.summary


def test_a_parked_line_is_critical(bench: Bench) -> None:
    level = Board(bench).level()
    bench.field.line("bus", state="parked", falls=4)
    bench.run(level, 5)
    (alert,) = bench.alerts.standing()
    assert alert.severity is Severity.CRITICAL


def test_silence_is_neither_new_nor_over_while_a_technician_has_the_line(bench: Bench) -> None:
    level = Board(bench).level()
    two_devices(bench)
    bench.field.device("bus/a", state="silent", since=40.0)
    bench.run(level, 5)
    bench.field.line("bus", lent=True)
    bench.run(level, 600)
    assert bench.standing() == [("device:bus/a", "silentSeconds")]
    assert len([data for type_, data in bench.told if type_ == "system:alert"]) == 1


def test_an_adapter_that_comes_and_goes_raises_the_alerts_of_its_devices_once(bench: Bench) -> None:
    level = Board(bench).level()
    two_devices(bench)
    bench.field.device("bus/a", state="silent", since=40.0)
    for _ in range(30):
        bench.field.line("bus", state="up")
        bench.run(level, 10)
        bench.field.line("bus", state="down")
        bench.run(level, 10)
    assert len([data for type_, data in bench.told if type_ == "system:alert"]) == 1


def test_a_line_that_is_taken_away_and_comes_back_is_not_down_since_then(bench: Bench) -> None:
    level = Board(bench).level()
    bench.field.line("bus", state="down")
    bench.run(level, 10)
    bench.field.lines.clear()
    bench.run(level, 60)
    bench.field.line("bus", state="down")
    bench.run(level, 10)
    assert bench.standing() == []


def test_what_can_wait_takes_no_health(bench: Bench) -> None:
    level = Board(bench).level()
    for number in range(12):
        bench.alerts.fire(f"device:{number}", "latencyUnusual", Severity.INFO, "odd")
    bench.run(level, 5)
    assert health_of(level.terms()) == 100


def test_a_device_that_is_taken_away_takes_its_alert_with_it(bench: Bench) -> None:
    level = Board(bench).level()
    two_devices(bench)
    bench.field.device("bus/a", state="silent", since=40.0)
    bench.run(level, 5)
    del bench.field.devices["bus/a"]
    bench.run(level, 5)
    assert bench.standing() == []


def test_many_errors_are_told_with_their_most_frequent_cause_until_they_are_few(bench: Bench) -> None:
    level = Board(bench).level()
    two_devices(bench)

    def minutes(count: int, wrong: int) -> None:
        for _ in range(count * 2):
            device = bench.field.devices["bus/a"]
            errors = {**device.errors, "crc": device.errors.get("crc", 0) + wrong, "late": 3}
            advice = ("the plug of bus/a",)
            bench.field.device("bus/a", requests=device.requests + 100, errors=errors, advice=advice)
            bench.run(level, 30)

    minutes(5, wrong=4)
    assert bench.standing() == []
    minutes(5, wrong=15)
    (alert,) = bench.alerts.standing()
    assert (alert.component, alert.metric, alert.value) == ("device:bus/a", "errorShare", 0.15)
    assert "crc" in alert.summary
    assert alert.summary.endswith("the plug of bus/a")
    minutes(5, wrong=8)
    assert bench.standing() == [("device:bus/a", "errorShare")]
    minutes(6, wrong=1)
    assert bench.standing() == []


def test_what_silence_cost_is_no_trouble_of_a_device_that_is_back(bench: Bench) -> None:
    level = Board(bench).level()
    bench.field.line()
    bench.field.device("bus/b", requests=1000)
    bench.field.device("bus/a", requests=1000)
    bench.run(level, 300)
    bench.field.device("bus/a", state="silent", since=60.0, requests=1060, errors={"timeout": 60})
    bench.run(level, 60)
    assert bench.standing() == [("device:bus/a", "silentSeconds")]
    bench.field.device("bus/a", state="online", since=10.0, requests=1120, errors={"timeout": 61})
    bench.run(level, 60)
    assert bench.standing() == []
    bench.field.device("bus/a", requests=1240, errors={"timeout": 100})
    bench.run(level, 10)
    assert bench.standing() == [("device:bus/a", "errorShare")]


def test_a_disk_that_takes_no_data_is_critical_and_halves_the_health(bench: Bench) -> None:
    board = Board(bench)
    level = board.level()
    bench.run(level, 5)
    assert health_of(level.terms()) == 100
    board.durable = False
    bench.run(level, 5)
    assert bench.standing() == [("store", "durable")]
    health = health_of(level.terms())
    assert health is not None
    assert health < 70
