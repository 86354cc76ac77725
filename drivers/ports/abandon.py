"""Blocking work in a thread, which its caller may leave alone: drivers can hang in the kernel for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

import trio

T = TypeVar("T")


class _Handover(Generic[T]):
    """Sees to it that what was made belongs to exactly one: the caller, or nobody, and then it is discarded.

    The thread can finish at the very moment the caller leaves.
    """

    def __init__(self, work: Callable[[], T], discard: Callable[[T], None]) -> None:
        self._work = work
        self._discard = discard
        self._lock = threading.Lock()
        self._made: list[T] = []
        self._left = False

    def run(self) -> T:
        """Do the work, in the thread."""
        made = self._work()
        with self._lock:
            if not self._left:
                self._made.append(made)
                return made
        self._discard(made)
        return made

    def leave(self) -> None:
        """The caller does not want it any more."""
        with self._lock:
            self._left = True
        for made in self._made:
            self._discard(made)


async def in_thread(work: Callable[[], T], discard: Callable[[T], None]) -> T:
    """Run ``work`` in a thread and return what it makes.

    Cancelled meanwhile, this returns at once; the thread is left to itself, and what it makes in the end goes to
    ``discard``, in whatever thread.
    """
    handover = _Handover(work, discard)
    try:
        # A limiter of its own: threads that hang must not take the places of those that the rest of the process needs.
        return await trio.to_thread.run_sync(handover.run, abandon_on_cancel=True, limiter=trio.CapacityLimiter(1))
    except trio.Cancelled:
        handover.leave()
        raise
