"""Has certificates made in a process of their own.

What makes them takes 11 MB of memory and is needed once in nine months: here it would stay for all that time.
"""

from __future__ import annotations

import subprocess
import sys

import msgspec
import structlog

from gateway.api.server.issued import Made, Order

log = structlog.stdlib.get_logger(__name__)

# On the slowest board it takes two.
_PATIENCE_S = 60.0


def make_here(order: Order) -> Made:
    """Make it in this process; it blocks for as long as loading takes."""
    from gateway.api.server.certificates import make  # noqa: PLC0415 - it takes much to load, and is needed once a year

    return make(order)


def make_apart(order: Order) -> Made:
    """Make it in another process, or in this one where no other can be had; it blocks meanwhile."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "gateway.api.server.certificates"],
            input=msgspec.json.encode(order),
            capture_output=True,
            check=True,
            timeout=_PATIENCE_S,
        )
        return msgspec.json.decode(done.stdout, type=Made)
    except (OSError, subprocess.SubprocessError, msgspec.DecodeError) as error:
        log.warning("certificate not made in a process of its own: made in this one", reason=str(error))
        return make_here(order)
