"""The file of events: jobs share commits, and room is made before the file gets too large."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TypeVar

import structlog
import trio

from gateway.core.eventlog import KeptWebhook, NotKept
from gateway.core.events import Event
from gateway.storage.database import Database
from gateway.storage.event_room import Removed, Room
from gateway.storage.event_rows import ALL_TABLES
from gateway.storage.event_settings import EventStoreSettings
from gateway.storage.outbox_registry import Registry
from gateway.storage.outbox_rows import encode, remove, save, webhooks
from gateway.storage.readers import Job
from gateway.storage.trouble import StoreTrouble, Trouble

log = structlog.stdlib.get_logger(__name__)

T = TypeVar("T")

_PART = "events"
# Jobs in a transaction, so that it does not hold the writer for long.
_MOST_TOGETHER = 200
# Of the size of the file, what one transaction may add: so much at most has to give way for it.
_MOST_OF_SIZE = 8


class _NoRoomError(Exception):
    """The file would become larger than it may, by so many bytes."""

    def __init__(self, short: int) -> None:
        super().__init__(short)
        self.short = short


@dataclass(eq=False, slots=True)
class _Waiting:
    """A job that waits for its commit; it returns what is to be done once it is on the disk."""

    job: Job[Callable[[], None]]
    weight: int
    done: trio.Event = field(default_factory=trio.Event)
    fault: Exception | None = None

    def end(self, fault: Exception | None = None) -> None:
        self.fault = fault
        self.done.set()


@dataclass(frozen=True, slots=True)
class _Found:
    """What stands in the file when it is first used."""

    first: int
    last: int
    webhooks: list[KeptWebhook]


class EventFile:
    """One database of events, deliveries and messages.

    Args:
        database: the file.
        settings: limits and intervals.
        registry: of webhooks, which a new file gets back.
        used: numbers of events up to this one may have been used before this start.

    Attributes:
        first: as in ``core.eventlog.EventLog``.
        last: as in ``core.eventlog.EventLog``; events with higher numbers that stand in the file were refused.
        dropping: as in ``core.eventlog.EventLog``.
        gave_way: told when events of more than low priority went before their time.
        removed: how many events went since the start, for their ``age`` or to make ``room``.
    """

    def __init__(self, database: Database, settings: EventStoreSettings, registry: Registry, used: int) -> None:
        self.settings = settings
        self.first = used + 1
        self.last = 0
        self.dropping: list[Callable[[Sequence[Event]], None]] = []
        self.gave_way: list[Callable[[], None]] = []
        self.removed = {"age": 0, "room": 0}
        self._database = database
        self._registry = registry
        self._used = used
        self._begun = self._known = False
        self._in_doubt = False
        self._turn = trio.Lock()
        self._waiting: list[_Waiting] = []
        database.renewed.append(self._renewed)

    async def open(self) -> None:
        """Open the file, or learn why not.

        Raises:
            NewerSchema: a newer version of the gateway wrote it.
        """
        await self._database.open()
        try:
            async with self._turn:
                await self._begin()
        except StoreTrouble as trouble:
            log.warning("events not readable", trouble=trouble.kind)

    async def write(
        self, job: Job[T], *, weight: int = 0, patience: float = 0.0, then: Callable[[T], None] | None = None
    ) -> T:
        """Run a job in a transaction that it shares with others; on the disk (fsync) when this returns.

        Args:
            job: executes statements. It may be run twice.
            weight: bytes it adds, more or less.
            patience: seconds it may wait for others.
            then: told the result as soon as it is on the disk, before anybody else writes.

        Raises:
            NotKept: the disk does not take it, or there is no room that could be made.
        """
        if weight > self.settings.size // _MOST_OF_SIZE:
            raise NotKept(f"{weight} bytes at once are too much for {self._database.path.name}: raise [events] size")
        results: list[T] = []

        def prepared(connection: sqlite3.Connection) -> Callable[[], None]:
            result = job(connection)

            def reached() -> None:
                results.append(result)
                if then is not None:
                    then(result)

            return reached

        waiting = _Waiting(prepared, weight)
        self._waiting.append(waiting)
        try:
            if patience:
                with trio.move_on_after(patience):
                    await waiting.done.wait()
            while not waiting.done.is_set():
                async with self._turn:
                    if not waiting.done.is_set():
                        await self._commit()
        except BaseException:
            if waiting in self._waiting:
                self._waiting.remove(waiting)
            raise
        if waiting.fault is not None:
            raise waiting.fault
        return results[0]

    async def read(self, job: Job[T]) -> T:
        """Run a job in a read transaction.

        Raises:
            NotKept: the file cannot be read.
        """
        try:
            if not self._begun:
                async with self._turn:
                    await self._look()
            return await self._database.read(job)
        except StoreTrouble as trouble:
            raise NotKept(str(trouble)) from trouble

    async def used(self) -> int:
        """Bytes of the file that hold something.

        Raises:
            NotKept: the file cannot be read.
        """
        return await self.read(self._database.bytes_used)

    async def remove(self, job: Callable[[Room, sqlite3.Connection], Removed]) -> int:
        """Remove some rows in a transaction of their own, and tell of them. Returns how many.

        Raises:
            NotKept: the disk does not take it.
        """
        try:
            async with self._turn:
                await self._begin()
                removed, _ = await self._remove(job)
                return removed
        except StoreTrouble as trouble:
            raise NotKept(str(trouble)) from trouble

    # From here on: whoever holds the turn.

    async def _commit(self) -> None:
        """Write what waits, together."""
        batch = self._next()
        del self._waiting[: len(batch)]
        try:
            await self._write_all(batch)
        except BaseException:
            # Whoever was to write is gone: the next of those who wait does.
            self._waiting[:0] = [waiting for waiting in batch if not waiting.done.is_set()]
            raise

    def _next(self) -> list[_Waiting]:
        weights = accumulate(waiting.weight for waiting in self._waiting[:_MOST_TOGETHER])
        light = sum(1 for weight in weights if weight <= self.settings.size // _MOST_OF_SIZE)
        return self._waiting[:light]

    async def _write_all(self, batch: list[_Waiting]) -> None:
        def together(connection: sqlite3.Connection) -> list[Callable[[], None]]:
            reached = [waiting.job(connection) for waiting in batch]
            short = self._database.bytes_used(connection) - self.settings.size
            if short > 0:
                raise _NoRoomError(short)
            return reached

        try:
            done = await self._fitted(together)
        except StoreTrouble as trouble:
            for waiting in batch:
                waiting.end(NotKept(str(trouble)))
        except Exception as fault:  # noqa: BLE001 - it is raised where the job came from
            # One of them is at fault, or too large: it is told, and the others are none the worse.
            if len(batch) > 1:
                for waiting in batch:
                    await self._write_all([waiting])
            elif isinstance(fault, _NoRoomError):
                batch[0].end(NotKept(f"{self._database.path.name} is full: raise [events] size"))
            else:
                batch[0].end(fault)
        else:
            for waiting, reached in zip(batch, done, strict=True):
                reached()
                waiting.end()

    async def _fitted(self, job: Job[T]) -> T:
        """Write, and where there is no room for it make some first, a step at a time."""
        while True:
            try:
                return await self._written(job)
            except _NoRoomError as error:
                lacking = error
            freed = 0
            while freed < lacking.short:
                removed, step = await self._remove(Room.make)
                if not removed:
                    raise lacking
                freed += step

    async def _written(self, job: Job[T]) -> T:
        """Write once more where the file was damaged and a new one could be begun."""
        for again in (True, False):
            try:
                await self._begin()
                result = await self._database.write(self._undoubted(job), _PART)
            except StoreTrouble as trouble:
                # The disk may have taken the whole commit and failed only to say so.
                self._in_doubt = True
                if trouble.kind is not Trouble.CORRUPT or not again:
                    raise
            else:
                self._in_doubt = False
                return result
        raise AssertionError("unreachable: the loop returns or raises")

    async def _look(self) -> None:
        """Learn what stands in the file without writing: what takes nothing can be read all the same."""
        if self._begun:
            return
        found = None
        with suppress(StoreTrouble):
            found = await self._database.read(_found)
        if found is None:
            await self._begin()
        else:
            self._follow(found)

    async def _begin(self) -> None:
        """Learn what stands in the file; put into a new one what does not depend on the old one."""
        if self._begun:
            return
        before, copies = max(self.last, self._used), self._registry.copies()

        def begin(connection: sqlite3.Connection) -> _Found:
            found = _found(connection)
            if found is None:
                connection.execute("INSERT INTO kept VALUES ('first', ?)", (before + 1,))
                for copy in copies:
                    save(connection, copy.id, encode(copy.document), copy.cursor)
                found = _Found(before + 1, 0, webhooks(connection))
            return found

        self._follow(await self._database.write(begin, _PART))

    def _follow(self, found: _Found) -> None:
        self.first = found.first
        if not self._known:
            # Later, what stands there beyond the last number was refused.
            self.last = found.last
            self._registry.follow(found.webhooks)
        self._begun = self._known = True

    def _undoubted(self, job: Job[T]) -> Job[T]:
        """A job that first takes out of the file what was refused and stands there all the same."""
        if not self._in_doubt:
            return job
        last, copies = self.last, {copy.id: copy for copy in self._registry.copies()}

        def undoubted(connection: sqlite3.Connection) -> T:
            for table in ALL_TABLES:
                connection.execute(f"DELETE FROM {table} WHERE seq > ?", (last,))  # noqa: S608 - one of our tables
            for webhook in webhooks(connection):
                if webhook.id not in copies:
                    remove(connection, webhook.id)
            for copy in copies.values():
                save(connection, copy.id, encode(copy.document), copy.cursor)
            return job(connection)

        return undoubted

    async def _remove(self, job: Callable[[Room, sqlite3.Connection], Removed]) -> tuple[int, int]:
        """Returns how many rows are gone, and how many bytes that freed."""
        room = Room(self.settings, bool(self.dropping))

        def step(connection: sqlite3.Connection) -> tuple[Removed, int]:
            before = self._database.bytes_used(connection)
            removed = job(room, connection)
            return removed, before - self._database.bytes_used(connection)

        try:
            removed, freed = await self._database.write(step, _PART)
        except StoreTrouble:
            # It may have been done all the same: look again at what is there.
            self._begun = False
            raise
        self.removed["room" if job is Room.make else "age"] += removed.of_log
        if removed.first is not None:
            self.first = max(self.first, removed.first)
        if removed.events:
            for tell in self.dropping:
                tell(removed.events)
        if removed.early:
            for say in self.gave_way:
                say()
        return removed.rows, freed

    def _renewed(self) -> None:
        self._begun = False


def _found(connection: sqlite3.Connection) -> _Found | None:
    """What stands in the file; None for a new one."""
    kept = connection.execute("SELECT value FROM kept WHERE name = 'first'").fetchone()
    if kept is None:
        return None
    newest = (connection.execute(f"SELECT max(seq) FROM {table}").fetchone() for table in ALL_TABLES)  # noqa: S608 - our tables
    return _Found(kept[0], max(found or 0 for (found,) in newest), webhooks(connection))
