from __future__ import annotations

from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.alerts import MOST_STANDING, Alerts, Severity


class Bench:
    def __init__(self) -> None:
        self.now = 100.0
        self.told: list[dict[str, object]] = []
        numbers = count(1)
        self.alerts = Alerts(lambda: self.now, lambda _, data: self.told.append(data), lambda: f"a{next(numbers)}")

    def fire(self, severity: Severity = Severity.WARNING, value: float = 5) -> None:
        self.alerts.fire("line:boiler", "silentSeconds", severity, "nobody answers", value=value, threshold=30)


def test_what_lasts_is_told_once_and_kept_up_to_date() -> None:
    bench = Bench()
    for value in range(5):
        bench.fire(value=value)
    (told,) = bench.told
    assert told["state"] == "firing"
    (standing,) = bench.alerts.standing()
    assert standing.value == 4
    assert standing.since == 100.0


def test_getting_worse_is_news_under_the_same_id() -> None:
    bench = Bench()
    bench.fire()
    bench.fire(Severity.CRITICAL)
    assert [(told["alert_id"], told["severity"]) for told in bench.told] == [("a1", "warning"), ("a1", "critical")]


def test_what_is_over_is_resolved_once_under_the_same_id() -> None:
    bench = Bench()
    bench.fire()
    bench.now = 160.0
    assert bench.alerts.resolve("line:boiler", "silentSeconds")
    assert not bench.alerts.resolve("line:boiler", "silentSeconds")
    assert [(told["alert_id"], told["state"]) for told in bench.told] == [("a1", "firing"), ("a1", "resolved")]
    assert bench.alerts.standing() == []
    (resolved,) = bench.alerts.resolved()
    assert (resolved.since, resolved.resolved) == (100.0, 160.0)


def test_the_same_fault_later_is_another_alert() -> None:
    bench = Bench()
    bench.fire()
    bench.alerts.resolve("line:boiler", "silentSeconds")
    bench.fire()
    assert [told["alert_id"] for told in bench.told] == ["a1", "a1", "a2"]


def filled(bench: Bench) -> None:
    for number in range(MOST_STANDING):
        bench.alerts.fire(f"tag:{number}", "fight", Severity.WARNING if number else Severity.INFO, "to and fro")
    bench.told.clear()


def test_where_there_is_no_room_nothing_is_told_again_and_again() -> None:
    bench = Bench()
    filled(bench)
    for _ in range(100):
        bench.alerts.fire("tag:another", "fight", Severity.INFO, "to and fro")
    assert bench.told == []
    assert bench.alerts.dropped == 100
    assert len(bench.alerts.standing()) == MOST_STANDING


def test_a_worse_one_takes_the_room_of_the_mildest_and_latest() -> None:
    bench = Bench()
    filled(bench)
    bench.fire(Severity.CRITICAL)
    bench.alerts.fire("store", "durable", Severity.CRITICAL, "full")
    assert [(told["component"], told["state"]) for told in bench.told] == [
        ("tag:0", "resolved"),
        ("line:boiler", "firing"),
        (f"tag:{MOST_STANDING - 1}", "resolved"),
        ("store", "firing"),
    ]
    assert len(bench.alerts.standing()) == MOST_STANDING


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 8), st.sampled_from(Severity)), max_size=60))
def test_every_alert_that_fires_is_resolved_once_or_stands(does: list[tuple[bool, int, Severity]]) -> None:
    bench = Bench()
    for number in range(MOST_STANDING - 4):
        bench.alerts.fire(f"tag:{number}", "fight", Severity.WARNING, "to and fro")
    for fires, number, severity in does:
        if fires:
            bench.alerts.fire(f"line:{number}", "down", severity, "down")
        else:
            bench.alerts.resolve(f"line:{number}", "down")
    firing = {told["alert_id"] for told in bench.told if told["state"] == "firing"}
    resolved = [told["alert_id"] for told in bench.told if told["state"] == "resolved"]
    assert len(resolved) == len(set(resolved))
    assert firing - set(resolved) == {alert.alert_id for alert in bench.alerts.standing()}
    assert len(bench.alerts.standing()) <= MOST_STANDING
