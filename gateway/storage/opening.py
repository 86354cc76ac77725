"""Opens a database file: made where it is missing, checked, set up, and brought to the present schema."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from gateway.storage.copies import sync_directory
from gateway.storage.migrate import Step, has_tables_of, migrate
from gateway.storage.readers import text
from gateway.storage.trouble import classify
from gateway.storage.wal_meter import WalMeter

_PRAGMAS = (
    "PRAGMA synchronous = FULL",
    "PRAGMA wal_autocheckpoint = 0",
    "PRAGMA journal_size_limit = 8388608",
    # Enough for every page that one flush or one step of upkeep touches: more changed neither bytes nor time.
    "PRAGMA cache_size = -256",
    "PRAGMA temp_store = MEMORY",
    # Some builds overwrite every freed page with zeros, which doubles what deleting writes to the card.
    "PRAGMA secure_delete = OFF",
    "PRAGMA cell_size_check = ON",
    "PRAGMA trusted_schema = OFF",
)


@dataclass(frozen=True, slots=True)
class Opening:
    """How a file of the store is opened.

    Attributes:
        path: the file.
        steps: its schema, step by step.
        check_limit: files up to this size are checked as a whole.
        page_size: bytes of a page, for a file that is made now.
        small: the tables of a larger file that are checked.
    """

    path: Path
    steps: tuple[Step, ...]
    check_limit: int
    page_size: int
    small: tuple[str, ...] = ()

    def connect(self, meter: WalMeter, *, was_filled: bool) -> tuple[sqlite3.Connection, int]:
        """Open, check and migrate the file.

        Args:
            meter: begins to count here.
            was_filled: the file cannot be empty, unless it is damaged.

        Returns:
            The connection, and the bytes that a copy before the migration took.

        Raises:
            sqlite3.Error: with the code of a damaged file where its content contradicts itself.
        """
        self._make(was_filled=was_filled)
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=1.0)
        try:
            connection.text_factory = text
            connection.execute(f"PRAGMA page_size = {self.page_size}")
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            if mode != "wal":
                raise sqlite3.DatabaseError(f"{self.path}: no write-ahead log, journal mode is {mode}")
            for pragma in _PRAGMAS:
                connection.execute(pragma)
            large = self.path.stat().st_size > self.check_limit
            if not large:
                _check(connection, "quick_check(1)")
            meter.appended()  # what an earlier process left in the log is not written now
            copied = migrate(connection, self.path, self.steps)
            if not has_tables_of(connection, self.path, self.steps):
                raise corrupt("tables are not those of this schema")
            for table in self.small if large else ():
                _check(connection, f"quick_check('{table}')")
            return connection, copied
        except sqlite3.Error as error:
            connection.close()
            if classify(error) is None:
                # Statements that worked on every sound file fail here: the file is to blame, whatever the code says.
                raise corrupt(str(error)) from error
            raise
        except BaseException:
            connection.close()
            raise

    def _make(self, *, was_filled: bool) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            sync_directory(self.path.parent)
        except FileExistsError:
            if was_filled and not self.path.stat().st_size:
                raise corrupt("the file is empty, and was not when its backup was made") from None


def _check(connection: sqlite3.Connection, check: str) -> None:
    (found,) = connection.execute(f"PRAGMA {check}").fetchone()
    if found != "ok":
        raise corrupt(found)


def corrupt(words: str) -> sqlite3.DatabaseError:
    """The error of a damaged file, as SQLite itself raises it."""
    error = sqlite3.DatabaseError(words)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error
