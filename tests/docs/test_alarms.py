"""The examples of docs/alarms.md are what the gateway takes and says."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from gateway.alarms.conditions import ANSWERED, UNREACHABLE
from gateway.alarms.standing import AlarmState
from gateway.core.catalogue import type_of
from gateway.core.reading import Reason
from gateway.settings.alarm_checks import CONDITIONS
from gateway.settings.document import Document
from gateway.settings.load import interpret

MANUAL = (Path(__file__).parents[2] / "docs" / "alarms.md").read_text(encoding="utf-8")
LINE = """
[[line]]
name = "heating"
transport = "rtu"
port = "/dev/serial/by-id/a"
[[line.device]]
name = "boiler"
unit = 1
tag = [{ name = "flow", table = "input", address = 0, type = "int16", scale = 0.1, units = "°C" }]
"""


def example(kind: str) -> str:
    [found] = re.findall(rf"```{kind}\n(.*?)```", MANUAL, re.DOTALL)
    return str(found)


def test_the_alarm_of_the_example_is_taken_as_it_is() -> None:
    settings = interpret(Document("f.toml", LINE + example("toml")))
    assert settings.warnings == ()
    assert [alarm.name for alarm in settings.alarms] == ["boiler-hot"]


def test_the_event_of_the_example_is_one_of_the_catalogue() -> None:
    struct = type_of("alarm:raised").data
    assert struct is not None
    msgspec.json.decode(example("json"), type=struct, strict=True)


def test_every_condition_and_every_state_has_its_row() -> None:
    rows = " ".join(re.findall(r"^\| ([^|]*) \|", MANUAL, re.MULTILINE))
    assert set(CONDITIONS) | set(AlarmState) <= set(re.findall(r"`(\w+)`", rows))


def test_every_reason_says_what_it_means_for_a_device_or_is_known_to_mean_nothing() -> None:
    nothing = {Reason.NOT_YET_READ, Reason.STALE, Reason.LATE_POSSIBLE, Reason.BROKEN_ANSWER}
    nothing |= {Reason.PLUGIN_SAYS, Reason.PLUGIN_STOPPED}
    assert ANSWERED | UNREACHABLE | nothing == set(Reason)
