"""A USB adapter that is pulled out and put back, with a device of libmodbus behind it."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.cable import Cable
from tests.e2e.fixtures import Start
from tests.e2e.programs import until
from tests.e2e.site import Site, device, serial_line

TAG = 'name = "count", table = "holding", address = 0, type = "uint16", poll = "100ms"'
SETPOINT = 'name = "setpoint", table = "holding", address = 6, type = "uint16", writable = true'


def test_an_adapter_may_be_pulled_out_and_put_back(
    site: Site, start: Start, cable: Cable, libmodbus_server: Path
) -> None:
    start(libmodbus_server, "rtu", cable.far).line("serving")
    site.configure(serial_line("bus", cable.near, device("d", 1, [TAG, SETPOINT])))
    gateway = site.start()
    first = gateway.awaits("bus/d/count", quality="good")

    cable.unplug()
    pulled = gateway.awaits("bus/d/count", quality="bad")
    assert (pulled["value"], pulled["reason"], pulled["lastValue"]) == (None, "link_down", 1234)
    line = until(lambda: found if (found := gateway.lines()["bus"])["state"] == "down" else None, "the line is down")
    assert "usb-near-port0" in line["message"]
    assert gateway.call("server.health")["status"] == "unhealthy"
    outcome = gateway.write("bus/d/setpoint", 5)
    assert (outcome["outcome"], outcome["reason"]) == ("not_sent", "link_down")

    cable.replug()
    again = gateway.awaits("bus/d/count", quality="good")
    assert again["value"] == 1234
    assert again["timestamp"] > first["timestamp"]
    gateway.writes("bus/d/setpoint", 6)
    assert gateway.call("server.health")["status"] == "healthy"
