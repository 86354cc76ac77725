"""How many requests are under way to each host, of all webhooks together."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import trio


class Hosts:
    """Gives everybody a turn; who waits for one host waits for no other.

    Args:
        most: requests to one host at once.
    """

    def __init__(self, most: Callable[[], int]) -> None:
        self._most = most
        self._limiters: dict[str, trio.CapacityLimiter] = {}
        self._users = Counter[str]()

    @asynccontextmanager
    async def turn(self, host: str) -> AsyncIterator[None]:
        """Wait until a request to a host may begin; it is under way inside of the block."""
        limiter = self._limiters.get(host)
        if limiter is None:
            limiter = self._limiters[host] = trio.CapacityLimiter(self._most())
        # A reload counts from the next turn on.
        limiter.total_tokens = self._most()
        self._users[host] += 1
        try:
            async with limiter:
                yield
        finally:
            self._users[host] -= 1
            if not self._users[host]:
                del self._users[host], self._limiters[host]
