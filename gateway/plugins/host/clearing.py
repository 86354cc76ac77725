"""Removes what an instance kept, whatever it made there. Blocking: call it in a thread."""

from __future__ import annotations

import os
import stat
from itertools import count
from pathlib import Path

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN = 0o700


def clear(place: Path) -> None:
    """Remove a directory and all in it; no link is followed, and nobody uses it any more.

    A directory can be nested deeper than a path may be long, than Python calls itself, and than a process has
    descriptors. So what is found below is brought up before it is removed: never more than two are open.

    Raises:
        OSError: the disk does not let go of it.
    """
    if not os.path.lexists(place):
        return
    if not stat.S_ISDIR(place.lstat().st_mode):
        place.unlink()
        return
    numbers = count()
    top = _open(os.fspath(place), None)
    try:
        while directories := _files_removed(top):
            for name in directories:
                inner = _open(name, top)
                try:
                    for below in _files_removed(inner):
                        # To bring it up its own entry ".." is written.
                        _permit(below, inner)
                        os.rename(below, _fresh(numbers, top), src_dir_fd=inner, dst_dir_fd=top)
                finally:
                    os.close(inner)
                os.rmdir(name, dir_fd=top)
    finally:
        os.close(top)
    place.rmdir()


def _files_removed(directory: int) -> list[str]:
    """Remove all but directories; the names of these."""
    with os.scandir(directory) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_directory in found:
        if not is_directory:
            os.unlink(name, dir_fd=directory)
    return [name for name, is_directory in found if is_directory]


def _open(name: str, directory: int | None) -> int:
    _permit(name, directory)
    return os.open(name, _DIRECTORY, dir_fd=directory)


def _permit(name: str, directory: int | None) -> None:
    """Who made a directory may have closed it to himself, and so to a gateway of the same user."""
    if stat.S_IMODE(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode) & _OPEN != _OPEN:
        os.chmod(name, _OPEN, dir_fd=directory)


def _fresh(numbers: count[int], directory: int) -> str:
    while True:
        name = f"cleared-{next(numbers)}"
        try:
            os.stat(name, dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            return name
