"""Packages that are unpacked: one read-only directory for each version of a plugin that is installed.

What lies there is held against the manifest whenever it is asked for: nothing half-written, changed or rotten is ever
run. Everything here blocks: call it in a thread.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gateway.plugins.bounds import BOUNDS
from gateway.plugins.inflate import Inflated
from gateway.plugins.manifest import MANIFEST, SIGNATURE, Manifest
from gateway.plugins.refusal import PackageError
from gateway.plugins.tar import Tar

_PIECE = 64 * 1024
_PART = ".part-"
# Users of plugins are others here: they may read, nobody may write.
_FILE, _PROGRAM, _DIRECTORY = 0o444, 0o555, 0o555
_OPEN = 0o755


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What is in a package that was verified when it came.

    Attributes:
        plugin, version: which one.
        archive: the file.
        sha256: of that file, in hex.
        written: the manifest, to the byte.
        manifest: the same, read.
    """

    plugin: str
    version: str
    archive: Path
    sha256: str
    written: bytes
    manifest: Manifest


class Unpacked:
    """The directory of unpacked packages: ``<plugin>/<version>``.

    Args:
        directory: made with the first package.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def prepare(self, contents: Contents) -> Path:
        """The directory of a package, unpacked where it is not there, or not as it should be.

        Raises:
            PackageError: the archive is not the one that was verified, or is damaged.
            OSError: the disk does not take it.
        """
        place = self._place(contents.plugin, contents.version)
        if not _sound(place, contents):
            _remove(place)
            self._unpack(contents, place)
        return place

    def remove(self, plugin: str, version: str) -> None:
        """Remove what no instance uses, as far as the disk lets us."""
        place = self._place(plugin, version)
        with suppress(OSError):
            _remove(place)
            place.parent.rmdir()

    def keep_only(self, used: Collection[tuple[str, str]]) -> None:
        """Remove everything else, also what was half-written when the gateway ended.

        Args:
            used: plugins and versions.
        """
        for plugin in _entries(self._directory):
            if plugin.name.startswith(_PART):
                with suppress(OSError):
                    _remove(plugin)
                continue
            for version in _entries(plugin):
                if (plugin.name, version.name) not in used:
                    self.remove(plugin.name, version.name)

    def _place(self, plugin: str, version: str) -> Path:
        return self._directory / plugin / version

    def _unpack(self, contents: Contents, place: Path) -> None:
        self._directory.mkdir(mode=_OPEN, parents=True, exist_ok=True)
        self._directory.chmod(_OPEN)
        part = Path(tempfile.mkdtemp(prefix=_PART, dir=self._directory))
        try:
            _write(contents, part)
            place.parent.mkdir(exist_ok=True)
            place.parent.chmod(_OPEN)
            part.rename(place)
            place.chmod(_DIRECTORY)
        finally:
            _remove(part)


def _write(contents: Contents, part: Path) -> None:
    """Write what is in an archive; it counts only when its end was reached."""
    manifest, digest = contents.manifest, hashlib.sha256()
    tar = Tar(Inflated(_read(contents.archive, digest), BOUNDS), BOUNDS)
    program = manifest.entry.command[0] if manifest.entry.runtime == "executable" else None
    names = {MANIFEST, SIGNATURE, *manifest.files}
    while (found := tar.next()) is not None:
        name, _ = found
        if name not in names:
            raise _changed()
        names.discard(name)
        if name == SIGNATURE:
            continue
        target = part / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            for piece in tar.read():
                file.write(piece)
        target.chmod(_PROGRAM if name == program else _FILE)
    if digest.hexdigest() != contents.sha256:
        raise _changed()
    for directory, _, _ in os.walk(part, topdown=False):
        if Path(directory) != part:
            Path(directory).chmod(_DIRECTORY)
    if not _sound(part, contents):
        raise _changed()


def _sound(place: Path, contents: Contents) -> bool:
    """Whether a directory holds exactly what is in a package."""
    wanted = {MANIFEST: hashlib.sha256(contents.written).hexdigest(), **contents.manifest.files}
    found: set[str] = set()
    try:
        for directory, _, names in os.walk(place, onerror=_raise):
            for name in names:
                path = Path(directory, name)
                known = path.relative_to(place).as_posix()
                if known not in wanted or not stat.S_ISREG(path.lstat().st_mode) or _digest(path) != wanted[known]:
                    return False
                found.add(known)
    except OSError:
        return False
    return found == wanted.keys()


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    for _ in _read(path, digest):
        pass
    return digest.hexdigest()


def _read(path: Path, digest: hashlib._Hash) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
            yield piece


def _remove(place: Path) -> None:
    """Remove a directory nobody may write to."""
    if not os.path.lexists(place):
        return
    for directory, _, _ in os.walk(place):
        Path(directory).chmod(0o700)
    shutil.rmtree(place)


def _entries(directory: Path) -> list[Path]:
    try:
        return [entry for entry in directory.iterdir() if entry.is_dir() and not entry.is_symlink()]
    except OSError:
        return []


def _changed() -> PackageError:
    return PackageError("damaged", "it holds something else than it did")


def _raise(error: OSError) -> None:
    raise error
