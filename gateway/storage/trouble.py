"""What can be wrong with the disk, told apart from faults of ours."""

from __future__ import annotations

import errno
import sqlite3
from enum import StrEnum


class Trouble(StrEnum):
    """Why the disk takes nothing at the moment. One word for programs; ``CURES`` has the sentence for people."""

    FULL = "disk_full"
    READ_ONLY = "read_only"
    IO = "io_error"
    BUSY = "busy"
    CORRUPT = "corrupt"


CURES: dict[Trouble, str] = {
    Trouble.FULL: "the disk is full: free some space",
    Trouble.READ_ONLY: "the disk is read-only: check the card and the permissions of the state directory",
    Trouble.IO: "the disk reports errors: replace the card",
    Trouble.BUSY: "another program holds the database: end it",
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
}


class StoreTrouble(Exception):  # noqa: N818 - a state of the world that callers live with
    """The disk did not take it. What was to be written is still the caller's.

    Attributes:
        kind: why.
    """

    def __init__(self, kind: Trouble, text: str) -> None:
        super().__init__(f"{CURES[kind]} ({text})")
        self.kind = kind


class NewerSchema(Exception):  # noqa: N818 - it names what was found
    """The database was written by a newer version of the gateway; starting would damage it."""


def classify(error: sqlite3.Error | OSError) -> Trouble | None:
    """Which trouble of the world an error stands for; None where it is a fault of ours."""
    if isinstance(error, OSError):
        return _BY_ERRNO.get(error.errno or 0, Trouble.IO)
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else _BY_CODE.get(code & 0xFF)
