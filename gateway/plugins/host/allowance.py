"""So much a minute: a bucket that fills while it is not used. Pure."""

from __future__ import annotations

from collections.abc import Callable

_MINUTE_S = 60.0


class Allowance:
    """Something of which there is so much a minute, and no more than that at once.

    Args:
        a_minute: how much.
        monotonic: seconds of a clock that does not go back.
    """

    def __init__(self, a_minute: int, monotonic: Callable[[], float]) -> None:
        self._most = float(a_minute)
        self._monotonic = monotonic
        self._room = self._most
        self._looked = monotonic()

    def take(self) -> bool:
        """Take one, where there is one."""
        now = self._monotonic()
        self._room = min(self._most, self._room + (now - self._looked) * self._most / _MINUTE_S)
        self._looked = now
        if self._room < 1.0:
            return False
        self._room -= 1.0
        return True
