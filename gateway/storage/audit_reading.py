"""Reads an audit log beside the gateway that writes it, or a copy of one; it never changes the file."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from gateway.storage.audit_rows import AuditKey, Head, Written, read
from gateway.storage.audit_verify import Verdict, verify
from gateway.storage.audit_witness import kept_head
from gateway.storage.migrate import packaged_steps


class AuditFileError(Exception):
    """The file cannot be read as an audit log; the text says why and what to do."""


_UNREADABLE = Written(time=0, clock="", key="", action="(unreadable)", outcome="")

Wanted = Callable[[Written], bool]


def verify_file(path: Path, key: AuditKey, heads: Sequence[Head] = ()) -> Verdict:
    """Verify the audit log in a file.

    Args:
        path: the database.
        key: its rows are sealed with.
        heads: kept elsewhere; they must be in the chain.

    Raises:
        AuditFileError: it cannot be read as an audit log.
    """
    with _opened(path) as connection:
        return verify(connection, key, heads)


def newest(path: Path, wanted: Wanted, most: int | None) -> list[tuple[int, Written]]:
    """The newest rows that are wanted, oldest first, with their numbers.

    Args:
        path: the database.
        wanted: says whether a row is.
        most: how many at most, None for all there are.

    Raises:
        AuditFileError: it cannot be read as an audit log.
    """
    found: list[tuple[int, Written]] = []
    with _opened(path) as connection:
        for seq, entry in connection.execute("SELECT seq, entry FROM audit ORDER BY seq DESC"):
            if most is not None and len(found) == most:
                break
            # What somebody made unreadable must not vanish from a list.
            written = read(entry) or _UNREADABLE
            if wanted(written):
                found.append((seq, written))
    return found[::-1]


def remembered(control: Path) -> Head | None:
    """The newest row as ``ferrule.db`` remembers it; None where that is not there, or cannot be read.

    Read it before the log: a gateway that runs goes on writing, and first of all the log.

    Args:
        control: the path of ``ferrule.db``.
    """
    if not control.is_file():
        return None
    try:
        with closing(_connect(control)) as connection:
            return kept_head(connection)
    except sqlite3.Error:
        return None


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection in a read transaction.

    Raises:
        AuditFileError: the file is not there, is no audit log, or is damaged.
    """
    _look_at(path)
    known = len(packaged_steps("audit"))
    try:
        with closing(_connect(path)) as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if not 1 <= version <= known:
                raise AuditFileError(
                    f"{path} is no audit log that this version knows (schema {version}, known: up to {known}). A copy "
                    f"made while the gateway ran needs {path.name}-wal beside it; ferrule backup copies all of it"
                )
            connection.execute("BEGIN")
            yield connection
    except sqlite3.Error as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
            raise AuditFileError(f"{path} is no database, and so no audit log: that of a gateway is audit.db") from None
        raise AuditFileError(
            f"{path} cannot be read: {error}. If its files could not be opened, run this as the user the gateway runs "
            "as, or as root; if it is damaged, restore a backup"
        ) from error


def _look_at(path: Path) -> None:
    """What is no file at all is told before SQLite is asked, which knows no difference.

    Raises:
        AuditFileError: it is none, or nobody knows.
    """
    cure = "Name the directory the gateway keeps its state in (--state DIR), or a copy of the file (--database FILE)"
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise AuditFileError(f"{path} is not there: the gateway makes it when it starts. {cure}") from None
    except OSError as error:
        raise AuditFileError(
            f"{path} cannot be looked at: {error.strerror}. Run this as the user the gateway runs as, or as root"
        ) from None
    if not stat.S_ISREG(mode):
        kind = "a directory" if stat.S_ISDIR(mode) else "no file, but a device or a pipe"
        raise AuditFileError(f"{path} is {kind}, and an audit log is a file. {cure}")


def _connect(path: Path) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode=ro"
    if not Path(f"{path}-wal").exists():
        # Nobody has it open. Opened otherwise, it would get a log and an index beside it that nobody takes away.
        uri += "&immutable=1"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=5.0)
    connection.execute("PRAGMA query_only = ON")
    return connection
