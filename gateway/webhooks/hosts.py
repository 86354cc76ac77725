"""How many requests are under way to each host, of all webhooks together, and who takes what is sent there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass

import trio


@dataclass(slots=True)
class _Host:
    """Turns at one host, those that slow ones may have of them, and who wants or has one."""

    all: trio.CapacityLimiter
    slow: trio.CapacityLimiter
    users: int = 0


class Hosts:
    """Gives everybody a turn; who waits for one host waits for no other.

    Args:
        most: requests to one host at once.

    Attributes:
        answered: told the host, and the port, where something was taken, and the webhook by which; None: by a test.
    """

    def __init__(self, most: Callable[[], int]) -> None:
        self._most = most
        self.answered: list[Callable[[str, int, str | None], None]] = []
        self._hosts: dict[str, _Host] = {}

    def tell(self, host: str, port: int, webhook: str | None) -> None:
        """Something was taken there: others that wait for this receiver may try, too."""
        for tell in self.answered:
            tell(host, port, webhook)

    @asynccontextmanager
    async def turn(self, host: str, *, slow: bool = False) -> AsyncIterator[None]:
        """Wait until a request to a host may begin; it is under way inside of the block.

        Args:
            host: to whom.
            slow: whether the one before took long: all of these leave one turn to the others, where there are two.
        """
        most = self._most()
        found = self._hosts.get(host)
        if found is None:
            found = self._hosts[host] = _Host(trio.CapacityLimiter(most), trio.CapacityLimiter(most))
        # A reload counts from the next turn on.
        found.all.total_tokens, found.slow.total_tokens = most, max(1, most - 1)
        found.users += 1
        try:
            async with found.slow if slow else nullcontext(), found.all:
                yield
        finally:
            found.users -= 1
            if not found.users:
                del self._hosts[host]
