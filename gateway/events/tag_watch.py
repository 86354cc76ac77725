"""Changes of tags as events: for each tag at most one within an interval, the newest reading winning."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush

import trio

from gateway.core import rfc3339
from gateway.core.bus import Cut, Subscription
from gateway.core.reading import Reading
from gateway.core.tags import Changes, TagStore
from gateway.events.journal import Journal

TYPE = "tag:changed"
# How often it is asked whether anybody wants changes, while nobody does. What changed since then is told as well.
IDLE_S = 1.0
_QUEUE = 1024


class TagWatch:
    """Announces ``tag:changed`` while somebody wants it.

    The first change of a tag is told at once; those that follow within the interval are told as one at its end. What
    the store published while this was not listening, or not quick enough, is found by comparing what the tags say.

    Args:
        tags: what to watch.
        journal: told of changes.
        interval: seconds between two events of one tag, at least; asked each time, for it may be configured anew.
    """

    def __init__(self, tags: TagStore, journal: Journal, interval: Callable[[], float]) -> None:
        self._tags = tags
        self._journal = journal
        self._interval = interval
        # When each tag may be told of again.
        self._free: dict[str, float] = {}
        # What waits for that, and in which order it is due.
        self._pending: dict[str, Reading] = {}
        self._due: list[tuple[float, str]] = []
        # What was last said of each tag, or stood when somebody began to want to know; None while nobody does.
        self._said: dict[str, Reading] | None = None

    async def run(self) -> None:
        """Watch, for ever."""
        while True:
            with self._tags.changes.subscribe(_QUEUE) as subscription:
                try:
                    self._compare()
                    await self._follow(subscription)
                except Cut:
                    continue

    async def _follow(self, subscription: Subscription[Changes]) -> None:
        while True:
            if not self._journal.wants(TYPE):
                self._rest()
                # Changes are collected meanwhile: who subscribes next is told of those of the last moment, too.
                await trio.sleep(IDLE_S)
                if not self._journal.wants(TYPE):
                    _discard(subscription)
                    continue
            if self._said is None:
                self._said = {reading.tag: reading for reading in self._tags.snapshot()}
            with trio.move_on_at(self._due[0][0] if self._due else trio.current_time() + IDLE_S):
                self._take((await subscription.receive()).readings)
            self._tell_due()

    def _rest(self) -> None:
        self._said = None
        self._free.clear()
        self._pending.clear()
        self._due.clear()

    def _compare(self) -> None:
        """Find what changed while nobody listened here."""
        if self._said is None:
            return
        snapshot = self._tags.snapshot()
        self._said = {reading.tag: self._said.get(reading.tag, reading) for reading in snapshot}
        # What waits to be told is as good as said: if it is not so any more, the newest takes its place.
        said = {**self._said, **self._pending}
        self._take(tuple(reading for reading in snapshot if self._differs(reading, said[reading.tag])))

    def _differs(self, reading: Reading, said: Reading) -> bool:
        if (reading.quality, reading.reason) != (said.quality, said.reason):
            return True
        cell, value, before = self._tags.cell(reading.tag), reading.value, said.value
        if cell is not None and isinstance(value, int | float) and isinstance(before, int | float):
            return abs(value - before) > cell.tag.deadband
        return value != before

    def _take(self, readings: tuple[Reading, ...]) -> None:
        now = trio.current_time()
        for reading in readings:
            free = self._free.get(reading.tag, now)
            if reading.tag in self._pending:
                self._pending[reading.tag] = reading
            elif free > now:
                self._pending[reading.tag] = reading
                heappush(self._due, (free, reading.tag))
            else:
                self._tell(reading, now)

    def _tell_due(self) -> None:
        now = trio.current_time()
        while self._due and self._due[0][0] <= now:
            _, tag = heappop(self._due)
            self._tell(self._pending.pop(tag), now)

    def _tell(self, reading: Reading, now: float) -> None:
        cell = self._tags.cell(reading.tag)
        if cell is None or self._said is None:
            return
        self._said[reading.tag] = reading
        if (interval := self._interval()) > 0:
            self._free[reading.tag] = now + interval
        sample = reading.sample
        self._journal.announce(
            TYPE,
            {
                "tag": reading.tag,
                "value": reading.value,
                "quality": str(reading.quality),
                "reason": None if reading.reason is None else str(reading.reason),
                "timestamp": None if sample is None else rfc3339.text(sample.wall),
                "clock": None if sample is None else sample.era.clock,
                "sequence": None if sample is None else sample.sequence,
                "units": cell.tag.units,
            },
        )


def _discard(subscription: Subscription[Changes]) -> None:
    while subscription.receive_nowait() is not None:
        pass
