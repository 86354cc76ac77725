"""So many at once, and then one every so often: keeps what others can make us write within bounds."""

from __future__ import annotations


class Allowance:
    """A bucket of tokens.

    Args:
        most: tokens at most, and at the start.
        every: seconds until there is another one.
        now: seconds of the run loop's clock.
    """

    def __init__(self, most: int, every: float, now: float) -> None:
        self._most = most
        self._every = every
        self._tokens = float(most)
        self._at = now

    def lacking(self, now: float) -> float:
        """Seconds until there is a token; 0 where there is one."""
        self._fill(now)
        return max(0.0, 1 - self._tokens) * self._every

    def take(self, now: float) -> bool:
        """Take a token; False where there is none."""
        if self.lacking(now):
            return False
        self.spend(now)
        return True

    def spend(self, now: float) -> None:
        """Take a token whether there is one or not; the next one is then longer in coming."""
        self._fill(now)
        self._tokens -= 1

    def _fill(self, now: float) -> None:
        self._tokens = min(self._most, self._tokens + (now - self._at) / self._every)
        self._at = now
