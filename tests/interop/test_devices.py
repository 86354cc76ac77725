"""Devices we did not write, polled and written by the real gateway."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.cable import Cable
from tests.e2e.fixtures import Start
from tests.e2e.programs import Program, free_port, until
from tests.e2e.site import Answer, Gateway, Site, device, serial_line, tcp_line

PYMODBUS = Path(__file__).parent / "servers" / "pymodbus_server.py"

TAGS = (
    'name = "count", table = "holding", address = 0, type = "uint16"',
    'name = "signed", table = "holding", address = 1, type = "int16"',
    'name = "voltage", table = "holding", address = 2, type = "float32"',
    'name = "energy", table = "holding", address = 4, type = "uint32", word_order = "little"',
    'name = "setpoint", table = "holding", address = 6, type = "uint16", writable = true',
    'name = "target", table = "holding", address = 8, type = "float32", writable = true, readback = true',
    'name = "beyond", table = "holding", address = 16, type = "uint16"',
    'name = "outside", table = "input", address = 0, type = "float32"',
    'name = "counter", table = "input", address = 2, type = "uint16"',
    'name = "pump", table = "coil", address = 3, type = "bool", writable = true',
    'name = "valve", table = "coil", address = 4, type = "bool", writable = true',
    'name = "door", table = "discrete", address = 2, type = "bool"',
)
VALUES = {
    "count": 1234,
    "signed": -123,
    "voltage": 230.5,
    "energy": 65538,
    "setpoint": 0,
    "target": 0.0,
    "beyond": 99,
    "outside": -40.25,
    "counter": 777,
    "pump": True,
    "valve": False,
    "door": True,
}


@dataclass
class Plant:
    """A foreign device on a line of a running gateway."""

    gateway: Gateway
    launch: Callable[[], Program]
    server: Program

    def values(self) -> dict[str, object]:
        readings = self.gateway.everything()
        return {tag.removeprefix("l/d/"): reading["value"] for tag, reading in readings.items()}

    def registers(self, address: int, count: int) -> Answer:
        """Ask for registers until the answer belongs to the question for certain, and there is one."""
        asks = {"line": "l", "unit": 1, "table": "holding", "address": address, "count": count}

        def ask() -> Answer | None:
            answer = self.gateway.call("modbus.read", asks)
            return None if answer.get("reason") in {"late_possible", "no_answer"} else answer

        return until(ask, f"register {address} is answered")


@pytest.fixture(
    params=[
        "pymodbus tcp",
        "pymodbus rtu-over-tcp",
        "pymodbus rtu",
        "pymodbus ascii",
        "libmodbus tcp",
        "libmodbus rtu",
    ]
)
def plant(request: pytest.FixtureRequest, site: Site, start: Start, cable: Cable) -> Plant:
    maker, transport = request.param.split()
    program: tuple[str | Path, ...] = (sys.executable, PYMODBUS)
    if maker == "libmodbus":
        program = (request.getfixturevalue("libmodbus_server"),)
    devices = device("d", 1, TAGS, 'poll = "100ms"')
    if transport in {"rtu", "ascii"}:
        place: str | Path = cable.far
        site.configure(serial_line("l", cable.near, devices, f'transport = "{transport}"\nstopbits = 2'))
    else:
        port = free_port()
        place = str(port)
        site.configure(tcp_line("l", port, devices).replace('"tcp"', f'"{transport}"'))

    def launch() -> Program:
        server = start(*program, transport, place)
        server.line("serving")
        return server

    server = launch()
    return Plant(site.start(), launch, server)


def test_its_values_are_read_and_written_and_its_death_is_noticed(plant: Plant) -> None:
    gateway = plant.gateway
    for name, value in VALUES.items():
        gateway.awaits(f"l/d/{name}", quality="good", value=value)
    until(lambda: plant.values() == VALUES, "all values are there at once")

    asked = 0
    for name, value in (("setpoint", 4321), ("target", -17.75), ("valve", True), ("pump", False)):
        asked += gateway.writes(f"l/d/{name}", value)
        gateway.awaits(f"l/d/{name}", value=value)
    assert plant.registers(6, 4)["values"] == [4321, 0, 0xC18E, 0x0000]
    refused = plant.registers(12, 1)
    assert (refused["values"], refused["reason"]) == (None, "illegal_address")
    wrote = [line for line in plant.server.stdout.splitlines() if line.startswith("write")]
    # Nothing is written twice but what was asked for twice.
    assert len(wrote) <= asked
    assert list(dict.fromkeys(wrote)) == ["write 6 6 4321", "write 16 8 49550,0", "write 5 4 1", "write 5 3 0"]

    before = gateway.read("l/d/count")["l/d/count"]
    plant.server.kill()
    dead = gateway.awaits("l/d/count", quality="bad")
    assert dead["value"] is None
    assert dead["reason"] in {"no_answer", "link_down"}
    assert dead["lastValue"] == before["value"]
    assert dead["timestamp"] >= before["timestamp"]

    plant.launch()
    again = gateway.awaits("l/d/count", quality="good")
    assert again["value"] == 1234
    assert again["sequence"] > dead["sequence"]
