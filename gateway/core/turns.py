"""Turns at reading the log of events: the whole of it is minutes of work for a small board, and anybody may ask for it.

Who asks seldom is not held up. Who asks for the whole log over and over, with a filter that matches nothing, gets it
in a small share of the time, and all of them together in no more than half of it: lines are polled in the rest.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import trio

from gateway.core.principal import Kind, Principal

# Parts of the time that one account may read for, and all of them together.
SHARE, SHARE_OF_ALL = 0.1, 0.5
# Seconds they may read for at once: for one some 50,000 events of the past on a small board, for all five times that.
BURST_S, BURST_OF_ALL_S = 5.0, 25.0
# Seconds that one turn counts for, at most: where the disk hangs, nobody is to blame for it.
_MOST_S = 0.5
# Accounts that are remembered, where they have used up something.
_MOST_ACCOUNTS = 1000


# Told how many seconds more somebody has used up.
Charge = Callable[[float], None]


def account_of(principal: Principal) -> str:
    """What connections and turns are counted by: an agent's next token is no fresh start, operators' tokens are."""
    return f"operator:{principal.token_id}" if principal.kind is Kind.OPERATOR else principal.account


class _Account:
    """Time that somebody may read for.

    Args:
        share: part of the time.
        burst: seconds at once.
    """

    def __init__(self, share: float, burst: float) -> None:
        self.lock = trio.Lock()
        self._share = share
        self._burst = burst
        self._left = burst
        self._counted = trio.current_time()

    async def affordable(self) -> None:
        """Wait until something is left."""
        left = self._count()
        if left < 0:
            # Whoever waits holds the lock, so nobody spends meanwhile.
            await trio.sleep(-left / self._share)

    def spend(self, seconds: float) -> None:
        """It has read for so long."""
        self._left = self._count() - seconds

    @property
    def whole(self) -> bool:
        """Whether nothing of it is used, and nobody waits for it."""
        return self._count() >= self._burst and not self.lock.locked()

    def _count(self) -> float:
        now = trio.current_time()
        self._left = min(self._burst, self._left + (now - self._counted) * self._share)
        self._counted = now
        return self._left


class Turns:
    """Gives turns at the log, to each account one at a time and to all of them one at a time, as they came."""

    def __init__(self) -> None:
        self._all: _Account | None = None
        self._of: dict[str, _Account] = {}

    def __len__(self) -> int:
        """How many accounts are remembered."""
        return len(self._of)

    @asynccontextmanager
    async def turn(self, principal: Principal) -> AsyncIterator[Charge]:
        """Read a page of the log in the block, and do nothing else in it.

        Args:
            principal: whose time it takes.

        Returns:
            What to tell how long it then took to look through the page.
        """
        own, of_all = self._both(principal)
        async with own.lock:
            await own.affordable()
            async with of_all.lock:
                await of_all.affordable()
                begun = trio.current_time()
                try:
                    yield partial(self.charge, principal)
                finally:
                    self.charge(principal, min(_MOST_S, trio.current_time() - begun))

    def charge(self, principal: Principal, seconds: float) -> None:
        """It took so long to look through what was read: the next turn waits for that too."""
        for account in self._both(principal):
            account.spend(seconds)

    def _both(self, principal: Principal) -> tuple[_Account, _Account]:
        account = account_of(principal)
        if self._all is None:
            self._all = _Account(SHARE_OF_ALL, BURST_OF_ALL_S)
        return self._of.get(account) or self._open(account), self._all

    def _open(self, account: str) -> _Account:
        if len(self._of) >= _MOST_ACCOUNTS:
            self._of = {name: kept for name, kept in self._of.items() if not kept.whole}
        return self._of.setdefault(account, _Account(SHARE, BURST_S))
