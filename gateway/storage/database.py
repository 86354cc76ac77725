"""One SQLite file: opened, checked, written in transactions, and lived without while the disk is in trouble."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog

from gateway.storage.ballast import Ballast
from gateway.storage.budget import Budget
from gateway.storage.copies import copy_whole, is_whole, put_back
from gateway.storage.hands import Hands
from gateway.storage.migrate import Step
from gateway.storage.opening import Opening, corrupt
from gateway.storage.outage import Outage
from gateway.storage.readers import Job, Readers
from gateway.storage.set_aside import set_aside
from gateway.storage.settings import Announce
from gateway.storage.trouble import StoreTrouble, Trouble, classify, in_the_way
from gateway.storage.wal_meter import WalMeter

log = structlog.stdlib.get_logger(__name__)

T = TypeVar("T")

# Size of the log that makes a checkpoint due. A larger one would hold the writer for too long.
_CHECKPOINT_BYTES = 2 * 1024 * 1024


class Database:
    """A file of the store.

    Args:
        path: the file; ``-wal`` and ``-shm`` lie beside it.
        steps: its schema, step by step.
        hands: who executes statements.
        budget: told of every byte.
        ballast: dropped when the disk is full.
        announce: told when the disk gets into trouble and out of it.
        monotonic: seconds, for the pauses between attempts.
        wall: Unix seconds, for the name of a damaged file.
        check_limit: files up to this size are checked as a whole when they are opened.
        page_size: bytes of a page, for a file that is made now.
        small: the tables of a larger file that are checked when it is opened.

    Attributes:
        renewed: called after a new file took the place of a damaged one.
    """

    def __init__(
        self,
        path: Path,
        steps: tuple[Step, ...],
        *,
        hands: Hands,
        budget: Budget,
        ballast: Ballast,
        announce: Announce,
        monotonic: Callable[[], float],
        wall: Callable[[], float],
        check_limit: int,
        page_size: int,
        small: tuple[str, ...] = (),
    ) -> None:
        self.path = path
        self.renewed: list[Callable[[], None]] = []
        self._opening = Opening(path, steps, check_limit, page_size, small)
        self._outage = Outage(path, announce, monotonic)
        self._hands = hands
        self._budget = budget
        self._ballast = ballast
        self._announce = announce
        self._wall = wall
        self._backup = path.with_name(f"{path.name}.backup")
        self._meter = WalMeter(path)
        self._connection: sqlite3.Connection | None = None
        self._readers = Readers(path)
        self._suspect = False
        self._bad: Path | None = None
        self._starting = False
        self._from_backup: float | None = None

    @property
    def trouble(self) -> Trouble | None:
        """Why the disk takes nothing, None when all is well."""
        return self._outage.kind

    @property
    def connections(self) -> int:
        """How many are open to the file: that of the writer, and those of readers."""
        return (self._connection is not None) + len(self._readers)

    async def open(self) -> None:
        """Open the file, or learn why not; a damaged one is set aside, and its backup used or a new one begun.

        Raises:
            NewerSchema: a newer version of the gateway wrote it.
        """
        self._starting = True
        try:
            for _ in range(2):
                with suppress(StoreTrouble):
                    await self.write(_nothing, "schema")
                    return
        finally:
            self._starting = False

    def refuse(self, kind: Trouble, text: str) -> StoreTrouble:
        """Tell of trouble that the caller found before it wrote; the next write need not wait for a pause to pass."""
        trouble = StoreTrouble(kind, text)
        self._outage.begin(trouble)
        self._outage.try_now()
        return trouble

    async def back_up(self) -> None:
        """Copy the file beside itself, for a start that finds it damaged; never raises for the disk."""
        if self.trouble is None and self._connection is not None:
            self._budget.spend("backup", await self._hands.write(self._copy))

    async def write(self, job: Job[T], part: str) -> T:
        """Run a job in one transaction, on disk (fsync) when this returns.

        Args:
            job: executes statements; BEGIN and COMMIT are done for it. It may be run twice.
            part: on whose behalf, for the write budget.

        Raises:
            StoreTrouble: the disk did not take it, or did not take anything lately and it is not time to try again.
        """
        pausing = self._outage.pausing()
        if pausing is not None:
            raise StoreTrouble(pausing, "waiting to try again")
        try:
            result, written = await self._hands.write(partial(self._attempt, job))
        except StoreTrouble as trouble:
            self._outage.begin(trouble)
            raise
        finally:
            self._tell_of_new_file()
        self._budget.spend(part, written)
        self._outage.end()
        return result

    async def read(self, job: Job[T]) -> T:
        """Run a job in a read transaction of its own connection; ends soon when the caller is cancelled.

        Raises:
            StoreTrouble: the file cannot be read.
        """
        try:
            return await self._hands.read(partial(self._readers.query, job, self.trouble))
        except StoreTrouble as trouble:
            self._suspect = self._suspect or trouble.kind is Trouble.CORRUPT
            raise

    def bytes_used(self, connection: sqlite3.Connection) -> int:
        """Bytes of the file that hold something; call it within a job."""
        size, pages, free = (
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_size", "page_count", "freelist_count")
        )
        return int(size) * (int(pages) - int(free))

    async def checkpoint(self) -> None:
        """Copy the log into the file now."""
        connection = self._connection
        if connection is not None:
            self._budget.spend("checkpoint", await self._hands.write(partial(self._checkpoint, connection)))

    async def close(self) -> None:
        """Close the file and all readers."""
        await self._hands.write(self._close)

    # From here on: in the writer thread.

    def _attempt(self, job: Job[T]) -> tuple[T, int]:
        try:
            try:
                return self._transact(job)
            except (sqlite3.Error, OSError) as error:
                if classify(error, self.path) is not Trouble.FULL or not self._ballast.drop():
                    raise
                return self._transact(job)
        except (sqlite3.Error, OSError) as error:
            kind = classify(error, self.path)
            if kind is None:
                raise
            if kind is Trouble.CORRUPT:
                kind = self._begin_anew()
            elif kind is not Trouble.FULL:
                self._drop()  # a descriptor of a disk that went away and came back stays broken
            place = in_the_way(self.path) if kind is Trouble.MISPLACED else None
            raise StoreTrouble(kind, str(error), place) from error

    def _transact(self, job: Job[T]) -> tuple[T, int]:
        copied = 0
        if self._suspect:
            raise corrupt("a reader found damage")
        if self._connection is None:
            was_filled = self._starting and self._backup.exists()
            self._connection, copied = self._opening.connect(self._meter, was_filled=was_filled)
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = job(connection)
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            raise
        written = copied + self._meter.appended()
        if self._meter.logged >= _CHECKPOINT_BYTES:
            written += self._checkpoint(connection)
        return result, written

    def _checkpoint(self, connection: sqlite3.Connection) -> int:
        """Copy the log into the database. What is committed is safe either way, so a failure waits for the next."""
        try:
            _, in_log, copied = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.Error as error:
            if classify(error) in {None, Trouble.CORRUPT}:
                raise
            return 0
        return self._meter.checkpointed(in_log, copied)

    def _copy(self) -> int:
        connection = self._connection
        if connection is None:
            return 0
        try:
            return copy_whole(connection, self.path, self._backup)
        except (sqlite3.Error, OSError) as error:
            # What is damaged is set aside by the next write, and the last sound backup stays.
            self._suspect = self._suspect or classify(error) is Trouble.CORRUPT
            log.warning("backup not made", file=self._backup.name, error=str(error))
            return 0

    def _begin_anew(self) -> Trouble:
        """Put a damaged file out of the way, so that the next attempt makes a new one or finds the backup."""
        self._drop()
        try:
            self._bad = set_aside(self.path, self._wall())
        except OSError as error:
            return classify(error) or Trouble.IO
        self._suspect = False
        # Later, memory knows more than the backup.
        if self._starting and is_whole(self._backup, len(self._opening.steps)):
            self._put_back()
        return Trouble.CORRUPT

    def _put_back(self) -> None:
        try:
            try:
                put_back(self._backup, self.path)
            except OSError as error:
                if classify(error) is not Trouble.FULL or not self._ballast.drop():
                    raise
                put_back(self._backup, self.path)
            self._from_backup = self._backup.stat().st_mtime
        except OSError as error:
            log.warning("backup not put back", file=self._backup.name, error=str(error))

    def _drop(self) -> None:
        self._meter.close()
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _close(self) -> None:
        self._readers.renew()
        self._drop()

    # From here on: in the run loop.

    def _tell_of_new_file(self) -> None:
        bad, self._bad = self._bad, None
        if bad is None:
            return
        self._readers.renew()
        for tell in self.renewed:
            tell()
        made, self._from_backup = self._from_backup, None
        instead = "a new one is begun"
        if made is not None:
            when = f"{datetime.fromtimestamp(made, UTC):%Y-%m-%d %H:%M} UTC"
            instead = f"its backup of {when} takes its place; check set-points written since"
        self._announce(
            "storage",
            "critical",
            f"{self.path.name} was damaged: it is kept as {bad.name}, {instead}",
            {"state": "firing", "reason": Trouble.CORRUPT, "file": self.path.name, "kept_as": bad.name},
        )


def _nothing(_: sqlite3.Connection) -> None:
    """The job of just opening."""
