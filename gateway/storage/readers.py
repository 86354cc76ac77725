"""Connections that only read, each in a thread of its own while it does; the writer is never held up by them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from gateway.storage.hands import READERS, Stop
from gateway.storage.trouble import StoreTrouble, Trouble, classify

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], T]

# How many steps of SQLite's machine a query runs between two looks at whether its caller still waits.
_STEPS_BETWEEN_LOOKS = 2000


class Readers:
    """The readers of one database; idle connections are kept for the next query.

    Args:
        path: the database.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: list[sqlite3.Connection] = []
        self._open: set[sqlite3.Connection] = set()
        self._files = 0

    def __len__(self) -> int:
        """How many are open."""
        return len(self._open)

    def renew(self) -> None:
        """Close what is idle, and what is busy when it is done: the file has been replaced, or is no longer needed."""
        self._files += 1
        while self._idle:
            self._close(self._idle.pop())

    def query(self, job: Job[T], trouble: Trouble | None, stop: Stop) -> T:
        """Run a job in a read transaction.

        Args:
            job: executes statements.
            trouble: of the writer: a file whose tables could not be made yet has none to read.
            stop: asked now and then; the query ends when it says so.

        Raises:
            StoreTrouble: the file cannot be read.
        """
        files = self._files
        try:
            connection = self._idle_connection() or self._connect()
        except sqlite3.Error as error:
            raise StoreTrouble(classify(error, self._path) or Trouble.CORRUPT, str(error)) from error
        sound = False
        try:
            connection.set_progress_handler(stop, _STEPS_BETWEEN_LOOKS)
            connection.execute("BEGIN")
            result = job(connection)
            connection.execute("ROLLBACK")
            sound = True
            return result
        except sqlite3.Error as error:
            kind = classify(error, self._path) or trouble
            if kind is None:
                raise
            raise StoreTrouble(kind, str(error)) from error
        finally:
            if sound and files == self._files and len(self._idle) < READERS:
                self._idle.append(connection)
            else:
                self._close(connection)

    def _close(self, connection: sqlite3.Connection) -> None:
        self._open.discard(connection)
        connection.close()

    def _idle_connection(self) -> sqlite3.Connection | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _connect(self) -> sqlite3.Connection:
        """A connection that cannot write. On a read-only disk the log cannot be shared: then the file alone is read."""
        uri = self._path.absolute().as_uri()
        for mode in ("mode=ro", "mode=ro&immutable=1"):
            connection = sqlite3.connect(
                f"{uri}?{mode}", uri=True, isolation_level=None, check_same_thread=False, timeout=1.0
            )
            try:
                connection.text_factory = text
                connection.execute("PRAGMA cache_size = -1024")
                connection.execute("PRAGMA query_only = ON")
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
                self._open.add(connection)
                return connection
            except sqlite3.Error as error:
                connection.close()
                if classify(error) is not Trouble.READ_ONLY or mode.endswith("immutable=1"):
                    raise
        raise AssertionError("unreachable: the loop returns or raises")


def text(raw: bytes) -> str:
    """Text as it stands in the file; damaged bytes must not stop a reader, checksums find them where it matters."""
    return raw.decode("utf-8", "replace")
