"""A backup as one file: a compressed tar with a manifest in front that has the SHA-256 of everything behind it."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

import msgspec

FORMAT = 1
PRODUCT = "ferrule"
MANIFEST = "manifest.json"
_LONGEST_MANIFEST = 4 * 2**20
_CHUNK = 2**20
# Boards are slow, and what is large, the history, hardly gets smaller with more effort.
_EFFORT = 3
_ROOTS = frozenset({"config", "state"})
_PART = re.compile(r"[^/\0]{1,255}")
_BROKEN = (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, msgspec.MsgspecError)

Tell = Callable[[float, str], None]


class ArchiveError(Exception):
    """The file is no backup, or damaged, or cannot be made; the text says why and what to do."""


class Member(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file in a backup.

    Attributes:
        name: below ``config/`` or ``state/``.
        size: bytes.
        sha256: of its content, in hex.
        mode: permissions.
    """

    name: str
    size: int
    sha256: str
    mode: int


class Manifest(msgspec.Struct, frozen=True):
    """What a backup holds. A later version of this software may add members.

    Attributes:
        product: always ``ferrule``.
        format: of the backup.
        version: of the software that made it.
        created: RFC 3339.
        host: name of the board.
        config: the configuration among the members; None where there was none.
        schemas: of each database among the members.
        members: in the order of the file.
        left_out: files the configuration names that lie outside its directory.
    """

    product: str
    format: int
    version: str
    created: str
    host: str
    config: str | None
    schemas: dict[str, int]
    members: list[Member]
    left_out: list[str] = []


def describe(file: Path, name: str, mode: int) -> Member:
    """The member a file will be.

    Args:
        file: its content.
        name: in the backup.
        mode: permissions of the file it is a copy of; a memory stick may have none.
    """
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
        size = os.fstat(content.fileno()).st_size
    return Member(name, size, digest.hexdigest(), mode)


def write(path: Path, manifest: Manifest, directory: Path, tell: Tell) -> None:
    """Write a backup, read it again, and only then give it its name.

    Args:
        path: its name; nothing may be there.
        manifest: of the members.
        directory: where they lie, by name.
        tell: hears the share that is done, and the member.

    Raises:
        ArchiveError: something is there already, or what was written does not read back.
        OSError: the disk does not take it.
    """
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            with tarfile.open(fileobj=file, mode="w:gz", compresslevel=_EFFORT) as tar:
                _add(
                    tar,
                    MANIFEST,
                    io.BytesIO(content := msgspec.json.format(msgspec.json.encode(manifest))),
                    len(content),
                )
                for member in _told(manifest, tell, 0.5):
                    with (directory / member.name).open("rb") as source:
                        _add(tar, member.name, source, member.size)
            file.flush()
            os.fsync(descriptor)
        verify(part, lambda done, note: tell(0.5 + done / 2, note))
        try:
            os.link(part, path)
        except FileExistsError:
            raise ArchiveError(f"{path} is there already: name a new file, or move that one away") from None
        except OSError:
            # File systems of memory sticks know no second name.
            part.rename(path)
    finally:
        part.unlink(missing_ok=True)


def verify(path: Path, tell: Tell = lambda _done, _note: None) -> Manifest:
    """Read a backup to its end and compare everything with its manifest.

    Raises:
        ArchiveError: it is no backup, or not what its manifest says.
        OSError: it cannot be read.
    """
    with _opened(path) as (tar, manifest):
        for _ in _contents(path, tar, manifest, tell):
            pass
    return manifest


def extract(path: Path, directory: Path, tell: Tell) -> Manifest:
    """Put what a backup holds into an empty directory, comparing it with its manifest on the way.

    Raises:
        ArchiveError: as `verify`; the directory may hold a part then.
        OSError: the disk does not take it.
    """
    with _opened(path) as (tar, manifest):
        for member, chunks in _contents(path, tar, manifest, tell):
            place = directory / member.name
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                for chunk in chunks:
                    file.write(chunk)
                os.fchmod(descriptor, member.mode & 0o777)
                file.flush()
                os.fsync(descriptor)
    return manifest


def _add(tar: tarfile.TarFile, name: str, content: IO[bytes], size: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = size
    # What it may be is in the manifest; nobody should unpack keys for all to read by hand.
    entry.mode = 0o600
    tar.addfile(entry, content)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[tarfile.TarFile, Manifest]]:
    try:
        with gzip.open(path) as unpacked, tarfile.open(fileobj=unpacked, mode="r:") as tar:
            entry = tar.next()
            content = tar.extractfile(entry) if entry is not None and entry.isreg() else None
            if entry is None or content is None or entry.name != MANIFEST or entry.size > _LONGEST_MANIFEST:
                raise ArchiveError(f"{path} is no backup of this gateway: it does not begin with {MANIFEST}")
            manifest = msgspec.json.decode(content.read(), type=Manifest)
            if manifest.product != PRODUCT:
                raise ArchiveError(f"{path} is a backup of {manifest.product}, not of {PRODUCT}")
            if manifest.format > FORMAT:
                raise ArchiveError(
                    f"{path} was made by version {manifest.version}, whose backups this version cannot read: install "
                    "that version or a newer one"
                )
            yield tar, manifest
            # The checksum of the whole stands behind the padding of the last member.
            while unpacked.read(_CHUNK):
                pass
    except _BROKEN as error:
        # What is no archive at all is called so in Python's own words.
        reason = "it is no gzip file" if isinstance(error, gzip.BadGzipFile) else error
        raise ArchiveError(f"{path} is damaged or no backup ({reason}): take another one") from None


def _contents(
    path: Path, tar: tarfile.TarFile, manifest: Manifest, tell: Tell
) -> Iterator[tuple[Member, Iterator[bytes]]]:
    """Each member with its content; the content is compared when it has been read, by whom ever."""
    for member in _told(manifest, tell, 1.0):
        _check_name(path, member.name)
        entry = tar.next()
        source = tar.extractfile(entry) if entry is not None and entry.isreg() else None
        if entry is None or source is None or (entry.name, entry.size) != (member.name, member.size):
            raise ArchiveError(f"{path} is damaged: {member.name} is not where its manifest says. Take another backup")
        digest = hashlib.sha256()
        chunks = _chunks(source, digest.update)
        yield member, chunks
        for _ in chunks:
            pass
        if digest.hexdigest() != member.sha256:
            raise ArchiveError(f"{path} is damaged: {member.name} is not what was saved. Take another backup")
    if tar.next() is not None:
        raise ArchiveError(f"{path} holds more than its manifest says: somebody has changed it. Take another backup")
    if len({member.name for member in manifest.members}) != len(manifest.members):
        raise ArchiveError(f"{path} names a file twice: somebody has changed it. Take another backup")


def _chunks(source: IO[bytes], note: Callable[[bytes], None]) -> Iterator[bytes]:
    while chunk := source.read(_CHUNK):
        note(chunk)
        yield chunk


def _told(manifest: Manifest, tell: Tell, whole: float) -> Iterator[Member]:
    """The members; before each the share that is done is told, which is ``whole`` at the end."""
    total = sum(member.size for member in manifest.members) or 1
    done = 0
    for member in manifest.members:
        tell(done / total * whole, member.name)
        yield member
        done += member.size


def _check_name(path: Path, name: str) -> None:
    parts = PurePosixPath(name).parts
    sound = (
        len(parts) >= 2
        and parts[0] in _ROOTS
        and "/".join(parts) == name
        and all(_PART.fullmatch(part) and part not in {".", ".."} for part in parts)
    )
    if not sound:
        raise ArchiveError(f'{path} has a member "{name}" that no backup has: somebody has changed it')
