"""Several files that belong together: all of them are there afterwards, or nothing is."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path


def new_directory(directory: Path, files: Mapping[str, bytes]) -> None:
    """Make a directory with files in it, and those it lies in.

    Args:
        directory: where nothing may be.
        files: by their names, with directories in front of them where there are some.

    Raises:
        FileExistsError: there is something; nothing is ever written over.
        OSError: it cannot be written; nothing is left of it.
    """
    if os.path.lexists(directory):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(directory))
    part = _beside(directory)
    with _way_to(directory.parent), _called(directory):
        try:
            part.mkdir()
            for name, content in files.items():
                path = part / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            part.rename(directory)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def write_together(directory: Path, files: Mapping[str, bytes]) -> None:
    """Write files into a directory, over those of the same names; it is made where it is not there.

    No file is touched before there is room for all of them.

    Raises:
        OSError: they cannot be written; what was there is as it was.
    """
    parts: dict[Path, Path] = {}
    with _way_to(directory), _called(directory):
        try:
            for name, content in files.items():
                part = parts[directory / name] = _beside(directory / name)
                part.write_bytes(content)
            for path, part in parts.items():
                part.replace(path)
        finally:
            for part in parts.values():
                with suppress(OSError):
                    part.unlink()


@contextmanager
def _way_to(place: Path) -> Iterator[None]:
    """Make the directories that lead to a place; those that were made go again where the block fails."""
    made: list[Path] = []
    try:
        for path in reversed([path for path in (place, *place.parents) if not path.exists()]):
            path.mkdir()
            made.append(path)
        yield
    except BaseException:
        for path in reversed(made):
            with suppress(OSError):
                path.rmdir()
        raise


@contextmanager
def _called(place: Path) -> Iterator[None]:
    """What goes wrong is told by the name somebody gave, not by one he has never heard of."""
    try:
        yield
    except OSError as error:
        error.filename, error.filename2 = str(place), None
        raise


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}")
