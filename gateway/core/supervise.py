"""Who falls is set up again, so often and no more: one policy for every part of the gateway.

The world (cable, peer, disk) is retried for ever by those who deal with it. What arrives here is a fault of ours:
three lives in ten minutes, then the part is parked alone and tried again every ten minutes (ruling 21).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
import trio

log = structlog.stdlib.get_logger(__name__)

# Whoever was parked and lives for so long is well again, in seconds: its alert ends.
WELL_S = 60.0


@dataclass(frozen=True, slots=True)
class Lives:
    """How often a part may fall.

    Attributes:
        restarts: falls within ``window`` seconds that are followed by an immediate restart.
        pause: seconds between a fall and the restart.
        parked: seconds a part out of lives stays parked before it is tried again.
    """

    restarts: int = 3
    window: float = 600.0
    pause: float = 1.0
    parked: float = 600.0


async def supervise(
    name: str,
    part: Callable[[], Awaitable[None]],
    *,
    lives: Lives | None = None,
    on_fall: Callable[[Exception], None] = lambda _: None,
    on_park: Callable[[Exception], None] = lambda _: None,
) -> None:
    """Run a part until it returns; set it up again when it falls.

    Args:
        name: what the log calls the part.
        part: run anew for every life; it must leave nothing behind when it raises.
        lives: the policy; the default is ruling 21's.
        on_fall: told of every fall.
        on_park: told when the part is out of lives, after ``on_fall``.
    """
    lives = lives or Lives()
    falls: deque[float] = deque()
    while True:
        try:
            await part()
        except Exception as fault:
            now = trio.current_time()
            while falls and now - falls[0] > lives.window:
                falls.popleft()
            falls.append(now)
            log.exception("part fell", part=name, falls=len(falls), fault=repr(fault))
            on_fall(fault)
            if len(falls) > lives.restarts:
                log.warning("part parked", part=name, retry_s=lives.parked)
                on_park(fault)
                falls.clear()
                await trio.sleep(lives.parked)
            else:
                await trio.sleep(lives.pause)
        else:
            return
