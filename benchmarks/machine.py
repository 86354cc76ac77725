"""What this machine is, and which priority measurements can have on it."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path

# Above everything that is not itself real-time; the kernel's own threads stay above.
PRIORITY = 10


@cache
def realtime() -> tuple[str, ...]:
    """What to put before a command so that neighbours do not keep it waiting; empty where that is not allowed."""
    chrt = shutil.which("chrt")
    if chrt is None:
        return ()
    prefix = (chrt, "-f", str(PRIORITY))
    allowed = subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0
    return prefix if allowed else ()


def pinned(core: int) -> tuple[str, ...]:
    """What to put before a command to keep it on one core; empty where that is not to be had."""
    taskset = shutil.which("taskset")
    cores = sorted(os.sched_getaffinity(0))
    return (taskset, "-c", str(cores[core % len(cores)])) if taskset is not None else ()


def heading() -> str:
    """The machine, the versions, and what the neighbours are doing."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    libraries = ", ".join(f"{name} {version(name)}" for name in ("trio", "pymodbus", "uModbus", "minimalmodbus"))
    priority = "SCHED_FIFO for clients and line" if realtime() else "no real-time priority here: times are noisier"
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    return "\n".join(
        (
            f"{os.cpu_count()} x {model}, Linux {platform.release()}, Python {platform.python_version()}",
            f"{libraries}, libmodbus {_libmodbus()}",
            f"{priority}; load {load} before the run",
        )
    )


def _libmodbus() -> str:
    found = subprocess.run(["pkg-config", "--modversion", "libmodbus"], capture_output=True, text=True, check=False)
    return found.stdout.strip() or "of the system"
