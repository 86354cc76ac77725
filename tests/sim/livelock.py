"""Ends a run that does not get on: on a clock that stands still while anybody works, a busy loop lasts for ever."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import trio
from trio.lowlevel import Task

# A busy moment of the whole plant takes some thousand steps.
MOST_STEPS = 200_000
# Counted by name from here on, which costs too much to do always.
LAST_STEPS = 20_000
NAMED = 4


class LivelockGuard(trio.abc.Instrument):
    """Counts the steps of all tasks for as long as the clock does not move.

    Args:
        stuck: told once, with what is to be said about it; it must end the run.
        most: steps at one moment that are still believed to lead somewhere.
    """

    def __init__(self, stuck: Callable[[str], None], most: int = MOST_STEPS) -> None:
        self._stuck = stuck
        self._most = most
        self._moment = -1.0
        self._steps = 0
        self._busy: Counter[str] = Counter()

    def before_task_step(self, task: Task) -> None:
        now = trio.current_time()
        if now != self._moment:
            self._moment, self._steps = now, 0
            self._busy.clear()
        self._steps += 1
        if self._steps > self._most - LAST_STEPS:
            self._busy[task.name] += 1
        if self._steps == self._most:
            names = ", ".join(f"{name} ({steps})" for name, steps in self._busy.most_common(NAMED))
            self._stuck(f"{self._most} task steps without the clock moving; busy in the last {LAST_STEPS}: {names}")
