"""The log of events: appended in groups, read in pages."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence

from gateway.core.eventlog import Entry
from gateway.core.events import Event
from gateway.storage.event_file import EventFile
from gateway.storage.event_rows import ROW_BYTES, Row, add, gateways_of, read, rows_between, rows_of_time, write

# Bytes of data after which a page ends: in memory they take twenty times as much where somebody is out for that.
_PAGE_BYTES = 64 * 1024


class StoredLog:
    """Implements ``core.eventlog.EventLog``.

    Args:
        file: where events are kept.

    Attributes:
        dropping: see ``core.eventlog.EventLog``.
    """

    def __init__(self, file: EventFile) -> None:
        self._file = file
        self.dropping: list[Callable[[Sequence[Event]], None]] = file.dropping

    @property
    def first(self) -> int:
        """See ``core.eventlog.EventLog``."""
        return self._file.first

    @property
    def last(self) -> int:
        """See ``core.eventlog.EventLog``; after a damaged file gave way to a new one, still the newest there was."""
        return self._file.last

    async def append(self, entries: Sequence[Entry]) -> None:
        """See ``core.eventlog.EventLog``; events that are there already stay as they are.

        Raises:
            NotKept: none of them is on the disk.
        """
        rows = [write(entry) for entry in entries]
        newest = max((entry.event.sequence for entry in entries), default=0)

        def job(connection: sqlite3.Connection) -> int:
            add(connection, rows)
            return newest

        if rows:
            weight = sum(len(row.data) + ROW_BYTES for row in rows)
            await self._file.write(job, weight=weight, then=self._reached)

    def _reached(self, newest: int) -> None:
        self._file.last = max(self._file.last, newest)

    async def after(self, sequence: int, limit: int) -> list[Event]:
        """See ``core.eventlog.EventLog``.

        Raises:
            NotKept: the file cannot be read now.
        """

        def job(connection: sqlite3.Connection) -> list[Event]:
            return _events(connection, rows_between(connection, sequence, self._file.last), limit)

        return await self._file.read(job)

    async def between(self, start: float, end: float, after: int, limit: int) -> list[Event]:
        """See ``core.eventlog.EventLog``.

        Raises:
            NotKept: the file cannot be read now.
        """

        def job(connection: sqlite3.Connection) -> list[Event]:
            found = rows_of_time(connection, start, end, after, self._file.last)
            return _events(connection, found, limit)

        return await self._file.read(job)

    async def find(self, sequence: int) -> Event | None:
        """See ``core.eventlog.EventLog``.

        Raises:
            NotKept: the file cannot be read now.
        """
        found = await self.after(sequence - 1, 1)
        return found[0] if found and found[0].sequence == sequence else None


def _events(connection: sqlite3.Connection, rows: Iterable[Row], limit: int) -> list[Event]:
    gateways = gateways_of(connection)
    found: list[Event] = []
    size = 0
    for row in rows:
        event = read(row, gateways)
        if event is None:
            continue
        found.append(event)
        size += len(row[-1])
        if len(found) >= limit or size >= _PAGE_BYTES:
            break
    return found
