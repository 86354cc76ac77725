"""The file of events kept small: what is too old goes, and room is there before it is needed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import structlog
import trio

from gateway.core.eventlog import NotKept
from gateway.storage.event_file import EventFile
from gateway.storage.event_room import Room
from gateway.storage.event_shortage import Shortage

log = structlog.stdlib.get_logger(__name__)

# Beyond the first share of the size room is made, down to the second.
_FULL, _ROOMY = 0.95, 0.90
# A clock that moved by more than this between two looks has leapt.
_LEAP_S = 60.0


class SteadyClock:
    """A wall clock that is believed for ages once it has run without a leap for a while.

    Args:
        wall: Unix seconds.
        synchronised: whether somebody vouches for it.
        monotonic: seconds of the run loop's clock.
        steady: seconds it must have run.
    """

    def __init__(
        self,
        wall: Callable[[], float],
        synchronised: Callable[[], bool],
        monotonic: Callable[[], float],
        steady: float,
    ) -> None:
        self._wall = wall
        self._synchronised = synchronised
        self._monotonic = monotonic
        self._steady = steady
        self._since = monotonic()
        self._distance = wall() - monotonic()

    def now(self) -> float | None:
        """Unix seconds; None while nobody vouches for them."""
        return self._wall() if self._synchronised() else None

    def sure(self) -> float | None:
        """Unix seconds by which something may be called too old; None while that would be rash.

        Who sets a board's clock a year ahead by mistake must not lose what waits, so call this again and again.
        """
        distance = self._wall() - self._monotonic()
        if abs(distance - self._distance) > _LEAP_S or not self._synchronised():
            self._since = self._monotonic()
        self._distance = distance
        return self._wall() if self._monotonic() - self._since >= self._steady else None


class EventUpkeep:
    """Removes what is too old or too much, step by step.

    Args:
        file: the file of events.
        clock: by which something is too old.
        shortage: says when the file is too small.
    """

    def __init__(self, file: EventFile, clock: SteadyClock, shortage: Shortage) -> None:
        self._file = file
        self._clock = clock
        self._shortage = shortage
        file.gave_way.append(shortage.gave_way)

    async def run(self) -> None:
        """Keep house, for ever."""
        while True:
            try:
                await self.run_once()
            except NotKept as trouble:
                log.warning("old events not removed", trouble=str(trouble))
            await trio.sleep(self._file.settings.upkeep)

    async def run_once(self) -> None:
        """Remove what is due.

        Raises:
            NotKept: the disk takes nothing.
        """
        self._shortage.look()
        now = self._clock.sure()
        if now is not None:
            while await self._file.remove(partial(Room.outlived, now=now)):
                pass
        while await self._file.remove(Room.orphans):
            pass
        size = self._file.settings.size
        if await self._file.used() > _FULL * size:
            while await self._file.used() > _ROOMY * size and await self._file.remove(Room.make):
                pass
