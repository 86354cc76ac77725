"""Where a board in the tests is put: a device on its network, and what its technician writes on the card for it."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# What a technician has: a device on the network, which for an emulated board is this machine.
HOST_SEEN_FROM_BOARD = "10.0.2.2"
CONFIG = """\
[server]
bind = "private"

[[line]]
name = "hall"
transport = "tcp"
host = "{host}"
tcp_port = {port}

[[line.device]]
name = "plc"
unit = 1

[[line.device.tag]]
name = "temp"
table = "holding"
address = 0
type = "uint16"
poll = "500ms"
"""
DEVICES = """\
[[line]]
name = "hall"
transport = "tcp"
tcp_port = {port}

[[line.device]]
name = "plc"
unit = 1
point = [{{ name = "temp", table = "holding", address = 0, type = "uint16", value = 4711 }}]
"""


def free_port() -> int:
    """A TCP port of this machine that nobody has."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port


@contextmanager
def simulating(place: Path, devices: str) -> Iterator[None]:
    """Devices on this machine, until the block ends.

    Args:
        place: a directory for them.
        devices: what ``ferrule simulate`` reads.
    """
    (place / "devices.toml").write_text(devices)
    ferrule = Path(sys.executable).with_name("ferrule")
    running = subprocess.Popen([ferrule, "simulate", place / "devices.toml"], cwd=place)
    try:
        yield
    finally:
        running.terminate()
        running.wait()
