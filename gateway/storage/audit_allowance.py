"""So many at once, and then one every so often: keeps what others can make us write within bounds."""

from __future__ import annotations


class Allowance:
    """A bucket of tokens.

    Args:
        most: tokens at most, and at the start.
        every: seconds until there is another one.
        now: seconds of the run loop's clock.
    """

    def __init__(self, most: float, every: float, now: float) -> None:
        self._most = most
        self._every = every
        self._tokens = float(most)
        self._at = now

    def lacking(self, now: float, number: float = 1) -> float:
        """Seconds until there are so many tokens; 0 where there are."""
        self._fill(now)
        return max(0.0, number - self._tokens) * self._every

    def take(self, now: float, number: float = 1) -> bool:
        """Take so many tokens; False where there are not."""
        if self.lacking(now, number):
            return False
        self.spend(now, number)
        return True

    def spend(self, now: float, number: float = 1) -> None:
        """Take tokens whether they are there or not; the next ones are then longer in coming."""
        self._fill(now)
        self._tokens -= number

    def full(self, now: float) -> bool:
        """Whether there are as many as there can be."""
        return not self.lacking(now, self._most)

    def _fill(self, now: float) -> None:
        self._tokens = min(self._most, self._tokens + (now - self._at) / self._every)
        self._at = now
