"""What is wrong with a devices file is said with its place and its cure, as for a configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.simulated.plan import read_plan
from gateway.field.plan_problems import refused

LINE = '[[line]]\nname = "a"\ntransport = "rtu"\nport = "p"\n'
DEVICE = LINE + '[[line.device]]\nname = "d"\nunit = 1\n'
POINT = DEVICE + '[[line.device.point]]\nname = "q"\ntable = "holding"\naddress = 1\n'

MISTAKES = [
    ("", '1:1: error: the file has no "line". Add line; config/demo-devices.toml shows how'),
    ("line = 3", "1:8: error: line: must be a list of tables, not 3"),
    ("line = [", "1:9: error: not valid TOML: invalid value. Put text in quotes"),
    (LINE, '1:3: error: [[line]] has no "device". Add device'),
    (LINE.replace("name", "nme"), '2:1: error: unknown key "nme" in [[line]]. Did you mean "name"?'),
    (
        LINE.replace("rtu", "rtv"),
        '3:13: error: transport: must be one of "ascii", "rtu", "rtu-over-tcp", "tcp", not "rtv"',
    ),
    (LINE.replace('"a"', "3"), '2:8: error: name: must be text, not 3. Write it in quotes: "3"'),
    (LINE + "bytesize = 9", "5:12: error: bytesize: must be one of 7, 8, not 9"),
    (LINE + "device = [3]", "5:11: error: device: must be a table, not 3"),
    (DEVICE.replace("= 1", "= 999"), "7:8: error: line a, device d: unit is 1 to 247 on a serial line"),
    (DEVICE + DEVICE.removeprefix(LINE), "1:3: error: line a: device: two have unit = 1. Rename or remove one"),
    (DEVICE + DEVICE, "1:1: error: line: two have name = 'a'. Rename or remove one"),
    (DEVICE + 'max_registers = "20"', '8:17: error: max_registers: must be a whole number, not "20". Write it without'),
    (DEVICE + "faults = { busy = 2 }", "8:19: error: busy: must be at most 1, not 2"),
    (
        DEVICE + "faults = { bussy = 1 }",
        '8:12: error: unknown key "bussy" in [line.device.faults]. Did you mean "busy"?',
    ),
    (DEVICE + 'identity = { a = "x" }', "8:12: error: line a, device d: identity: its keys are numbers of objects."),
    (DEVICE + "identity = { 1 = 1 }", "8:12: error: identity: every value in it must be text"),
    (POINT, "8:15: error: line a, device d, point q: give exactly one of value, text and signal"),
    (POINT + 'signal = { kind = "sin" }', '12:19: error: kind: must be one of "sine", "ramp", "counter"'),
    (POINT + "signal = { mean = 1 }", '12:10: error: [line.device.point.signal] has no "kind". Add kind'),
    (
        POINT + 'signal = { kind = "ramp", lo = 1 }',
        'unknown key "lo" in [line.device.point.signal]. Did you mean "low"?',
    ),
    (POINT + "signal = 3", "12:10: error: signal: must be a table, not 3"),
    (POINT + "value = true", "12:9: error: value: must be a number, not true"),
    (LINE.replace("[[line]]", "[[lne]]"), '1:3: error: [[line]] has no "device". Add device'),
    (LINE.replace("[[line]]", "[[lne]]").replace('"a"', "3"), "2:8: error: name: must be text, not 3. Write it in"),
]


@pytest.mark.parametrize(("text", "words"), MISTAKES)
def test_every_mistake_has_place_reason_and_cure(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "devices.toml"
    file.write_text(text)
    said = "it was read"
    try:
        read_plan(text)
    except ValueError as error:
        said = str(refused(file, error))
    assert said.startswith(f"{file}:")
    assert words in said
    assert "`" not in said


SEVERAL = """\
[[line]]
name = "a"
transport = "rtv"
port = "p"
baudrate = "9600"
extra = 1

[[line.device]]
name = "d"
unit = 1
faults = { bussy = 1, busy = 2 }
point = [
  { name = "q", table = "holding", address = 1, signal = { kind = "sin" } },
  { name = "r", table = "holding", value = 1 },
  { name = "s", table = "holding", address = 2, type = "bool", value = 1 },
]

[[line.device]]
name = "e"
unit = 1
turnaround = 3

[[line]]
name = "b"
transport = "tcp"
device = [{ name = "f", unit = 400 }, 3]
"""


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "devices.toml"
    file.write_text(SEVERAL)
    with pytest.raises(ValueError, match="rtv") as first:
        read_plan(SEVERAL)

    told = str(refused(file, first.value)).splitlines()

    places = [row.removeprefix(f"{file}:").split(" ", 1)[0] for row in told]
    assert places == [
        "3:13:",
        "5:12:",
        "6:1:",
        "11:12:",
        "11:30:",
        "13:67:",
        "14:3:",
        "15:56:",
        "21:1:",
        "26:32:",
        "26:39:",
    ]
    assert "two have unit" not in str(told), "what was mended is not judged"


def test_what_is_written_wrong_is_not_missed_as_well(tmp_path: Path) -> None:
    text = LINE.replace("name", "nme") + "device = []\n"
    file = tmp_path / "devices.toml"
    file.write_text(text)
    with pytest.raises(ValueError, match="nme") as first:
        read_plan(text)
    assert [problem.line for problem in refused(file, first.value).problems] == [2]
