"""One SQLite file: opened, checked, written in transactions, and lived without while the disk is in trouble."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog

from gateway.core.ports import Json
from gateway.storage.ballast import Ballast
from gateway.storage.budget import Budget
from gateway.storage.copies import copy_whole, is_whole, put_back, sync_directory
from gateway.storage.hands import Hands
from gateway.storage.migrate import Step, has_tables_of, migrate
from gateway.storage.readers import Job, Readers, text
from gateway.storage.set_aside import set_aside
from gateway.storage.settings import Announce
from gateway.storage.trouble import CURES, StoreTrouble, Trouble, classify, in_the_way
from gateway.storage.wal_meter import WalMeter

log = structlog.stdlib.get_logger(__name__)

T = TypeVar("T")

# Size of the log that makes a checkpoint due. A larger one would hold the writer for too long.
_CHECKPOINT_BYTES = 2 * 1024 * 1024
_RETRY_FIRST_S = 1.0
_RETRY_LAST_S = 60.0
_CALM_S = 30.0

_PRAGMAS = (
    "PRAGMA synchronous = FULL",
    "PRAGMA wal_autocheckpoint = 0",
    "PRAGMA journal_size_limit = 8388608",
    "PRAGMA cache_size = -1024",
    "PRAGMA temp_store = MEMORY",
    # Some builds overwrite every freed page with zeros, which doubles what deleting writes to the card.
    "PRAGMA secure_delete = OFF",
    "PRAGMA cell_size_check = ON",
    "PRAGMA trusted_schema = OFF",
)


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
        trouble: why the disk takes nothing, None when all is well.
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
        self.trouble: Trouble | None = None
        self.renewed: list[Callable[[], None]] = []
        self._steps = steps
        self._hands = hands
        self._budget = budget
        self._ballast = ballast
        self._announce = announce
        self._monotonic = monotonic
        self._wall = wall
        self._check_limit = check_limit
        self._page_size = page_size
        self._small = small
        self._backup = path.with_name(f"{path.name}.backup")
        self._meter = WalMeter(path)
        self._connection: sqlite3.Connection | None = None
        self._readers = Readers(path)
        self._suspect = False
        self._bad: Path | None = None
        self._starting = False
        self._from_backup: float | None = None
        self._announced: Trouble | None = None
        self._fell_at = 0.0
        self._retry_at = 0.0
        self._pause = _RETRY_FIRST_S

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
        self._fell(trouble)
        self._retry_at = self._monotonic()
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
        if self.trouble is not None and self._monotonic() < self._retry_at:
            raise StoreTrouble(self.trouble, "waiting to try again")
        try:
            result, written = await self._hands.write(partial(self._attempt, job))
        except StoreTrouble as trouble:
            self._fell(trouble)
            raise
        finally:
            self._tell_of_new_file()
        self._budget.spend(part, written)
        self._recovered()
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
            raise _corrupt("a reader found damage")
        if self._connection is None:
            self._connection, copied = self._connect()
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

    def _connect(self) -> tuple[sqlite3.Connection, int]:
        """Open, check and migrate the file.

        Raises:
            sqlite3.Error: with the code of a damaged file where its content contradicts itself.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            sync_directory(self.path.parent)
        except FileExistsError:
            if self._starting and not self.path.stat().st_size and self._backup.exists():
                raise _corrupt("the file is empty, and was not when its backup was made") from None
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=1.0)
        try:
            connection.text_factory = text
            connection.execute(f"PRAGMA page_size = {self._page_size}")
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            if mode != "wal":
                raise sqlite3.DatabaseError(f"{self.path}: no write-ahead log, journal mode is {mode}")
            for pragma in _PRAGMAS:
                connection.execute(pragma)
            large = self.path.stat().st_size > self._check_limit
            if not large:
                _check(connection, "quick_check(1)")
            self._meter.appended()  # what an earlier process left in the log is not written now
            copied = migrate(connection, self.path, self._steps)
            if not has_tables_of(connection, self.path, self._steps):
                raise _corrupt("tables are not those of this schema")
            for table in self._small if large else ():
                _check(connection, f"quick_check('{table}')")
            return connection, copied
        except sqlite3.Error as error:
            connection.close()
            if classify(error) is None:
                # Statements that worked on every sound file fail here: the file is to blame, whatever the code says.
                raise _corrupt(str(error)) from error
            raise
        except BaseException:
            connection.close()
            raise

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
        if self._starting and is_whole(self._backup, len(self._steps)):
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

    def _fell(self, trouble: StoreTrouble) -> None:
        if trouble.kind is Trouble.CORRUPT:
            # The damaged file is out of the way: the next attempt has every reason to succeed.
            self.trouble, self._retry_at = trouble.kind, self._monotonic()
            return
        if trouble.kind is not self.trouble:
            self._pause = _RETRY_FIRST_S
        if trouble.kind is not self._announced:
            self._announced = trouble.kind
            self._announce(
                "storage",
                "critical",
                f"{(trouble.place or self.path).name}: {CURES[trouble.kind]}; everything is kept in memory until then",
                {"state": "firing", "reason": trouble.kind, "file": self.path.name, "error": str(trouble)},
            )
        self.trouble = trouble.kind
        self._fell_at = self._monotonic()
        self._retry_at = self._fell_at + self._pause
        self._pause = min(self._pause * 2, _RETRY_LAST_S)

    def _recovered(self) -> None:
        self.trouble = None
        self._pause = _RETRY_FIRST_S
        # A disk on the edge takes one write and refuses the next: that is one trouble, and told once.
        if self._announced is not None and self._monotonic() - self._fell_at >= _CALM_S:
            details: dict[str, Json] = {"state": "resolved", "reason": self._announced, "file": self.path.name}
            self._announced = None
            self._announce("storage", "info", f"{self.path.name}: the disk takes data again", details)

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


def _check(connection: sqlite3.Connection, check: str) -> None:
    (found,) = connection.execute(f"PRAGMA {check}").fetchone()
    if found != "ok":
        raise _corrupt(found)


def _corrupt(text: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(text)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error
