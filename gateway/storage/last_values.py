"""The last value of every tag, over restarts: for people to see, never as a current value."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import structlog
import trio

from gateway.core.reading import Quality, Sample, Value
from gateway.core.tags import TagStore
from gateway.core.timeline import Era
from gateway.storage.budget import Budget, Level
from gateway.storage.database import Database
from gateway.storage.recorder import milliseconds
from gateway.storage.rows import Row, Stored, pack, stored, with_clock
from gateway.storage.trouble import StoreTrouble

log = structlog.stdlib.get_logger(__name__)

_Columns = tuple[str, str, str | None, int, Stored, int]

# The values of a thousand tags take 80 KB a write: more than this share of the day's budget they must not take.
_SHARE = 0.10
# How many intervals may pass for that, and how many do while the budget is short.
_RARELY, _SELDOM = 5, 50
_PART = "last_values"


class LastValues:
    """Keeps ``Cell.last_value`` of all tags in the control database.

    Args:
        database: the control database.
        interval: seconds between two writes, where the budget allows it.
        budget: makes the writes rarer, where they are large or it is short.
        monotonic: seconds of the run loop's clock.
        wall: Unix seconds.
    """

    def __init__(
        self,
        database: Database,
        *,
        interval: float,
        budget: Budget,
        monotonic: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self._database = database
        self._interval = interval
        self._budget = budget
        self._monotonic = monotonic
        self._wall = wall
        self._tags: TagStore | None = None
        self._stored: dict[str, Value] = {}
        self._cost = 0
        database.renewed.append(self._stored.clear)

    async def restore(self, tags: TagStore) -> None:
        """Give the tags back what they said last, with the time of then; tags of another type now get nothing."""
        try:
            rows = await self._database.read(_select)
        except StoreTrouble as trouble:
            log.warning("last values not readable", trouble=trouble.kind)
            return
        for name, type_, units, state, value, time in rows:
            cell = tags.cell(name)
            if cell is None or (cell.tag.type, cell.tag.units) != (type_, units):
                continue
            row = stored(time, state, value)
            restored = row.restore()
            if restored is not None:
                self._stored[name] = restored
                tags.restore(name, restored, self._sample(row))

    def _sample(self, row: Row) -> Sample:
        """A sample of the past, whose wall time is the stored one for ever and whose age is what it says."""
        time = row.time / 1000
        acquired = self._monotonic() - max(self._wall() - time, 0.0)
        return Sample(acquired, Era(time - acquired, synchronised=not row.unsynchronised), 0)

    async def run(self, tags: TagStore) -> None:
        """Write the values that changed, every minute or few, for ever."""
        self._tags = tags
        passed = 0
        while True:
            await trio.sleep(self._interval)
            passed += 1
            if passed >= self._patience():
                passed = 0
                await self.save()

    def _patience(self) -> float:
        """How many intervals lie between two writes."""
        if self._budget.level is not Level.EVERYTHING:
            return _SELDOM
        return min(self._budget.spread(self._cost, _SHARE) / self._interval, _RARELY)

    async def save(self, *, times: bool = False) -> None:
        """Write the values that changed since the last time; never raises for the disk.

        Args:
            times: also write values that stayed the same but were read again since.
        """
        if self._tags is None:
            return
        rows: list[_Columns] = []
        values: dict[str, Value] = {}
        for reading in self._tags.snapshot():
            sample, value = reading.sample, reading.last_value
            cell = self._tags.cell(reading.tag)
            if sample is None or value is None or cell is None or not sample.sequence:
                continue
            if not times and self._stored.get(reading.tag) == value:
                continue
            state, stored = pack(value, Quality.GOOD)
            clock = None if sample.era.synchronised else 0
            rows.append(
                (
                    reading.tag,
                    cell.tag.type,
                    cell.tag.units,
                    with_clock(state, clock),
                    stored,
                    milliseconds(sample.wall),
                )
            )
            values[reading.tag] = value
        if not rows:
            return
        before = self._budget.spent(_PART)
        try:
            await self._database.write(lambda connection: _store(connection, rows), _PART)
        except StoreTrouble as trouble:
            log.warning("last values stay in memory", trouble=trouble.kind)
            return
        self._stored.update(values)
        self._cost = max(self._budget.spent(_PART) - before, 0)


def _select(connection: sqlite3.Connection) -> list[_Columns]:
    return connection.execute("SELECT tag, type, units, state, value, time FROM last_value").fetchall()


def _store(connection: sqlite3.Connection, rows: list[_Columns]) -> None:
    connection.executemany("INSERT OR REPLACE INTO last_value VALUES (?, ?, ?, ?, ?, ?)", rows)
