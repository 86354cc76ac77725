"""Archives that are the same to the byte for the same files."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path

# 1985-10-26T08:15:00Z, as npm has it: zip files know no time before 1980, and some readers take 0 for none.
EPOCH = 499162500


def packed(files: Mapping[str, bytes]) -> bytes:
    """A ``.tar.gz``.

    Args:
        files: by their paths in it.
    """
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in sorted(files):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime, entry.mode = len(files[name]), EPOCH, 0o644
            archive.addfile(entry, io.BytesIO(files[name]))
    return gzip.compress(held.getvalue(), mtime=0)


def under(directory: Path, prefix: str, *, without: Iterable[str] = ()) -> dict[str, bytes]:
    """The files below a directory, by the paths they have in an archive.

    Args:
        directory: with them.
        prefix: of these paths.
        without: directories or files in it that stay out.
    """
    out = tuple(directory / name for name in without)
    return {
        f"{prefix}/{path.relative_to(directory).as_posix()}": path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and not any(path.is_relative_to(one) for one in out)
    }
