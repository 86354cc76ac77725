"""Trying a configuration on the wire."""

from __future__ import annotations

from dataclasses import replace

import trio
from trio.testing import MockClock

from drivers.ports.port import LinkDown, Port
from drivers.simulated.device import SimulatedDevice
from drivers.simulated.faults import DeviceFaults
from drivers.simulated.memory_port import MemoryLine
from drivers.simulated.wire import SerialWire
from gateway.field.check_bus import Tried, try_line
from gateway.field.scan_site import PortSite
from gateway.settings.line_model import DeviceSettings, LineSettings, TagSettings


def tag(name: str, address: int, **more: object) -> TagSettings:
    return replace(TagSettings(name=name, table="holding", address=address, type="uint16"), **more)  # type: ignore[arg-type]  # test data


def plant(*devices: DeviceSettings) -> LineSettings:
    return LineSettings(name="bus", transport="rtu", port="/dev/x", stopbits=2, devices=devices)


async def tried(
    line: LineSettings, simulated: list[SimulatedDevice], faults: dict[int, DeviceFaults] | None = None
) -> dict[str, Tried]:
    memory = MemoryLine(simulated, SerialWire(line.baudrate, stopbits=2), faults)

    async def open_port(_: LineSettings) -> Port:
        return await memory.open()

    found: list[Tried] = []
    await try_line(PortSite([line], open_port), line, found.append)
    return {one.tag.name if one.tag else one.device: one for one in found}


async def test_each_tag_has_its_value_or_its_own_reason(autojump_clock: MockClock) -> None:
    device = DeviceSettings(
        name="meter",
        unit=3,
        tags=(
            tag("volts", 0, scale=0.1),
            tag("flag", 1, type="bool", table="coil"),
            tag("missing", 90),
            tag("none", 2, type="int16", sentinels=(-0x8000,)),
            tag("range", 0, maximum=5.0),
        ),
    )

    found = await tried(plant(device), [SimulatedDevice(3, holding={0: 2300, 2: 0x8000}, coil={1: 1})])

    assert (found["volts"].value, found["volts"].sound) == (230.0, True)
    assert found["flag"].value is True
    assert found["missing"].words.endswith("check table and address; exception 2")
    assert "no value" in found["none"].words
    assert "outside the plausible range" in found["range"].words
    assert found["none"].raw == b"\x80\x00"


async def test_a_silent_device_costs_two_time_outs_whatever_its_tags(autojump_clock: MockClock) -> None:
    silent = DeviceSettings(name="silent", unit=9, tags=tuple(tag(f"t{n}", n) for n in range(50)))
    there = DeviceSettings(name="there", unit=3, tags=(tag("a", 0),))
    started = trio.current_time()

    found = await tried(plant(silent, there), [SimulatedDevice(3, holding={0: 7})])

    assert trio.current_time() - started < 2.5
    assert len(found) == 51
    assert all("no answer in time" in found[f"t{n}"].words for n in range(50))
    assert found["a"].value == 7


async def test_damage_is_told_as_damage_for_each_tag(autojump_clock: MockClock) -> None:
    device = DeviceSettings(name="bad", unit=3, tags=(tag("a", 0), tag("b", 1)))

    found = await tried(plant(device), [SimulatedDevice(3, holding={0: 7, 1: 8})], {3: DeviceFaults(corrupt=1.0)})

    assert all("wiring" in found[name].words for name in "ab")
    assert found["a"].attempts == 2


async def test_a_device_without_tags_is_asked_whether_it_is_there(autojump_clock: MockClock) -> None:
    devices = [DeviceSettings(name="here", unit=3), DeviceSettings(name="gone", unit=4)]

    found = await tried(plant(*devices), [SimulatedDevice(3)])

    assert found["here"].sound
    assert not found["gone"].sound


async def test_a_port_that_cannot_be_had_is_told_once(autojump_clock: MockClock) -> None:
    async def open_port(_: LineSettings) -> Port:
        raise LinkDown("not_found", "/dev/x is not there")

    found: list[Tried] = []
    line = plant(DeviceSettings(name="meter", unit=3, tags=(tag("a", 0),)))
    await try_line(PortSite([line], open_port), line, found.append)

    assert [(one.device, one.words) for one in found] == [("", "/dev/x is not there")]
