"""Where the gateway of this board listens. The kernel knows, whatever the configuration says by now."""

from __future__ import annotations

import re
import sys
from ipaddress import IPv4Address
from pathlib import Path

_LISTEN = "0A"
_SOCKET = re.compile(r"socket:\[(\d+)\]")


def listening(process: Path) -> list[tuple[str, int]]:
    """The IPv4 addresses and ports a process listens on, loopback first.

    Args:
        process: its directory in ``/proc``.

    Raises:
        OSError: it is gone, or belongs to another user.
    """
    inodes = set()
    for descriptor in (process / "fd").iterdir():
        try:
            found = _SOCKET.fullmatch(str(descriptor.readlink()))
        except FileNotFoundError:
            # Closed in the meantime.
            continue
        if found:
            inodes.add(found[1])
    places = [place for inode, place in _listeners((process / "net" / "tcp").read_text()) if inode in inodes]
    return sorted(places, key=lambda place: (not place[0].startswith("127."), place))


def _listeners(table: str) -> list[tuple[str, tuple[str, int]]]:
    """Inode and place of every listening socket in ``/proc/PID/net/tcp`` (proc_net_tcp of the kernel's documents)."""
    found = []
    for row in table.splitlines()[1:]:
        words = row.split()
        if words[3] == _LISTEN:
            address, _, port = words[1].partition(":")
            # The kernel prints the four bytes as one number of the machine's own byte order.
            number = int(address, 16).to_bytes(4, sys.byteorder)
            found.append((words[9], (str(IPv4Address(number)), int(port, 16))))
    return found
