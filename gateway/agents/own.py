"""The gateway's own services: its lines and the devices on them, with the tags of each (D-086)."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.core.ports import Json
from gateway.core.roster import ServiceRow
from gateway.settings.line_model import DeviceSettings, LineSettings
from gateway.settings.model import Settings

# What each transport lets a caller do, and what it is called.
_CAPABILITY = {
    "rtu": ("modbus-rtu", "Modbus RTU"),
    "rtu-over-tcp": ("modbus-rtu", "Modbus RTU over TCP"),
    "tcp": ("modbus-tcp", "Modbus TCP"),
    "ascii": ("modbus-ascii", "Modbus ASCII"),
    "serial": ("serial-communication", "Serial"),
}
_ON_A_PORT = frozenset({"rtu", "ascii", "serial"})


def own_services(settings: Settings, endpoint: str) -> Sequence[ServiceRow]:
    """The services a configuration makes: one for each line (``line:NAME``) and each device (``device:LINE/NAME``).

    Tags stand in the metadata of the device, or of the serial line, that has them, under the names ``tag.read`` takes:
    a row for each would make every discovery a thousand rows long.

    Args:
        settings: the configuration in force.
        endpoint: where callers reach this gateway: ``https://192.168.1.5:3500``.
    """
    rows = []
    for line in settings.lines:
        rows.append(_line(line, settings, endpoint))
        rows.extend(_device(device, line, settings, endpoint) for device in line.devices)
    return rows


def _line(line: LineSettings, settings: Settings, endpoint: str) -> ServiceRow:
    capability, words = _CAPABILITY[line.transport]
    metadata = _common(line, settings)
    if line.transport in _ON_A_PORT:
        metadata["serialPorts"] = [line.port]
    if line.devices:
        metadata["devices"] = [f"{line.name}/{device.name}" for device in line.devices]
    if line.tags:
        metadata["tags"] = [f"{line.name}/{tag.name}" for tag in line.tags]
    name = line.description or f"{words} line {line.name}"
    return ServiceRow(f"line:{line.name}", name, "protocol-gateway", (capability,), endpoint, metadata)


def _device(device: DeviceSettings, line: LineSettings, settings: Settings, endpoint: str) -> ServiceRow:
    capability, words = _CAPABILITY[line.transport]
    full_name = f"{line.name}/{device.name}"
    metadata = _common(line, settings)
    metadata["unit"] = device.unit
    metadata["tags"] = [f"{full_name}/{tag.name}" for tag in device.tags]
    name = device.description or f"{words} device {full_name}"
    return ServiceRow(f"device:{full_name}", name, "device", (capability,), endpoint, metadata)


def _common(line: LineSettings, settings: Settings) -> dict[str, Json]:
    metadata: dict[str, Json] = {"gateway": settings.gateway.name, "line": line.name}
    if settings.gateway.location:
        metadata["location"] = settings.gateway.location
    return metadata
