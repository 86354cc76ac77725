"""A demonstration polls its own simulation, wherever the state directory is."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.field.simulated_ports import plugged_into, simulated_ports
from gateway.settings.load import load
from gateway.settings.problems import SettingsError

CONFIG = Path(__file__).parents[3] / "config"


def test_the_simulated_serial_lines_are_where_the_simulator_puts_them(tmp_path: Path) -> None:
    ports = simulated_ports(CONFIG / "demo-devices.toml", tmp_path)
    assert ports == {"rs485": str(tmp_path / "tty-rs485")}

    written = load(CONFIG / "demo.toml")
    lines = {line.name: line for line in plugged_into(ports, written).lines}
    assert lines["rs485"].port == str(tmp_path / "tty-rs485")
    [network] = [line for line in written.lines if line.port is None]
    assert lines[network.name] == network


def test_a_line_that_is_not_simulated_keeps_its_port() -> None:
    written = load(CONFIG / "demo.toml")
    assert plugged_into({"another": "/dev/null"}, written) == written


def test_a_devices_file_with_a_mistake_is_told_of_with_its_place(tmp_path: Path) -> None:
    wrong = tmp_path / "devices.toml"
    wrong.write_text('[[line]]\nname = "a"\ntransprot = "rtu"\n')
    with pytest.raises(SettingsError, match=r"devices\.toml:3"):
        simulated_ports(wrong, tmp_path)
    with pytest.raises(SettingsError, match="absent"):
        simulated_ports(tmp_path / "absent.toml", tmp_path)
