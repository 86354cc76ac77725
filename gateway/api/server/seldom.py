"""Words in the log that a stranger could otherwise have us write without end: a card wears out by writing."""

from __future__ import annotations

import math
from collections.abc import Callable

import structlog

log = structlog.stdlib.get_logger(__name__)

# Seconds between two such words about the same thing.
INTERVAL = 60.0


class Seldom:
    """Says one thing at most once a minute, with how often it was so until then.

    Args:
        event: what is said.
        monotonic: seconds of the run loop's clock.
    """

    def __init__(self, event: str, monotonic: Callable[[], float]) -> None:
        self._event = event
        self._monotonic = monotonic
        self._times = 0
        self._next = -math.inf

    def warn(self, **details: object) -> None:
        """Say it, or count it for the next time."""
        self._times += 1
        now = self._monotonic()
        if now >= self._next:
            log.warning(self._event, times=self._times, **details)
            self._times, self._next = 0, now + INTERVAL
