"""Two pseudo-terminals with a wire between them: a serial port for each of two programs that know nothing of it."""

from __future__ import annotations

import os
import select
import threading
import tty
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class _End:
    master: int
    slave: int

    def close(self) -> None:
        # The slave is held so that the master can be read while no program has the port open.
        os.close(self.slave)
        os.close(self.master)


def _plug(link: Path) -> _End:
    master, slave = os.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    fresh = link.with_name(link.name + ".new")
    fresh.symlink_to(os.ttyname(slave))
    fresh.replace(link)
    return _End(master, slave)


class Cable:
    """A serial cable.

    Attributes:
        near: the port of the gateway, a symbolic link as below /dev/serial/by-id.
        far: the port of the device.
        carried: bytes that reached the far end.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.near, self.far = directory / "usb-near-port0", directory / "usb-far-port0"
        self.carried = bytearray()
        self._lock = threading.Lock()
        self._ends = {self.near: _plug(self.near), self.far: _plug(self.far)}
        self._wake, self._bell = os.pipe()
        self._over = False
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def _carry(self) -> None:
        while not self._over:
            with self._lock:
                ways = {end.master: self._other(link) for link, end in self._ends.items()}
            readable, _, _ = select.select([self._wake, *ways], [], [], 1.0)
            if self._wake in readable:
                os.read(self._wake, 64)
                continue
            with self._lock:
                still = {end.master for end in self._ends.values()}
                for source in readable:
                    if source in still:
                        self._pass(source, ways[source])

    def _other(self, link: Path) -> _End | None:
        return self._ends.get(self.far if link == self.near else self.near)

    def _pass(self, source: int, target: _End | None) -> None:
        with suppress(OSError):
            data = os.read(source, 4096)
            if target is not None:
                os.write(target.master, data)
                if self._ends.get(self.far) is target:
                    self.carried += data

    def unplug(self) -> None:
        """Pull the adapter of the gateway out: its port hangs up and its name is gone."""
        with self._lock:
            end = self._ends.pop(self.near)
            self.near.unlink()
            os.write(self._bell, b".")
            end.close()

    def replug(self) -> None:
        """Put it back: another device node, under the same name."""
        with self._lock:
            self._ends[self.near] = _plug(self.near)
            os.write(self._bell, b".")

    def close(self) -> None:
        """Take the cable away."""
        self._over = True
        os.write(self._bell, b".")
        self._thread.join()
        for end in self._ends.values():
            end.close()
        os.close(self._wake)
        os.close(self._bell)
