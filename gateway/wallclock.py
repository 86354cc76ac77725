"""The system's wall clock, and whether the kernel holds it for synchronised."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from pathlib import Path

import structlog
import trio

from gateway.core.timeline import Timeline

log = structlog.stdlib.get_logger(__name__)

# adjtimex(2): the answer when nobody has synchronised the clock, or when the synchronisation was lost.
TIME_ERROR = 5
# struct timex is 208 bytes on 64-bit Linux; modes = 0 (all zero) only reads.
TIMEX_BYTES = 208
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_LOOK_S = 1.0


class WallClock:
    """Reads the system clock."""

    def __init__(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._adjtimex = libc.adjtimex
        self._adjtimex.restype = ctypes.c_int

    def now(self) -> float:
        """Unix seconds."""
        return time.time()

    def synchronised(self) -> bool:
        """Whether a time service keeps the clock (the kernel's STA_UNSYNC flag is clear)."""
        buffer = ctypes.create_string_buffer(TIMEX_BYTES)
        state: int = self._adjtimex(buffer)
        return 0 <= state < TIME_ERROR


def boot_id() -> str:
    """What is different after every start of the board."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return f"unknown-{time.time_ns()}"


def uptime() -> float:
    """Seconds on a clock that all processes of this boot share."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


async def watch_clock(timeline: Timeline, corrected: Callable[[float], None], skip_ahead: Callable[[], None]) -> None:
    """Correct what was timed before the clock was right, once it is; until cancelled.

    Args:
        timeline: the time of what happens.
        corrected: told by how many seconds earlier times of this start were wrong.
        skip_ahead: called then: numbers that are made of the time go on from the right one.
    """
    while True:
        correction = timeline.look()
        if correction is not None:
            log.info("the clock is synchronised now: earlier times of this start were corrected")
            corrected(correction.offset)
            skip_ahead()
        await trio.sleep(_LOOK_S)
