"""Clients we did not write, against the devices of ``ferrule simulate``."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from pymodbus.client import ModbusSerialClient, ModbusTcpClient
from pymodbus.framer import FramerType
from pymodbus.pdu.mei_message import ReadDeviceInformationResponse

from tests.e2e.fixtures import Start
from tests.e2e.programs import FERRULE, PATIENCE_S, free_port, needed

DEVICE = """
[[line.device]]
name = "d"
unit = 7
identity = { "0" = "Maker", "1" = "Model", "2" = "1.2" }
refused = [{ table = "holding", first = 4, count = 2 }]
point = [
  { name = "a", table = "holding", address = 0, value = 1234 },
  { name = "b", table = "holding", address = 1, value = 5678 },
  { name = "c", table = "holding", address = 2, value = 0 },
  { name = "volts", table = "input", address = 0, type = "float32", value = 230.5 },
  { name = "relay", table = "coil", address = 0, type = "bool", value = 1 },
  { name = "relay2", table = "coil", address = 1, type = "bool", value = 0 },
  { name = "door", table = "discrete", address = 0, type = "bool", value = 1 },
]
"""


@dataclass
class Simulation:
    """Running simulated devices: where they are, and how to talk with them."""

    transport: str
    place: str

    def mbpoll(self, *options: str, values: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        """Ask once with mbpoll; addresses as on the wire."""
        where = (
            ["-m", "rtu", "-b", "19200", "-P", "none", self.place]
            if self.transport == "rtu"
            else ["-m", "tcp", "-p", self.place, "127.0.0.1"]
        )
        command = [needed("mbpoll"), "-0", "-1", "-q", "-o", "5", "-a", "7", *options, *where, *values]
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)

    def client(self) -> ModbusSerialClient | ModbusTcpClient:
        """A client of pymodbus."""
        if self.transport in {"rtu", "ascii"}:
            framer = FramerType.RTU if self.transport == "rtu" else FramerType.ASCII
            return ModbusSerialClient(self.place, framer=framer, baudrate=19200, timeout=5, retries=0)
        framer = FramerType.SOCKET if self.transport == "tcp" else FramerType.RTU
        return ModbusTcpClient("127.0.0.1", port=int(self.place), framer=framer, timeout=5, retries=0)


@pytest.fixture
def simulation(request: pytest.FixtureRequest, start: Start, tmp_path: Path) -> Simulation:
    transport: str = request.param
    serial = transport in {"rtu", "ascii"}
    port = 0 if serial else free_port()
    place = 'port = "tty"' if serial else f"tcp_port = {port}"
    plan = tmp_path / "devices.toml"
    plan.write_text(f'[[line]]\nname = "l"\ntransport = "{transport}"\n{place}\n{DEVICE}')
    start(FERRULE, "simulate", plan, "--directory", tmp_path / "ports").line("serving")
    return Simulation(transport, str(tmp_path / "ports" / "tty") if serial else str(port))


def values_of(answer: subprocess.CompletedProcess[str]) -> list[str]:
    assert answer.returncode == 0, answer.stderr
    return [line.split("\t", 1)[1].strip() for line in answer.stdout.splitlines() if line.startswith("[")]


@pytest.mark.parametrize("simulation", ["rtu", "tcp"], indirect=True)
def test_mbpoll_reads_and_writes(simulation: Simulation) -> None:
    ask = simulation.mbpoll
    assert values_of(ask("-r", "0", "-c", "2", "-t", "4")) == ["1234", "5678"]
    assert values_of(ask("-r", "0", "-c", "1", "-t", "3:float", "-B")) == ["230.5"]
    assert values_of(ask("-r", "0", "-c", "1", "-t", "1")) == ["1"]
    assert ask("-r", "0", "-t", "4", values=("4321", "8765")).returncode == 0
    assert ask("-r", "0", "-t", "0", values=("0", "1")).returncode == 0
    assert values_of(ask("-r", "0", "-c", "2", "-t", "4")) == ["4321", "8765"]
    assert values_of(ask("-r", "0", "-c", "2", "-t", "0")) == ["0", "1"]
    refused = ask("-r", "4", "-c", "1", "-t", "4")
    assert refused.returncode != 0
    assert "Illegal data address" in refused.stderr


@pytest.mark.parametrize("simulation", ["rtu", "ascii", "tcp", "rtu-over-tcp"], indirect=True)
def test_pymodbus_reads_and_writes(simulation: Simulation) -> None:
    client = simulation.client()
    assert client.connect()
    try:
        assert client.read_holding_registers(0, count=2, device_id=7).registers == [1234, 5678]
        volts = client.read_input_registers(0, count=2, device_id=7).registers
        assert client.convert_from_registers(volts, client.DATATYPE.FLOAT32) == pytest.approx(230.5)
        assert client.read_discrete_inputs(0, count=1, device_id=7).bits[0] is True
        assert not client.write_registers(0, [1, 2], device_id=7).isError()
        assert not client.write_register(2, 3, device_id=7).isError()
        assert not client.write_coils(0, [False, True], device_id=7).isError()
        assert client.read_holding_registers(0, count=3, device_id=7).registers == [1, 2, 3]
        assert client.read_coils(0, count=2, device_id=7).bits[:2] == [False, True]
        assert client.read_holding_registers(4, count=1, device_id=7).exception_code == 2
        identity = client.read_device_information(device_id=7)
        assert isinstance(identity, ReadDeviceInformationResponse)
        assert identity.information == {0: b"Maker", 1: b"Model", 2: b"1.2"}
    finally:
        client.close()  # type: ignore[no-untyped-call]  # pymodbus left it untyped
