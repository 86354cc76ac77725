"""A file that is thrown overboard when the disk is full: without some free blocks not even deleting works."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


class Ballast:
    """Keeps ``size`` bytes of the disk for the moment when there are no others.

    Args:
        path: where the file lies; in the directory of the databases.
        size: bytes; 0 for none.
    """

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self._size = size
        self.aboard = size == 0

    def take(self) -> bool:
        """Set the space aside where the disk has plenty. Returns whether it is; never raises for a full disk."""
        if self.aboard:
            return True
        try:
            if self._path.exists() and self._path.stat().st_size == self._size:
                self.aboard = True
                return True
            disk = os.statvfs(self._path.parent)
            if disk.f_bavail * disk.f_frsize < 2 * self._size:
                return False
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(file, 0, self._size)
            finally:
                os.close(file)
        except OSError:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
            return False
        self.aboard = True
        return True

    def drop(self) -> bool:
        """Free the space. Returns whether there was any to free."""
        if self._size == 0:
            return False
        self.aboard = False
        try:
            self._path.unlink()
        except OSError:
            return False
        return True
