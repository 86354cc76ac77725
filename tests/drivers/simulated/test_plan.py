import pytest

from drivers.simulated.faults import DeviceFaults, Spread, Window, WireFaults
from drivers.simulated.plan import PlanError, read_plan

GOOD = """
[[line]]
name = "bus"
transport = "rtu"
port = "tty-bus"
adapter_latency_s = 0.016
faults = { echo = true, unplugged = [{ start = 60, end = 70 }] }

[[line.device]]
name = "meter"
unit = 3
turnaround_s = 0.01
faults = { late = 0.1, late_by = { low = 0.2, high = 0.4 } }
refused = [{ table = "holding", first = 4 }]
identity = { "0" = "Maker" }
point = [
  { name = "flow", table = "holding", address = 2, type = "float32", word_order = "little", value = 1 },
  { name = "level", table = "holding", address = 4, signal = { kind = "ramp", low = 0, high = 9, period_s = 9 } },
  { name = "model", table = "holding", address = 5, type = "string", length = 2, text = "AB" },
  { name = "alarm", table = "discrete", address = 0, type = "bool", value = 1 },
]
"""


def test_a_plan_becomes_devices_wires_and_faults() -> None:
    (line,) = read_plan(GOOD).line
    (device,) = line.build_devices()
    assert (device.unit, device.turnaround_s) == (3, 0.01)
    assert device.answer(bytes.fromhex("03 0002 0002"), 0.0) == bytes.fromhex("03 04 0000 3f80")
    assert device.answer(bytes.fromhex("03 0004 0001"), 0.0) == b"\x83\x02"
    assert device.answer(bytes.fromhex("03 0005 0002"), 0.0) == b"\x03\x04AB\0\0"
    assert device.answer(bytes.fromhex("02 0000 0001"), 0.0) == b"\x02\x01\x01"
    assert line.device_faults == {3: DeviceFaults(late=0.1, late_by=Spread(0.2, 0.4))}
    assert line.faults == WireFaults(echo=True, unplugged=(Window(60.0, 70.0),))
    assert line.build_wire().chunking is not None


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[[line]]", "[[line]", "at line 2"),
        ("late = 0.1", "lat = 0.1", r"unknown field `lat` - at `\$\.line\[0\]\.device\[0\]\.faults`"),
        ("late = 0.1", "late = 1.5", r"<= 1.0 - at .*faults\.late"),
        ("high = 0.4", "hgh = 0.4", r"faults\.late_by"),
        ("start = 60", "begin = 60", r"line\[0\]\.faults\.unplugged"),
        ("period_s = 9", "period_s = 0", r"> 0.0 - at .*signal\.period_s"),
        ('kind = "ramp"', 'kind = "romp"', "romp"),
        ('"float32"', '"float33"', "float33"),
        ('port = "tty-bus"', "", "needs port"),
        ('port = "tty-bus"', 'port = "../tty-bus"', "plain file name"),
        ('transport = "rtu"', 'transport = "tcp"', "line\\[0\\] bus: .*needs tcp_port"),
        ("unit = 3", "unit = 0", "device\\[0\\] meter: unit is 1 to 247"),
        ("unit = 3", "unit = 248", "unit is 1 to 247"),
        ("address = 4, signal", "address = 3, signal", "level and flow share holding address 3"),
        ('value = 1 },\n  { name = "level"', 'text = "x" },\n  { name = "level"', "point\\[0\\] flow: text goes with"),
        ('length = 2, text = "AB"', 'text = "AB"', "length in registers"),
        ('text = "AB"', 'text = "ABCDE"', "more than 2 registers"),
        ('text = "AB"', 'text = "AB", value = 1', "exactly one of value, text and signal"),
        ('table = "discrete", address = 0, type = "bool"', 'table = "discrete", address = 0', "coils and discrete"),
        ("address = 2,", "address = 65535,", "0 to 65535"),
        ("address = 4, signal", "address = 4, scale = 0, signal", "scale cannot be 0"),
        ('"0" = "Maker"', '"first" = "Maker"', "first"),
        ("transport", "baudrate = 1\ntransport", "at least 50"),
    ],
)
def test_what_is_wrong_is_named(old: str, new: str, words: str) -> None:
    assert old in GOOD
    with pytest.raises(PlanError, match=words):
        read_plan(GOOD.replace(old, new, 1))


def test_names_and_units_are_unique() -> None:
    with pytest.raises(PlanError, match="line: two have name = 'bus'"):
        read_plan(GOOD + GOOD)
    device = GOOD[GOOD.index("[[line.device]]") :]
    with pytest.raises(PlanError, match=r"line\[0\] bus: device: two have unit = 3"):
        read_plan(GOOD + device)
