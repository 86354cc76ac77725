"""Looking through many things for the few that are wanted, without keeping the run loop from everybody else."""

from __future__ import annotations

import trio

# Seconds of work in one go. A line that polls ten times a second does not notice them.
STEP_S = 0.005


class Sifting:
    """Counts the time of work in many small steps, between which others get their turn."""

    def __init__(self) -> None:
        self._spent = 0.0
        self._since = trio.current_time()

    async def step(self) -> None:
        """A step is done: give the others a turn where it has been a while."""
        if trio.current_time() - self._since >= STEP_S:
            self.spent()
            await trio.lowlevel.checkpoint()
            self._since = trio.current_time()

    def spent(self) -> float:
        """Seconds of work so far; what others did meanwhile is not counted."""
        now = trio.current_time()
        self._spent += now - self._since
        self._since = now
        return self._spent
