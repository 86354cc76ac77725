"""The gateway's lines and devices are services like any other."""

from __future__ import annotations

from pathlib import Path

from gateway.agents.own import own_services
from gateway.settings.load import load

ENDPOINT = "https://192.168.1.5:3500"
CONFIG = """
[gateway]
name = "hall-1"
location = "factory-floor-a"
[[line]]
name = "bus"
transport = "rtu"
port = "/dev/ttyUSB0"
[[line.device]]
name = "meter"
unit = 7
description = "Meter of the hall"
[[line.device.tag]]
name = "voltage"
table = "input"
address = 0
type = "uint16"
[[line.device.tag]]
name = "power"
table = "input"
address = 1
type = "uint16"
[[line]]
name = "plant"
transport = "tcp"
host = "192.168.1.20"
[[line]]
name = "scale"
transport = "serial"
port = "/dev/ttyUSB1"
[line.raw]
mode = "terminator"
terminator = "\\n"
[[line.tag]]
name = "weight"
pattern = "([0-9]+)"
"""


def test_lines_and_devices_are_services(tmp_path: Path) -> None:
    path = tmp_path / "ferrule.toml"
    path.write_text(CONFIG, encoding="utf-8")
    rows = {row.service_id: row for row in own_services(load(path), ENDPOINT)}
    assert list(rows) == ["line:bus", "device:bus/meter", "line:plant", "line:scale"]
    assert {row.endpoint for row in rows.values()} == {ENDPOINT}
    assert {row.metadata["location"] for row in rows.values()} == {"factory-floor-a"}
    assert {(row.owner, row.expires) for row in rows.values()} == {(None, None)}
    bus, meter, plant, scale = rows.values()
    assert (bus.type, bus.capabilities, bus.name) == ("protocol-gateway", ("modbus-rtu",), "Modbus RTU line bus")
    assert bus.metadata["serialPorts"] == ["/dev/ttyUSB0"]
    assert bus.metadata["devices"] == ["bus/meter"]
    assert (meter.type, meter.capabilities, meter.name) == ("device", ("modbus-rtu",), "Meter of the hall")
    assert (meter.metadata["line"], meter.metadata["unit"]) == ("bus", 7)
    assert meter.metadata["tags"] == ["bus/meter/voltage", "bus/meter/power"]
    assert plant.capabilities == ("modbus-tcp",)
    assert "serialPorts" not in plant.metadata
    assert scale.capabilities == ("serial-communication",)
    assert scale.metadata["tags"] == ["scale/weight"]


def test_without_a_location_none_is_made_up(tmp_path: Path) -> None:
    path = tmp_path / "ferrule.toml"
    path.write_text(CONFIG.replace('location = "factory-floor-a"', ""), encoding="utf-8")
    assert all("location" not in row.metadata for row in own_services(load(path), ENDPOINT))
