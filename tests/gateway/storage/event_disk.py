"""The disk beneath SQLite, in hand: every write, truncation and sync is noted, and any of them can be made to fail.

It takes the place of the functions with which SQLite writes to its files: nothing of SQLite or of ours is in between.
"""

from __future__ import annotations

import ctypes
import os
import random
import sqlite3
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

_SECTOR = 512
_OK = 0
# What SQLite says of a failed write, truncation and sync, and of a full disk.
IOERR_WRITE, IOERR_TRUNCATE, IOERR_FSYNC, FULL = 778, 1546, 1034, 13

_P = ctypes.c_void_p
_INT = ctypes.c_int
_I64 = ctypes.c_int64
_WRITE = ctypes.CFUNCTYPE(_INT, _P, _P, _INT, _I64)
_TRUNCATE = ctypes.CFUNCTYPE(_INT, _P, _I64)
_SYNC = ctypes.CFUNCTYPE(_INT, _P, _INT)
# The name as a pointer: SQLite goes on using the very same characters.
_OPEN = ctypes.CFUNCTYPE(_INT, _P, _P, _P, _INT, _P)


class _Methods(ctypes.Structure):
    """``sqlite3_io_methods``."""

    _fields_ = (
        ("version", _INT),
        ("close", _P),
        ("read", _P),
        ("write", _P),
        ("truncate", _P),
        ("sync", _P),
        ("rest", _P * 13),
    )


class _File(ctypes.Structure):
    """``sqlite3_file``."""

    _fields_ = (("methods", ctypes.POINTER(_Methods)),)


class _Vfs(ctypes.Structure):
    """``sqlite3_vfs``, up to what is of interest."""

    _fields_ = (
        ("version", _INT),
        ("size", _INT),
        ("longest", _INT),
        ("next", _P),
        ("name", ctypes.c_char_p),
        ("data", _P),
        ("open", _P),
    )


@dataclass(frozen=True, slots=True)
class Operation:
    """Something that was done to a file.

    Attributes:
        kind: write, truncate or sync.
        file: its name, without the directory.
        at: offset of a write, or the new size.
        data: what was written.
    """

    kind: str
    file: str
    at: int = 0
    data: bytes = b""


@dataclass(eq=False)
class Disk:
    """What was done so far, and what is to fail.

    Attributes:
        done: in order.
        watched: the beginning of the names of files that are looked at.
        fail_at: the call that fails, counted from 0 over writes, truncations and syncs; None for none.
        stays_bad: whether every call after it fails, too.
        torn: whether half of a write that fails is on the disk.
        code: what the call that fails says; None for what belongs to its kind.
        calls: how many there were.
        failed: how many of them failed.
    """

    watched: str
    done: list[Operation] = field(default_factory=list)
    fail_at: int | None = None
    stays_bad: bool = False
    torn: bool = False
    code: int | None = None
    calls: int = 0
    failed: int = 0

    def fails(self) -> bool:
        """Whether the call that comes now is to fail."""
        number, self.calls = self.calls, self.calls + 1
        fails = self.fail_at is not None and (number == self.fail_at or (self.stays_bad and number > self.fail_at))
        self.failed += fails
        return fails


def library() -> ctypes.CDLL | None:
    """The SQLite this Python uses; None where it cannot be reached."""
    with suppress(OSError):
        maps = Path("/proc/self/maps").read_text("utf-8")
        shared = {line.split()[-1] for line in maps.splitlines() if "libsqlite3" in line}
        if len(shared) == 1 and sqlite3.sqlite_version:
            return ctypes.CDLL(shared.pop())
    return None


@contextmanager
def disk_beneath(watched: str) -> Iterator[Disk]:
    """Be the disk for every file that SQLite opens in this block; close those files within it."""
    found = library()
    if found is None:
        raise LookupError("this Python has a SQLite of its own that cannot be reached")
    found.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
    vfs = found.sqlite3_vfs_find(None).contents
    before = vfs.open
    disk = Disk(watched)
    shim = _Shim(disk, ctypes.cast(before, _OPEN))
    vfs.open = ctypes.cast(shim.opened, _P)
    try:
        yield disk
    finally:
        vfs.open = before


@contextmanager
def memory_directory() -> Iterator[Path]:
    """A directory in memory where there is such a thing: what is to be found out does not depend on a real disk."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as made:
        yield Path(made)


class _Shim:
    """Stands between SQLite and its files."""

    def __init__(self, disk: Disk, open_: Callable[..., int]) -> None:
        self._disk = disk
        self._open = open_
        self._names: dict[int, str] = {}
        # Everything SQLite holds a pointer to.
        self._ours: dict[int, _Methods] = {}
        self._kept: list[object] = []
        self.opened = _OPEN(self._opened)

    def _opened(self, vfs: int, name: int | None, file: int, flags: int, out: int) -> int:
        code = self._open(vfs, name, file, flags, out)
        short = Path(ctypes.string_at(name).decode()).name if name else ""
        if code == _OK and short.startswith(self._disk.watched) and not short.endswith("-shm"):
            self._names[file] = short
            opened = _File.from_address(file)
            theirs = ctypes.addressof(opened.methods.contents)
            if theirs not in self._ours:
                self._ours[theirs] = self._methods(opened.methods.contents)
            opened.methods = ctypes.pointer(self._ours[theirs])
        return code

    def _methods(self, theirs: _Methods) -> _Methods:
        ours = _Methods.from_buffer_copy(theirs)
        write, truncate, sync = (
            _WRITE(theirs.write or 0),
            _TRUNCATE(theirs.truncate or 0),
            _SYNC(theirs.sync or 0),
        )
        disk, names = self._disk, self._names

        def on_write(file: int, data: int, size: int, at: int) -> int:
            if disk.fails():
                if disk.torn:
                    write(file, data, size // 2, at)
                return disk.code or IOERR_WRITE
            disk.done.append(Operation("write", names[file], at, ctypes.string_at(data, size)))
            return int(write(file, data, size, at))

        def on_truncate(file: int, size: int) -> int:
            if disk.fails():
                return IOERR_TRUNCATE
            disk.done.append(Operation("truncate", names[file], size))
            return int(truncate(file, size))

        def on_sync(file: int, flags: int) -> int:
            if disk.fails():
                return IOERR_FSYNC
            disk.done.append(Operation("sync", names[file]))
            return int(sync(file, flags))

        made = _WRITE(on_write), _TRUNCATE(on_truncate), _SYNC(on_sync)
        self._kept += [made, write, truncate, sync]
        ours.write, ours.truncate, ours.sync = (ctypes.cast(function, _P) for function in made)
        return ours


def after_power_cut(done: list[Operation], chance: random.Random | None, keep: float) -> dict[str, bytes]:
    """The files as a power cut after these operations may leave them.

    Args:
        done: what was done before the cut.
        chance: decides what of that which was not synced is on the disk, sector by sector and in any order.
        keep: the share of it that is; without ``chance`` 0 or 1.
    """
    safe: defaultdict[str, int] = defaultdict(lambda: -1)
    for number, operation in enumerate(done):
        if operation.kind == "sync":
            safe[operation.file] = number
    files: defaultdict[str, bytearray] = defaultdict(bytearray)
    for number, operation in enumerate(done):
        file = files[operation.file]
        synced = number <= safe[operation.file]
        if operation.kind == "truncate" and (synced or keep == 1.0):
            del file[operation.at :]
        elif operation.kind == "write":
            for start in range(0, len(operation.data), _SECTOR):
                kept = keep == 1.0 if chance is None else chance.random() < keep
                if synced or kept:
                    part = operation.data[start : start + _SECTOR]
                    at = operation.at + start
                    file.extend(bytes(max(0, at - len(file))))
                    file[at : at + len(part)] = part
    return {name: bytes(content) for name, content in files.items()}
