"""What alarms are about: tags by name or pattern, and what each tag can say."""

from __future__ import annotations

import pytest

from gateway.settings.alarm_tags import AlarmPoint, alarm_points, matching, watchables
from gateway.settings.document import Document
from gateway.settings.load import interpret
from gateway.settings.model import Settings
from gateway.settings.problems import SettingsError

LINES = """
[[line]]
name = "bus"
transport = "rtu"
port = "/dev/serial/by-id/a"
[[line.device]]
name = "meter"
unit = 1
tag = [
  { name = "voltage-l1", table = "input", address = 0, type = "float32", units = "V", maximum = 300 },
  { name = "voltage-l2", table = "input", address = 2, type = "float32", units = "V", maximum = 200 },
  { name = "state", table = "input", address = 4, type = "uint16", bit = 2, width = 3 },
  { name = "on", table = "coil", address = 0 },
  { name = "maker", table = "holding", address = 0, type = "string", length = 4 },
]
[[line.device]]
name = "drive"
unit = 2
tag = [{ name = "on", table = "coil", address = 0 }]
[[line]]
name = "scale"
transport = "serial"
port = "/dev/serial/by-id/b"
[[line.tag]]
name = "weight"
columns = [1, 5]
"""


def read(*alarms: str) -> Settings:
    return interpret(Document("f.toml", LINES + "".join(f"[[alarm]]\n{alarm}\n" for alarm in alarms)))


def points(*alarms: str) -> list[AlarmPoint]:
    return list(alarm_points(read(*alarms)))


def test_a_pattern_makes_one_alarm_for_each_tag_that_fits() -> None:
    found = points('name = "v"\ntag = "bus/meter/voltage-*"\nhigh = 150')
    assert [(one.alarm.name, one.source, one.tags, one.units) for one in found] == [
        ("v", "bus/meter/voltage-l1", ("bus/meter/voltage-l1",), "V"),
        ("v", "bus/meter/voltage-l2", ("bus/meter/voltage-l2",), "V"),
    ]
    assert [one.source for one in points('name = "n"\ntag = "*/*/on"\nnot_good = true')] == [
        "bus/meter/on",
        "bus/drive/on",
    ]
    assert [one.source for one in points('name = "n"\ntag = "scale/*"\nstale = "1m"')] == ["scale/weight"]


def test_a_pattern_leaves_out_tags_its_condition_means_nothing_for() -> None:
    found = points('name = "h"\ntag = "bus/*/*"\nhigh = 5')
    assert [one.source for one in found] == ["bus/meter/voltage-l1", "bus/meter/voltage-l2", "bus/meter/state"]
    assert [one.source for one in points('name = "e"\ntag = "bus/*/*"\nequals = false')] == [
        "bus/meter/on",
        "bus/drive/on",
    ]
    assert [one.source for one in points('name = "e"\ntag = "bus/*/*"\nequals = 5')] == ["bus/meter/state"]


def test_a_star_never_reaches_over_a_slash() -> None:
    tags = watchables(read().lines)
    assert matching("bus/*", tags) == []
    assert [one.name for one in matching("*/weight", tags)] == ["scale/weight"]
    assert [one.name for one in matching("bus/*e*/on", tags)] == ["bus/meter/on", "bus/drive/on"]
    assert matching("bus/mete./on", tags) == []


def test_a_device_is_watched_by_all_its_tags() -> None:
    [found] = points('name = "d"\ndevice_down = "bus/drive"')
    assert (found.source, found.tags, found.units) == ("bus/drive", ("bus/drive/on",), None)


def test_what_is_switched_off_is_not_there() -> None:
    assert points('name = "d"\ndevice_down = "bus/drive"\nenabled = false') == []


def test_what_one_tag_of_a_pattern_cannot_reach_is_only_warned_of() -> None:
    settings = read('name = "v"\ntag = "bus/meter/voltage-*"\nhigh = 250')
    assert [str(one) for one in settings.warnings] == [
        "f.toml:30:8: warning: high: bus/meter/voltage-l2 is never above 250: its greatest value is 200. Lower it"
    ]


def test_a_tag_that_was_left_out_for_a_mistake_of_its_own_is_not_called_unknown() -> None:
    text = LINES.replace('"float32", units = "V", maximum = 300', '"float23"')
    with pytest.raises(SettingsError) as refusal:
        interpret(Document("f.toml", f'{text}[[alarm]]\nname = "v"\ntag = "bus/meter/voltage-l1"\nhigh = 5\n'))
    [problem] = refusal.value.problems
    assert problem.message.startswith("type: ")


def test_a_bit_field_reaches_what_its_bits_can_hold() -> None:
    assert points('name = "s"\ntag = "bus/meter/state"\nequals = 7')
    with pytest.raises(SettingsError) as refusal:
        points('name = "s"\ntag = "bus/meter/state"\nequals = 8')
    assert "is 0 to 7, never 8" in str(refusal.value)


def test_what_a_plugin_makes_can_be_named_though_the_configuration_does_not_have_it() -> None:
    [found] = points('name = "p"\ntag = "plugin/heat/power"\nhigh = 5')
    assert (found.source, found.tags, found.units) == ("plugin/heat/power", ("plugin/heat/power",), None)
    with pytest.raises(SettingsError):
        points('name = "p"\ntag = "plugin/heat/*"\nhigh = 5')
    line = (
        '[[line]]\nname = "plugin"\ntransport = "serial"\nport = "/dev/x"\n[[line.tag]]\nname = "w"\ncolumns = [1, 5]\n'
    )
    with pytest.raises(SettingsError):
        interpret(Document("f.toml", f'{line}[[alarm]]\nname = "p"\ntag = "plugin/heat/power"\nhigh = 5\n'))
