"""Counts what a database really sends to the disk, page by page, from the write-ahead log itself.

A commit appends frames to the log (24 bytes of header and a page each; SQLite file format, section 4.1) and
syncs it: the disk then writes every 4 KiB block the frames touch, the last of the previous commit once more. A
checkpoint writes each block with a page that stands in the log once into the database. Both can be read off the log:
frame headers carry page number and salt, and the salt changes when the log starts anew. Not counted is what the file
system adds.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

_HEADER = 32
_FRAME_HEADER = 24
_BLOCK = 4096
_FRAME_START = struct.Struct(">II8s")


class WalMeter:
    """Reads along in one database's write-ahead log.

    Args:
        database: path of the database file.
    """

    def __init__(self, database: Path) -> None:
        self._path = Path(f"{database}-wal")
        self._file: int | None = None
        self._salt = b""
        self._page_size = _BLOCK
        self._dirty: set[int] = set()
        self.frames = 0

    def appended(self) -> int:
        """Bytes written to the log since the last call; call it after every commit."""
        if self._file is None:
            try:
                self._file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return 0
        header = os.pread(self._file, _HEADER, 0)
        if len(header) < _HEADER:
            return 0
        start = self._end()
        if header[16:24] != self._salt:
            self._salt = header[16:24]
            self._page_size = int.from_bytes(header[8:12], "big")
            self.frames = start = 0
        before = self.frames
        while True:
            frame = os.pread(self._file, 16, self._end())
            if len(frame) < 16:
                break
            page, _, salt = _FRAME_START.unpack(frame)
            if salt != self._salt:
                break
            self._dirty.add(page)
            self.frames += 1
        if self.frames == before:
            return 0
        return (-(-self._end() // _BLOCK) - start // _BLOCK) * _BLOCK

    def checkpointed(self, in_log: int, copied: int) -> int:
        """Bytes a checkpoint wrote into the database.

        Args:
            in_log: frames in the log, as ``PRAGMA wal_checkpoint`` answers.
            copied: how many of them stand in the database now.
        """
        if in_log <= 0 or copied < in_log:
            return 0
        size = self._page_size
        blocks = {(page - 1) * size // _BLOCK for page in self._dirty}
        written = len(blocks) * max(size, _BLOCK)
        self._dirty.clear()
        return written

    @property
    def logged(self) -> int:
        """Bytes in the log."""
        return self._end()

    def _end(self) -> int:
        return _HEADER + self.frames * (_FRAME_HEADER + self._page_size)

    def close(self) -> None:
        """Let go of the log; the meter starts anew with the next one."""
        if self._file is not None:
            os.close(self._file)
        self._file = None
        self._salt = b""
        self.frames = 0
        self._dirty.clear()
