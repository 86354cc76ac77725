"""Looks over board, ports and state for what commonly goes wrong, and says in plain words what to do about it."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from gateway.settings.line_model import LineSettings
from gateway.wallclock import WallClock

# linux/serial.h: struct serial_rs485, whose first word holds the flags, bit 0 of which is "enabled".
_TIOCGRS485 = 0x542E
_RS485_SIZE = 32
_PATIENCE_S = 5.0


class State(StrEnum):
    """What a check says."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"
    UNKNOWN = "not known here"


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check.

    Attributes:
        check: its name.
        place: what was looked at.
        state: how it is.
        words: what was seen.
        cure: what to do; empty where nothing has to be done.
    """

    check: str
    place: str
    state: State
    words: str
    cure: str = ""


@dataclass(frozen=True, slots=True)
class Rs485:
    """What the driver of a port says of RS-485: whether it knows it (None: cannot be asked) and has it switched on."""

    known: bool | None
    enabled: bool = False


def ask_rs485(device: Path) -> Rs485:
    """Ask the driver of a port."""
    try:
        descriptor = os.open(device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return Rs485(None)
    try:
        answer = fcntl.ioctl(descriptor, _TIOCGRS485, bytes(_RS485_SIZE))
    except OSError as error:
        return Rs485(False if error.errno in {errno.ENOTTY, errno.EINVAL, errno.EOPNOTSUPP} else None)
    finally:
        os.close(descriptor)
    return Rs485(known=True, enabled=bool(answer[0] & 1))


def run_program(words: Sequence[str]) -> str | None:
    """What a program prints; None where it is not there or fails."""
    program = shutil.which(words[0])
    if program is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603 - a fixed list of words, found in PATH
            [program, *words[1:]], capture_output=True, text=True, timeout=_PATIENCE_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def _may_open(path: Path) -> bool:
    return os.access(path, os.R_OK | os.W_OK)


def _free(path: Path) -> tuple[int, int]:
    usage = shutil.disk_usage(path)
    return usage.free, usage.total


@dataclass(frozen=True, slots=True)
class World:
    """What is looked at; tests make their own.

    Attributes:
        root: before every path of the system.
        state: state directory of the gateway.
        lines: of the configuration.
        devices: ``device.list`` of the running gateway, None where it cannot be asked.
        may_open: whether this user may read and write a file.
        rs485: what the driver of a port says.
        run: what a program prints.
        free: bytes free and in all where a path lies.
        synchronised: whether the kernel holds the clock for right.
        now: Unix seconds.
    """

    root: Path = Path("/")
    state: Path = Path("/var/lib/ferrule")
    lines: Sequence[LineSettings] = ()
    devices: Sequence[Mapping[str, Any]] | None = None
    may_open: Callable[[Path], bool] = _may_open
    rs485: Callable[[Path], Rs485] = ask_rs485
    run: Callable[[Sequence[str]], str | None] = run_program
    free: Callable[[Path], tuple[int, int]] = _free
    synchronised: Callable[[], bool] = field(default_factory=lambda: WallClock().synchronised)
    now: Callable[[], float] = time.time

    def path(self, absolute: str) -> Path:
        """A path of the system."""
        return self.root / absolute.lstrip("/")

    def text(self, absolute: str) -> str | None:
        """A small file of the system; None where it is not there or may not be read."""
        return read_text(self.path(absolute))


def read_text(path: Path) -> str | None:
    """A small file; None where it is not there or may not be read."""
    try:
        return path.read_text(errors="replace").replace("\0", " ").strip()
    except OSError:
        return None


Check = Callable[[World], list[Finding]]


def worst(findings: Sequence[Finding]) -> State:
    """The worst of all: a fault, a warning, or ok; what is not known is no trouble."""
    states = {finding.state for finding in findings}
    return next((state for state in (State.FAULT, State.WARNING) if state in states), State.OK)
