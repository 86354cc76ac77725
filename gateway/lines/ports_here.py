"""Serial ports of this board, by the names that survive a reboot."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from serial.tools import list_ports

from gateway.core.ports import Json

BY_ID = Path("/dev/serial/by-id")
BY_PATH = Path("/dev/serial/by-path")


def serial_ports_here(owners: Mapping[str | None, str]) -> list[dict[str, Json]]:
    """The board's serial ports, and which line owns which.

    Args:
        owners: configured port path -> line.
    """
    by_device = {_behind(path): line for path, line in owners.items() if path is not None}
    stable = {**_links(BY_PATH), **_links(BY_ID)}
    rows: list[dict[str, Json]] = []
    for port in sorted(list_ports.comports()):
        device = _behind(port.device)
        rows.append(
            {
                "device": port.device,
                "stableName": stable.get(device),
                "description": port.description if port.description != "n/a" else None,
                "manufacturer": port.manufacturer,
                "serialNumber": port.serial_number,
                "line": by_device.pop(device, None),
            }
        )
    # Ports that the system does not list but the configuration names: pseudo-terminals, or unplugged adapters.
    rows.extend(
        {
            "device": device,
            "stableName": None,
            "description": None if Path(device).exists() else "not there",
            "manufacturer": None,
            "serialNumber": None,
            "line": line,
        }
        for device, line in by_device.items()
    )
    return rows


def _behind(path: str) -> str:
    """What a path leads to; the path itself where that leads nowhere."""
    try:
        return str(Path(path).resolve())
    except (OSError, RuntimeError):
        return path


def _links(directory: Path) -> dict[str, str]:
    if not directory.is_dir():
        return {}
    return {_behind(str(link)): str(link) for link in sorted(directory.iterdir())}
