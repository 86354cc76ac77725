"""What the kernel says of this process, under the names that Prometheus has for it."""

from __future__ import annotations

import math
import os
import resource
from pathlib import Path

from gateway.api.metrics.exposition import Family

PROC = Path("/proc")
# Fields of /proc/self/stat after the command's closing bracket (proc(5) numbers them from 3).
_UTIME, _STIME, _THREADS, _START, _VIRTUAL, _RESIDENT = (number - 3 for number in (14, 15, 20, 22, 23, 24))


def process_families(wall: float) -> list[Family]:
    """Memory, processor time, descriptors, threads and start time.

    Args:
        wall: now, in Unix seconds; the start time follows it when the clock is set.
    """
    # The command, in brackets, may hold blanks and brackets itself.
    fields = (PROC / "self/stat").read_text().rpartition(")")[2].split()
    uptime = float((PROC / "uptime").read_text().split()[0])
    most_fds = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    ticks = os.sysconf("SC_CLK_TCK")
    figures = [
        (
            Family("process_cpu_seconds_total", "counter", "Processor time in user and system mode."),
            (int(fields[_UTIME]) + int(fields[_STIME])) / ticks,
        ),
        (
            Family("process_resident_memory_bytes", "gauge", "Memory in use (RSS)."),
            int(fields[_RESIDENT]) * resource.getpagesize(),
        ),
        (Family("process_virtual_memory_bytes", "gauge", "Address space in use."), int(fields[_VIRTUAL])),
        (Family("process_threads", "gauge", "Threads."), int(fields[_THREADS])),
        (Family("process_open_fds", "gauge", "Open file descriptors."), len(list((PROC / "self/fd").iterdir())) - 1),
        (
            Family("process_max_fds", "gauge", "File descriptors that may be open."),
            math.inf if most_fds == resource.RLIM_INFINITY else most_fds,
        ),
        (
            Family("process_start_time_seconds", "gauge", "Start of the process in Unix seconds."),
            round(wall - uptime + int(fields[_START]) / ticks, 2),
        ),
    ]
    for family, value in figures:
        family.add(value)
    return [family for family, _ in figures]
