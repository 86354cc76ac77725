"""Whole copies of a database: made beside it, checked, and put in the place of a damaged one.

A copy appears under its name when it is complete and on disk; a kill at any moment leaves the one before, or none.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path


def copy_whole(connection: sqlite3.Connection, path: Path, copy: Path) -> int:
    """Copy a database while it is in use.

    Args:
        connection: to the database, outside of a transaction.
        path: of the database.
        copy: the copy's name, in the same directory.

    Returns:
        Bytes the copy takes.

    Raises:
        sqlite3.Error: the database is damaged, or the disk did not take the copy.
        OSError: the same.
    """
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    try:
        # Nobody else may read it, not even before it is complete.
        os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        connection.execute("VACUUM INTO ?", (str(part),))
        _put(part, copy)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return copy.stat().st_size


def is_whole(copy: Path, known: int) -> bool:
    """Whether a copy is a sound database of a schema up to ``known``; False where there is none."""
    uri = f"{copy.absolute().as_uri()}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error:
        return False
    return bool(found == "ok" and 1 <= version <= known)


def put_back(copy: Path, path: Path) -> None:
    """Put a copy in the place of a database that was moved away; the copy stays.

    Raises:
        OSError: the disk did not take it; nothing is there then.
    """
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    try:
        shutil.copyfile(copy, part)
        part.chmod(0o600)
        _put(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _put(part: Path, name: Path) -> None:
    file = os.open(part, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
    part.replace(name)
    sync_directory(name.parent)


def sync_directory(path: Path) -> None:
    """Make names created or changed in a directory durable."""
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
