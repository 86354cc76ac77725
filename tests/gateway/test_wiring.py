"""Agents and governors put together: what of the settings and the store reaches them."""

from __future__ import annotations

from itertools import count

import pytest
import structlog

from gateway.core.alerts import Alerts, Severity
from gateway.core.reading import Quality, Reading, Reason
from gateway.governor.actions import Mode
from gateway.governor.level import LevelName
from gateway.memory import resident
from gateway.settings.line_model import DeviceSettings, LineSettings, TagSettings
from gateway.settings.model import GovernorSettings, Settings
from gateway.wiring import learned, log_alert, mode_of, store_alert


def test_a_level_acts_as_its_own_word_or_that_for_all_says() -> None:
    settings = GovernorSettings(mode="advise", management="govern")
    assert {level: mode_of(settings, level) for level in LevelName} == {
        LevelName.OPERATIONAL: Mode.ADVISE,
        LevelName.COORDINATION: Mode.ADVISE,
        LevelName.MANAGEMENT: Mode.GOVERN,
        LevelName.INTELLIGENCE: Mode.ADVISE,
        LevelName.META: Mode.ADVISE,
    }


def test_good_numbers_of_tags_that_are_to_be_learned_are() -> None:
    tags = tuple(
        TagSettings(name=name, table="holding", address=0, type="uint16", units="kW", baseline=name != "unwanted")
        for name in ("power", "unwanted", "bad", "text", "on", "gone")
    )
    line = LineSettings(
        name="bus", transport="rtu", port="/dev/ttyUSB0", devices=(DeviceSettings(name="meter", unit=1, tags=tags),)
    )
    readings = {
        "bus/meter/power": Reading("bus/meter/power", 42, Quality.GOOD, None, None, 42),
        "bus/meter/unwanted": Reading("bus/meter/unwanted", 1, Quality.GOOD, None, None, 1),
        "bus/meter/bad": Reading("bus/meter/bad", None, Quality.BAD, Reason.NO_ANSWER, None, 3),
        "bus/meter/text": Reading("bus/meter/text", "x", Quality.GOOD, None, None, "x"),
        "bus/meter/on": Reading("bus/meter/on", True, Quality.GOOD, None, None, True),
    }
    found = list(learned(Settings(lines=(line,)), readings.get))
    assert [(value.name, value.value, value.units) for value in found] == [("bus/meter/power", 42.0, "kW")]


def test_the_memory_of_this_process_is_known() -> None:
    assert (resident() or 0) > 1_000_000


@pytest.fixture
def alerts() -> Alerts:
    numbers = count(1)
    return Alerts(lambda: 0.0, lambda _, __: None, lambda: f"a{next(numbers)}")


def test_what_the_store_raises_it_ends(alerts: Alerts) -> None:
    full = {"state": "firing", "reason": "full", "file": "history.db", "error": "no space"}
    store_alert(alerts, "storage", "critical", "the disk is full", full)
    store_alert(alerts, "write_budget", "warning", "much is written", {"state": "firing", "level": 1})
    store_alert(alerts, "storage", "warning", "the history is full", {"state": "firing", "limit": 5})
    assert [(alert.component, alert.metric) for alert in alerts.standing()] == [
        ("storage", "history.db"),
        ("write_budget", "write_budget"),
        ("storage", "size"),
    ]
    assert alerts.standing()[0].value == {"reason": "full", "file": "history.db", "error": "no space"}
    over = {"state": "resolved", "reason": "io", "file": "history.db"}
    store_alert(alerts, "storage", "info", "the disk takes data again", over)
    store_alert(alerts, "storage", "info", "within its limit", {"state": "resolved", "limit": 5})
    assert [alert.component for alert in alerts.standing()] == ["write_budget"]


def test_a_damaged_file_stays_one_when_its_disk_is_well_again(alerts: Alerts) -> None:
    damaged = {"state": "firing", "reason": "corrupt", "file": "ferrule.db"}
    store_alert(alerts, "storage", "critical", "it was damaged", damaged)
    store_alert(alerts, "storage", "info", "again", {"state": "resolved", "reason": "full", "file": "ferrule.db"})
    assert [alert.metric for alert in alerts.standing()] == ["ferrule.db damaged"]


def test_an_alert_is_logged_when_it_begins_and_when_it_ends() -> None:
    numbers = count(1)
    alerts = Alerts(lambda: 0.0, lambda _, data: log_alert(data), lambda: f"a{next(numbers)}")
    with structlog.testing.capture_logs() as logs:
        store_alert(alerts, "storage", "critical", "the disk is full", {"state": "firing", "file": "ferrule.db"})
        store_alert(alerts, "storage", "critical", "the disk is full", {"state": "firing", "file": "ferrule.db"})
        alerts.fire("line:bus", "silent", Severity.WARNING, "nobody answers", value=40, threshold=30)
        store_alert(alerts, "storage", "info", "it takes data again", {"state": "resolved", "file": "ferrule.db"})
    assert [(line["log_level"], line["event"], line["component"], line["state"]) for line in logs] == [
        ("critical", "the disk is full", "storage", "firing"),
        ("warning", "nobody answers", "line:bus", "firing"),
        ("info", "resolved: it takes data again", "storage", "resolved"),
    ]
    assert logs[0]["file"] == "ferrule.db"
    assert (logs[1]["value"], logs[1]["threshold"]) == (40, 30)
