"""How long to wait between tries, so that a hundred agents do not come back in the same second."""

from __future__ import annotations

from collections.abc import Callable

FIRST_S = 1.0
LONGEST_S = 60.0


class Backoff:
    """Doubles from one try to the next up to a cap, and takes at random between half and all of that.

    Args:
        random: a number from 0 to 1.
        first: seconds of the first wait at most.
        longest: seconds of any wait at most.
    """

    def __init__(self, random: Callable[[], float], first: float = FIRST_S, longest: float = LONGEST_S) -> None:
        self._random = random
        self._first = first
        self._longest = longest
        self._next = first

    def seconds(self) -> float:
        """The wait before the next try."""
        whole = self._next
        self._next = min(whole * 2, self._longest)
        return whole * (0.5 + self._random() / 2)

    def reset(self) -> None:
        """A try succeeded."""
        self._next = self._first
