"""How long to wait before a process that fell is started again (ruling 21). Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from gateway.core.supervise import Lives

# By this share a pause is longer or shorter, so that what fell together does not rise together.
JITTER = 0.2


@dataclass(frozen=True, slots=True)
class Pause:
    """A time to wait.

    Attributes:
        seconds: how long.
        parked: it is out of lives.
    """

    seconds: float
    parked: bool


class Patience:
    """Counts the falls of one instance.

    Args:
        lives: how often it may fall; ``pause`` is the first pause, and each one after it twice as long.
        longest: seconds of a pause, while it has lives.
    """

    def __init__(self, lives: Lives, longest: float) -> None:
        self._lives, self._longest = lives, longest
        self._falls: deque[float] = deque()

    def fell(self, now: float, chance: float) -> Pause:
        """It fell.

        Args:
            now: seconds of a clock that does not go back.
            chance: 0 to 1.
        """
        while self._falls and now - self._falls[0] > self._lives.window:
            self._falls.popleft()
        self._falls.append(now)
        spread = 1 + JITTER * (2 * chance - 1)
        if len(self._falls) > self._lives.restarts:
            self._falls.clear()
            return Pause(self._lives.parked * spread, parked=True)
        pause = min(self._lives.pause * 2 ** (len(self._falls) - 1), self._longest)
        return Pause(pause * spread, parked=False)

    def forgive(self) -> None:
        """Somebody saw to it: it has all its lives again."""
        self._falls.clear()
