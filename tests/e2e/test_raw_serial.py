"""A scale on a serial port that speaks no protocol."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest

from tests.e2e.cable import Cable
from tests.e2e.programs import until
from tests.e2e.site import Gateway, Site, serial_line

LINE = r"""transport = "serial"
baudrate = 9600

[line.raw]
terminator = "\r\n"

[[line.tag]]
name = "weight"
pattern = '([-+0-9.]+) *kg'
units = "kg"
maximum = 500

[[line.tag]]
name = "stable"
pattern = '^(ST|US)'
type = "string"
"""


@dataclass
class Scale:
    """The far end of the cable."""

    cable: Cable
    port: int

    def says(self, text: str) -> None:
        os.write(self.port, f"{text}\r\n".encode())

    def hears(self, length: int) -> bytes:
        """So many bytes of what was sent to it, at least; waits for them."""
        heard = bytearray()

        def look() -> bool:
            with suppress(BlockingIOError):
                heard.extend(os.read(self.port, 4096))
            return len(heard) >= length

        until(look, f"{length} bytes arrive")
        return bytes(heard)


@pytest.fixture
def scale(cable: Cable) -> Iterator[Scale]:
    port = os.open(cable.far, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    yield Scale(cable, port)
    os.close(port)


@pytest.fixture
def gateway(site: Site, scale: Scale) -> Gateway:
    site.configure(serial_line("scale", scale.cable.near, "", LINE))
    running = site.start()
    until(lambda: running.lines()["scale"]["state"] == "up", "the line is up")
    return running


def test_its_messages_become_readings(gateway: Gateway, scale: Scale) -> None:
    assert gateway.call("serial.read", {"line": "scale"})["text"] is None
    scale.says("ST,GS,+12.5 kg")
    weight = gateway.awaits("scale/weight", quality="good")
    assert weight["value"] == 12.5
    assert gateway.read("scale/stable")["scale/stable"]["value"] == "ST"
    last = gateway.call("serial.read", {"line": "scale"})
    assert last["text"].strip() == "ST,GS,+12.5 kg"
    assert base64.b64decode(last["data"]).startswith(b"ST,GS")
    assert last["timestamp"] == weight["timestamp"]

    scale.says("US,GS,+900.0 kg")
    beyond = gateway.awaits("scale/weight", quality="bad")
    assert (beyond["value"], beyond["reason"], beyond["lastValue"]) == (None, "out_of_range", 12.5)
    scale.says("US,GS,-1.0 kg")
    gateway.awaits("scale/weight", value=-1.0)
    assert gateway.read("scale/stable")["scale/stable"]["value"] == "US"


def test_what_is_sent_reaches_it(gateway: Gateway, scale: Scale) -> None:
    for sent in ({"text": "TARE\r\n"}, {"data": base64.b64encode(b"\x00\xff\x11\x13\x03").decode()}):
        answer = gateway.call("serial.write", {"line": "scale", **sent})
        # Nothing on a raw line says that the device has taken it.
        assert (answer["outcome"], answer["reason"]) == ("unknown", "unacknowledged")
    assert scale.hears(11) == b"TARE\r\n\x00\xff\x11\x13\x03"
    error = gateway.answer("serial.write", {"line": "nobody", "text": "x"})["error"]
    assert error["data"]["provided"] == "nobody"


def test_its_adapter_may_be_pulled_out_and_put_back(gateway: Gateway, scale: Scale) -> None:
    scale.says("ST,+1.0 kg")
    gateway.awaits("scale/weight", value=1.0)
    scale.cable.unplug()
    pulled = gateway.awaits("scale/weight", quality="bad")
    assert (pulled["reason"], pulled["lastValue"]) == ("link_down", 1.0)
    outcome = gateway.call("serial.write", {"line": "scale", "text": "TARE"})
    assert (outcome["outcome"], outcome["reason"]) == ("not_sent", "link_down")
    scale.cable.replug()
    until(lambda: gateway.lines()["scale"]["state"] == "up", "the line is up again")
    scale.says("ST,+2.0 kg")
    assert gateway.awaits("scale/weight", quality="good")["value"] == 2.0
