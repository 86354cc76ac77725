from __future__ import annotations

from itertools import count

import pytest

from gateway.core import alerts
from gateway.core.alerts import Alerts, Severity


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


@pytest.mark.parametrize("extra", [1, 7])
def test_more_than_can_be_kept_is_told_and_counted(extra: int) -> None:
    bench = Bench()
    for number in range(alerts.MOST_STANDING + extra):
        bench.alerts.fire(f"device:{number}", "silent", Severity.INFO, "gone")
    assert len(bench.alerts.standing()) == alerts.MOST_STANDING
    assert bench.alerts.dropped == extra
    assert len(bench.told) == alerts.MOST_STANDING + extra
