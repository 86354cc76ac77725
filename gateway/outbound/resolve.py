"""Looks names up; a name server that does not answer holds up its own names and nothing else."""

from __future__ import annotations

import socket
from collections.abc import Callable

import trio

# Names whose last lookup is remembered to be over or not.
_MOST = 256


class Resolver:
    """Gives all addresses of a name, in the order the system prefers.

    A lookup cannot be called off: its thread stays until the system gives up. So each name has one thread at most, and
    none of those that others work with.

    Args:
        look_up: asks the system, and takes as long as that takes.
    """

    def __init__(self, look_up: Callable[[str, int], list[str]] | None = None) -> None:
        self._look_up = look_up or _look_up
        self._threads: dict[str, trio.CapacityLimiter] = {}

    async def __call__(self, host: str, port: int) -> list[str]:
        """Look a name up; the caller sets the time limit.

        Raises:
            OSError: it has no address now.
        """
        limiter = self._threads.get(host)
        if limiter is None:
            if len(self._threads) >= _MOST:
                self._threads = {name: other for name, other in self._threads.items() if other.borrowed_tokens}
            limiter = self._threads[host] = trio.CapacityLimiter(1)
        found = await trio.to_thread.run_sync(self._look_up, host, port, abandon_on_cancel=True, limiter=limiter)
        return list(dict.fromkeys(found))


def _look_up(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return [str(address[0]) for *_, address in found]
