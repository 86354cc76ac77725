"""``line.list`` and ``device.list``: the state of the field, with counters by cause."""

from __future__ import annotations

from gateway.api.dispatch import Method, method
from gateway.api.params import Name, NoParams, ParamsModel
from gateway.core.ports import DeviceAccess


class DeviceList(ParamsModel, frozen=True):
    """Parameters of ``device.list``: of one line, or of all."""

    line: Name | None = None


def line_methods(devices: DeviceAccess) -> dict[str, Method]:
    """The namespaces ``line`` and ``device``."""

    async def list_lines(_: NoParams) -> object:
        lines = devices.lines()
        return {"lines": lines, "total": len(lines)}

    async def list_devices(params: DeviceList) -> object:
        found = devices.devices(params.line)
        return {"devices": found, "total": len(found)}

    return {
        "line.list": method(NoParams, list_lines, scope="devices:read"),
        "device.list": method(DeviceList, list_devices, scope="devices:read"),
    }
