"""Who executes statements: threads beside the run loop, or the calling task itself where time is simulated."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol, TypeVar

import trio

T = TypeVar("T")

# Asked by a running query every now and then: should it give up?
Stop = Callable[[], bool]

READERS = 2


class Hands(Protocol):
    """Executes blocking jobs: writes one at a time and in order, reads beside them."""

    async def write(self, job: Callable[[], T]) -> T:
        """Run a job that writes; it is never interrupted once it has begun."""
        ...

    async def read(self, job: Callable[[Stop], T]) -> T:
        """Run a job that reads; it is told to stop when the calling task is cancelled."""
        ...


class Threads:
    """The gateway's way: no statement ever runs in the thread of the run loop (docs/decisions/0004)."""

    def __init__(self) -> None:
        self._writing = trio.CapacityLimiter(1)
        self._reading = trio.CapacityLimiter(READERS)

    async def write(self, job: Callable[[], T]) -> T:
        """Run a job in the one writer thread."""
        return await trio.to_thread.run_sync(job, limiter=self._writing)

    async def read(self, job: Callable[[Stop], T]) -> T:
        """Run a job in a reader thread; cancellation makes it stop, and waits until it has.

        Raises:
            Exception: what the job raised.
        """
        stop = threading.Event()
        results: list[T] = []
        faults: list[Exception] = []

        def guarded() -> None:
            try:
                results.append(job(stop.is_set))
            except Exception as fault:  # noqa: BLE001 - handed to the task that asked, a nursery would wrap it
                faults.append(fault)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(_set_when_cancelled, stop)
            await trio.to_thread.run_sync(guarded, limiter=self._reading)
            nursery.cancel_scope.cancel()
        if faults:
            raise faults[0]
        return results[0]


async def _set_when_cancelled(stop: threading.Event) -> None:
    try:
        await trio.sleep_forever()
    finally:
        stop.set()


class Inline:
    """The simulation's way: statements run in the calling task, so that virtual time stays deterministic."""

    async def write(self, job: Callable[[], T]) -> T:
        """Run a job at once."""
        await trio.lowlevel.checkpoint()
        return job()

    async def read(self, job: Callable[[Stop], T]) -> T:
        """Run a job at once."""
        await trio.lowlevel.checkpoint()
        return job(lambda: False)
