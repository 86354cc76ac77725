"""Runs what a plugin does, one after the other: starts, events, messages, and what is due every so often."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

Task = Callable[[], object]
# Tasks that wait. Whoever is slower than what comes loses the oldest events.
MOST_WAITING = 1000


@dataclass(slots=True)
class _Timer:
    seconds: float
    task: Task
    due: float


class Worker:
    """One thread, in whose order a plugin can trust.

    Args:
        failed: told of what a task raised.
        monotonic: seconds of a clock that does not go back.
    """

    def __init__(self, failed: Callable[[Exception], None], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._failed, self._monotonic = failed, monotonic
        self._tasks: deque[Task] = deque(maxlen=MOST_WAITING)
        self._timers: list[_Timer] = []
        self._changed = threading.Condition()
        self._ends = False

    def do(self, task: Task) -> None:
        """Run something when its turn comes."""
        with self._changed:
            self._tasks.append(task)
            self._changed.notify()

    def every(self, seconds: float, task: Task) -> None:
        """Run something now and then; a turn that is missed is not made up for."""
        with self._changed:
            self._timers.append(_Timer(seconds, task, self._monotonic()))
            self._changed.notify()

    def end(self, last: Task) -> None:
        """Run this one, and then nothing more."""
        with self._changed:
            self._tasks.clear()
            self._tasks.append(last)
            self._timers.clear()
            self._ends = True
            self._changed.notify()

    def run(self) -> None:
        """Run, until the end."""
        while (task := self._next()) is not None:
            try:
                task()
            except Exception as error:  # noqa: BLE001 - whatever the plugin raises, the next task is run
                self._failed(error)

    def _next(self) -> Task | None:
        with self._changed:
            while True:
                if self._tasks:
                    return self._tasks.popleft()
                if self._ends:
                    return None
                now = self._monotonic()
                timer = min(self._timers, key=lambda one: one.due, default=None)
                if timer is not None and timer.due <= now:
                    timer.due = max(timer.due + timer.seconds, now)
                    return timer.task
                self._changed.wait(None if timer is None else timer.due - now)
