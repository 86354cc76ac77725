"""Room in the file of events: which rows go first when it runs out, and which are too old."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from gateway.core.eventlog import Priority
from gateway.core.events import Event
from gateway.storage.event_rows import COLUMNS, MESSAGES, TABLES, Row, gateways_of, read
from gateway.storage.event_settings import EventStoreSettings

# Finished, and behind the cursor: what a crash needs in order to know where it was stays.
_FINISHED = """
    SELECT delivery.number FROM delivery LEFT JOIN cursor USING (webhook)
    WHERE finished IS NOT NULL AND sequence <= coalesce(cursor, sequence)"""
_NEWEST_BUT = "SELECT number FROM delivery WHERE finished IS NOT NULL ORDER BY number DESC LIMIT 1 OFFSET ?"


@dataclass(frozen=True, slots=True)
class Removed:
    """What one step removed.

    Attributes:
        rows: how many are gone.
        events: those of them that are events, oldest first; empty where nobody wants to know.
        first: as in ``core.eventlog.EventLog``, from now on; None where it stays.
        early: whether they are events of more than low priority that went before their time.
        of_log: how many of them are events.
    """

    rows: int
    events: list[Event] = field(default_factory=list)
    first: int | None = None
    early: bool = False
    of_log: int = 0


NOTHING = Removed(0)


@dataclass(frozen=True, slots=True)
class Room:
    """Removes rows, one small step a transaction.

    Args:
        settings: how much and how long.
        told: whether anybody wants to know which events went.
    """

    settings: EventStoreSettings
    told: bool

    def make(self, connection: sqlite3.Connection) -> Removed:
        """Remove the next rows in the order in which they give way; ``NOTHING`` where none is left that may go."""
        spare = self.settings.spare_deliveries
        steps: tuple[Callable[[], Removed], ...] = (
            lambda: self._events(connection, Priority.LOW),
            lambda: self._deliveries(connection, f"AND delivery.number <= ({_NEWEST_BUT})", (spare,)),
            # Before what anybody else said: who writes to himself, and acknowledges it, fills the log otherwise.
            lambda: self._rows(connection, MESSAGES, "waiting = 0", ()),
            lambda: self._events(connection, Priority.NORMAL),
            lambda: self._events(connection, Priority.HIGH),
            lambda: self._deliveries(connection, "", ()),
            lambda: self._events(connection, Priority.URGENT),
            lambda: self._rows(connection, MESSAGES, "TRUE", ()),
        )
        removed = next((removed for step in steps if (removed := step()).rows), NOTHING)
        return replace(removed, early=removed.first is not None)

    def outlived(self, connection: sqlite3.Connection, now: float) -> Removed:
        """Remove the next rows that are too old; ``NOTHING`` where none is.

        An event is as old as its number: one whose clock nobody vouched for, or whose time is before that of its
        elders, goes together with them and never before.

        Args:
            connection: in a transaction.
            now: Unix seconds.
        """
        before = now - self.settings.retention
        for table in TABLES.values():
            removed = self._rows(connection, table, "seq <= ?", (self._outlived(connection, table, before),))
            if removed.rows:
                return removed
        last = self._outlived(connection, MESSAGES, before)
        arrived = "seq <= ? AND (waiting = 0 OR NOT synchronised OR expires < ?)"
        removed = self._rows(connection, MESSAGES, arrived, (last, now))
        return removed if removed.rows else self._deliveries(connection, "AND finished < ?", (before,))

    def orphans(self, connection: sqlite3.Connection) -> Removed:
        """Remove the next deliveries of webhooks that are gone."""
        gone = connection.execute(
            "DELETE FROM delivery WHERE number IN"
            " (SELECT number FROM delivery WHERE webhook NOT IN (SELECT number FROM webhook) LIMIT ?)",
            (self.settings.slice_rows,),
        )
        return Removed(gone.rowcount)

    def _outlived(self, connection: sqlite3.Connection, table: str, before: float) -> int:
        """The number up to which the next events of a table are older than a moment; 0 where the first is not."""
        last = 0
        # Of messages the first may all be waiting still: there the look goes beyond one step.
        most = -1 if table == MESSAGES else self.settings.slice_rows
        rows = connection.execute(
            f"SELECT seq, time FROM {table} WHERE synchronised ORDER BY seq LIMIT ?",  # noqa: S608 - one of our tables
            (most,),
        )
        for seq, time in rows:
            if time >= before:
                break
            last = seq
        return last

    def _events(self, connection: sqlite3.Connection, priority: Priority) -> Removed:
        return self._rows(connection, TABLES[priority], "TRUE", ())

    def _deliveries(self, connection: sqlite3.Connection, condition: str, values: tuple[float, ...]) -> Removed:
        gone = connection.execute(
            f"DELETE FROM delivery WHERE number IN ({_FINISHED} {condition} ORDER BY delivery.number LIMIT ?)",  # noqa: S608 - words of this module
            (*values, self.settings.slice_rows),
        )
        return Removed(gone.rowcount)

    def _rows(self, connection: sqlite3.Connection, table: str, condition: str, values: tuple[float, ...]) -> Removed:
        rows = list(self._slice(connection, table, condition, values))
        if not rows:
            return NOTHING
        connection.executemany(f"DELETE FROM {table} WHERE seq = ?", [(row[0],) for row in rows])  # noqa: S608 - one of our tables
        first = None
        if table != TABLES[Priority.LOW]:
            (first,) = connection.execute("SELECT value FROM kept WHERE name = 'first'").fetchone()
            first = max(first, rows[-1][0] + 1)
            connection.execute("UPDATE kept SET value = ? WHERE name = 'first'", (first,))
        events: list[Event] = []
        if self.told:
            gateways = gateways_of(connection)
            events = [event for row in rows if (event := read(row, gateways)) is not None]
        return Removed(len(rows), events, first, of_log=len(rows))

    def _slice(
        self, connection: sqlite3.Connection, table: str, condition: str, values: tuple[float, ...]
    ) -> Iterator[Row]:
        size = 0
        found = connection.execute(
            f"SELECT {COLUMNS} FROM {table} WHERE {condition} ORDER BY seq LIMIT ?",  # noqa: S608 - words of this module
            (*values, self.settings.slice_rows),
        )
        for row in found:
            yield row
            size += len(row[-1])
            if size > self.settings.slice_bytes:
                break
