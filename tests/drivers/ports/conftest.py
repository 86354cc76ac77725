import fcntl
import os
import struct
import termios
import tty
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trio


@dataclass
class Terminal:
    """The far end of a pseudo-terminal; closing it is what an unplugged adapter looks like."""

    path: str
    master: int
    slave: int
    open_ends: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.open_ends = {self.master, self.slave}

    def close(self, *ends: int) -> None:
        for end in ends:
            if end in self.open_ends:
                self.open_ends.remove(end)
                os.close(end)

    async def deliver(self, data: bytes) -> None:
        """Write, and wait until the kernel, which takes its time, has carried it over."""
        before = self._waiting()
        os.write(self.master, data)
        while self._waiting() < before + len(data):
            await trio.lowlevel.checkpoint()

    def _waiting(self) -> int:
        count: int = struct.unpack("i", fcntl.ioctl(self.slave, termios.FIONREAD, bytes(4)))[0]
        return count

    def unplug(self) -> None:
        self.close(self.slave, self.master)


def make_terminal() -> Terminal:
    master, slave = os.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    return Terminal(os.ttyname(slave), master, slave)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    made = make_terminal()
    yield made
    made.close(made.slave, made.master)


@pytest.fixture
def other_terminal() -> Iterator[Terminal]:
    made = make_terminal()
    yield made
    made.close(made.slave, made.master)


@pytest.fixture
def link(tmp_path: Path, terminal: Terminal) -> Path:
    path = tmp_path / "usb-adapter-port0"
    path.symlink_to(terminal.path)
    return path
