"""How much of the log of events each owner may fill, so that nobody pushes out what others said.

Each may publish half of the log at once, and another quarter in the time events are kept: whatever one owner does,
others have a quarter of the log.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import trio

from gateway.core.ports import FactStore, Json

FACT = "event_share"
_AT_ONCE, _MEANWHILE = 0.5, 0.25
# What is used is kept when it changed by this part of the allowance: a restart gives little of it back.
_NOTED = 0.01


@dataclass(slots=True)
class _Share:
    """What an owner has used.

    Attributes:
        used: bytes, at ``at``.
        at: by the run loop's clock.
        kept: bytes, as the disk has it.
    """

    used: float
    at: float
    kept: float


class Shares:
    """The shares of all owners; call it inside the run loop.

    Args:
        size: bytes of the log.
        retention: seconds for which events are kept.
        facts: keep what is used over a restart.
        wall: Unix seconds.

    Attributes:
        allowance: bytes an owner may publish at once.
        rate: bytes a second of it that come back.
    """

    def __init__(self, size: int, retention: float, facts: FactStore, wall: Callable[[], float]) -> None:
        self.allowance = int(_AT_ONCE * size)
        self.rate = _MEANWHILE * size / retention
        self._facts = facts
        self._wall = wall
        now = trio.current_time()
        self._shares: dict[str, _Share] = {}
        for owner, value in facts.recall(FACT).items():
            used = self._recalled(value)
            self._shares[owner] = _Share(used, now, used)

    def take(self, owner: str, size: int) -> float:
        """Use up a part of a share.

        Returns:
            0 where that is done; else the seconds until there is enough for it, and nothing is used.
        """
        share = self._of(owner)
        lacking = share.used + size - self.allowance
        if lacking > 0:
            return lacking / self.rate
        share.used += size
        return 0.0

    def give_back(self, owner: str, size: int) -> None:
        """What was taken was not used after all."""
        share = self._of(owner)
        share.used = max(0.0, share.used - size)

    def keep(self) -> None:
        """Have kept what changed, and forget who uses nothing; call it now and then."""
        for owner in list(self._shares):
            share = self._of(owner)
            if share.used == 0.0:
                del self._shares[owner]
                if share.kept:
                    self._facts.remember(FACT, owner, None)
            elif abs(share.used - share.kept) >= _NOTED * self.allowance:
                share.kept = share.used
                self._facts.remember(FACT, owner, [math.ceil(share.used), math.ceil(self._wall())])

    def _of(self, owner: str) -> _Share:
        now = trio.current_time()
        share = self._shares.get(owner)
        if share is None:
            share = self._shares[owner] = _Share(0.0, now, 0.0)
        share.used = max(0.0, share.used - self.rate * (now - share.at))
        share.at = now
        return share

    def _recalled(self, value: Json) -> float:
        match value:
            case [int(used), int(then)]:
                # A clock that went back gives nothing back.
                return min(float(self.allowance), max(0.0, used - self.rate * max(0.0, self._wall() - then)))
        return 0.0
