"""What can be wrong with the disk, told apart from faults of ours."""

from __future__ import annotations

import errno
import os
import sqlite3
from enum import StrEnum
from pathlib import Path


class Trouble(StrEnum):
    """Why the disk takes nothing at the moment. One word for programs; ``CURES`` has the sentence for people."""

    FULL = "disk_full"
    READ_ONLY = "read_only"
    IO = "io_error"
    BUSY = "busy"
    MISPLACED = "misplaced"
    CORRUPT = "corrupt"


CURES: dict[Trouble, str] = {
    Trouble.FULL: "the disk is full: free some space",
    Trouble.READ_ONLY: "the disk is read-only: check the card and the permissions of the state directory",
    Trouble.IO: "the disk reports errors: replace the card",
    Trouble.BUSY: "another program holds the database: end it",
    Trouble.MISPLACED: "a directory stands where a file of the gateway belongs: move it away",
    Trouble.CORRUPT: "the database was damaged and has been set aside",
}

_BY_CODE = {
    sqlite3.SQLITE_FULL: Trouble.FULL,
    sqlite3.SQLITE_READONLY: Trouble.READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: Trouble.READ_ONLY,
    sqlite3.SQLITE_PERM: Trouble.READ_ONLY,
    sqlite3.SQLITE_AUTH: Trouble.READ_ONLY,
    sqlite3.SQLITE_IOERR: Trouble.IO,
    sqlite3.SQLITE_PROTOCOL: Trouble.IO,
    sqlite3.SQLITE_BUSY: Trouble.BUSY,
    sqlite3.SQLITE_LOCKED: Trouble.BUSY,
    sqlite3.SQLITE_CORRUPT: Trouble.CORRUPT,
    sqlite3.SQLITE_NOTADB: Trouble.CORRUPT,
}

_BY_ERRNO = {
    errno.ENOSPC: Trouble.FULL,
    errno.EDQUOT: Trouble.FULL,
    errno.EROFS: Trouble.READ_ONLY,
    errno.EACCES: Trouble.READ_ONLY,
    errno.EPERM: Trouble.READ_ONLY,
    errno.EISDIR: Trouble.MISPLACED,
}

# SQLite shares its log with readers through a file of this size; a disk without that much room calls it an I/O error.
_SHARED_INDEX = 32 * 1024
_SHARED_INDEX_CODES = {sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_SHMMAP, sqlite3.SQLITE_IOERR_SHMOPEN}


class StoreTrouble(Exception):  # noqa: N818 - a state of the world that callers live with
    """The disk did not take it. What was to be written is still the caller's.

    Attributes:
        kind: why.
        place: what has to be looked after, where it is not the database itself.
    """

    def __init__(self, kind: Trouble, text: str, place: Path | None = None) -> None:
        super().__init__(f"{CURES[kind]} ({text})")
        self.kind = kind
        self.place = place


class NewerSchema(Exception):  # noqa: N818 - it names what was found
    """The database was written by a newer version of the gateway; starting would damage it."""


def classify(error: sqlite3.Error | OSError, database: Path | None = None) -> Trouble | None:
    """Which trouble of the world an error stands for; None where it is a fault of ours.

    Args:
        error: as it was caught.
        database: the file it is about; SQLite's codes tell neither a missing permission nor an I/O error from a
            directory in the way or a lack of room.
    """
    if isinstance(error, OSError):
        return _BY_ERRNO.get(error.errno or 0, Trouble.IO)
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return None
    if database is not None and code & 0xFF in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR}:
        if in_the_way(database) is not None:
            return Trouble.MISPLACED
        if _no_room(database, code):
            return Trouble.FULL
    return _BY_CODE.get(code & 0xFF)


def in_the_way(database: Path) -> Path | None:
    """A directory where the database or one of the files beside it belongs."""
    files = (Path(f"{database}{suffix}") for suffix in ("", "-wal", "-shm"))
    return next((file for file in files if file.is_dir()), None)


def _no_room(database: Path, code: int) -> bool:
    """Whether the disk has no room for a file more, or none for the shared index where that is what failed."""
    try:
        disk = os.statvfs(database.parent)
    except OSError:
        return False
    if disk.f_files and not disk.f_favail:
        return code & 0xFF == sqlite3.SQLITE_CANTOPEN
    return code in _SHARED_INDEX_CODES and disk.f_bavail * disk.f_frsize < _SHARED_INDEX
