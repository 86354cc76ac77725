"""Packages as files: they come in beside their place, and take it when they are whole, sound and on the disk."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import trio

_PIECE = 64 * 1024
_SUFFIX = ".part"
# What the next piece is; none at the end.
NextPiece = Callable[[], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Incoming:
    """A file that has come, and has no place yet.

    Attributes:
        path: where it lies meanwhile.
        size: bytes.
        sha256: in hex.
    """

    path: Path
    size: int
    sha256: str

    def chunks(self) -> Iterator[bytes]:
        """Its content."""
        with self.path.open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece


class Shelf:
    """The directory of packages: ``<plugin>/<version>.tar.gz``.

    Args:
        directory: made with the first package.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def place(self, plugin: str, version: str) -> Path:
        """Where the package of a version lies; both names are known to be plain."""
        return self._directory / plugin / f"{version}.tar.gz"

    def clear(self) -> None:
        """Remove what was coming in when the gateway ended."""
        for left in self._directory.glob(f"*{_SUFFIX}"):
            with suppress(OSError):
                left.unlink()

    @asynccontextmanager
    async def incoming(self, piece: NextPiece) -> AsyncIterator[Incoming]:
        """Receive a file. It is on the disk (fsync) within the block, and gone after it unless it was kept.

        Args:
            piece: what comes next.

        Raises:
            OSError: the disk does not take it.
        """
        descriptor, path = await trio.to_thread.run_sync(self._begin)
        try:
            try:
                digest, size = hashlib.sha256(), 0
                while data := await piece():
                    digest.update(data)
                    size += len(data)
                    await trio.to_thread.run_sync(_write, descriptor, data)
                await trio.to_thread.run_sync(os.fsync, descriptor)
            finally:
                os.close(descriptor)
            yield Incoming(path, size, digest.hexdigest())
        finally:
            path.unlink(missing_ok=True)

    def keep(self, incoming: Incoming, plugin: str, version: str) -> None:
        """Give a file its place; on the disk when this returns. Call it in a thread.

        Raises:
            OSError: the disk does not take it.
        """
        place = self.place(plugin, version)
        place.parent.mkdir(mode=0o750, exist_ok=True)
        incoming.path.replace(place)
        for directory in (place.parent, self._directory):
            _sync(directory)

    def remove(self, plugin: str) -> None:
        """Remove all packages of a plugin, as far as the disk lets us; nobody can ask for them any more."""
        directory = self._directory / plugin
        with suppress(OSError):
            for file in directory.iterdir():
                file.unlink()
            directory.rmdir()

    def _begin(self) -> tuple[int, Path]:
        self._directory.mkdir(mode=0o750, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(suffix=_SUFFIX, dir=self._directory)
        return descriptor, Path(name)


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
