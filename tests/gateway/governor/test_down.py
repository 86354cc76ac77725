"""A line that is down is told of with what a technician can do about it."""

from __future__ import annotations

from typing import get_args

import pytest

from drivers.ports.port import Reason
from gateway.core.steering import LineGlance
from gateway.governor.down import advice, why


def down(reason: str | None, *, network: bool) -> LineGlance:
    place = "10.0.0.5:502" if network else "/dev/ttyUSB0"
    return LineGlance("bus", modbus=True, state="down", reason=reason, network=network, place=place)


@pytest.mark.parametrize("reason", [*get_args(Reason), "no_answer", None])
def test_nobody_is_sent_to_an_adapter_that_is_not_there(reason: str | None) -> None:
    network, serial = advice(down(reason, network=True)), advice(down(reason, network=False))
    assert not {"adapter", "baudrate", "parity", "USB"} & set(network.replace(",", "").split())
    assert not {"host", "network", "firewall", "switch"} & set(serial.replace(",", "").split())


def test_a_refused_connection_is_no_matter_of_cables() -> None:
    line = down("refused", network=True)
    assert why(line) == "10.0.0.5:502, refused"
    assert "tcp_port" in advice(line)
    assert "cable" not in advice(line)
    assert "cable" in advice(down("unreachable", network=True))


def test_a_port_that_is_not_there_is_told_with_its_path() -> None:
    line = down("not_found", network=False)
    assert why(line) == "/dev/ttyUSB0, not_found"
    assert "plugged in" in advice(line)


def test_where_nothing_is_known_nothing_is_invented() -> None:
    assert why(LineGlance("bus", modbus=True, state="down")) == "no reason known"
