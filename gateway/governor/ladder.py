"""A ladder of remedies: the mildest first, each given time to help, and slower each time around."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Rung:
    """One remedy.

    Attributes:
        kind: what is done, in one word.
        patience: seconds it is given to help before the next one.
    """

    kind: str
    patience: float


@dataclass(slots=True)
class Ladder:
    """Where one trouble stands on a ladder.

    The last rung is repeated, its patience doubled each time up to ``longest``: what did not help twice will hardly
    help at once. A trouble that was away for ``settled`` seconds starts from the first rung again.

    Attributes:
        rungs: mildest first.
        longest: seconds between two attempts at most.
        settled: seconds without the trouble after which it counts as healed.
        attempts: how often something was done since it began.
    """

    rungs: tuple[Rung, ...]
    longest: float = 3600.0
    settled: float = 600.0
    attempts: int = 0
    _next: float = field(default=-math.inf, repr=False)
    _gone: float | None = field(default=None, repr=False)

    def due(self, now: float, begun: float, patience: float) -> Rung | None:
        """The rung to take now, or None.

        Args:
            now: on the run loop's clock.
            begun: when the trouble began, this time.
            patience: seconds it may last before anything is done at all, each time it comes back as well.
        """
        self._gone = None
        return self._rung() if now >= max(self._next, begun + patience) else None

    def climb(self, now: float) -> None:
        """The rung that was due has been taken: the next one is due when its patience is over."""
        rung = self._rung()
        beyond = max(self.attempts - len(self.rungs) + 1, 0)
        self.attempts += 1
        # Powers of two beyond the longest say nothing more, and would overflow some day.
        self._next = now + min(rung.patience * 2 ** min(beyond, 16), self.longest)

    def healthy(self, now: float) -> bool:
        """The trouble is not there. Returns whether it has been away for long enough to be forgotten."""
        if self._gone is None:
            self._gone = now
        return now - self._gone >= self.settled

    def _rung(self) -> Rung:
        return self.rungs[min(self.attempts, len(self.rungs) - 1)]
