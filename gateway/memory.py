"""The memory of this process: how much it is, and what of it can go back to the system."""

from __future__ import annotations

import ctypes
import gc
import math
import resource
from collections.abc import Callable
from pathlib import Path

import structlog
import trio

log = structlog.stdlib.get_logger(__name__)

# Seconds between two looks at how much memory there is, and bytes beyond what there was that are worth the while.
GIVE_BACK_EVERY_S = 60.0
_WORTH_GIVING_BACK = 8 * 1024 * 1024
_STATM = Path("/proc/self/statm")
_PAGE = resource.getpagesize()


def resident() -> int | None:
    """Bytes of memory this process has; None where the system does not say."""
    try:
        return int(_STATM.read_text().split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):
        return None


def settle_memory() -> None:
    """What was built so far lives as long as the process; what building it left behind goes back to the system."""
    gc.collect()
    # The collector need not look at it again: a full collection would stop the lines for milliseconds.
    gc.freeze()
    trim()


def trim() -> None:
    """Give the system back what lies free in the C library, between what is in use; some do not know how."""
    found = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if found is not None:
        found(0)


async def give_back(measure: Callable[[], int | None] = resident, trim: Callable[[], None] = trim) -> None:
    """Give back what a crowd of callers needed once, as soon as it is over. Never returns.

    Where nothing is to be had, since it is in use, it is not asked for again before there is as much more.

    Args:
        measure: bytes of memory this process has; None where the system does not say.
        trim: gives back what is free, which takes some milliseconds for each ten megabytes.
    """
    usual = math.inf
    while True:
        now = measure() or 0
        if now >= usual + _WORTH_GIVING_BACK:
            await trio.to_thread.run_sync(trim)
            usual = measure() or 0
            log.debug("memory given back", before=now, after=usual)
        usual = min(usual, now)
        await trio.sleep(GIVE_BACK_EVERY_S)
