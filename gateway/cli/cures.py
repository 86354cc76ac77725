"""What to do about a file that cannot be read or written."""

from __future__ import annotations

import errno
from pathlib import Path

_CURES = {
    errno.ENOENT: "Is the path right?",
    errno.ENOTDIR: "Is the path right?",
    errno.EISDIR: "Name a file",
    errno.EACCES: "Run this as a user who may, or name another place",
    errno.EPERM: "Run this as a user who may, or name another place",
    errno.ENOSPC: "Free some space, or name another place",
    errno.EDQUOT: "Free some space, or name another place",
    errno.EFBIG: "Name another place",
    errno.EROFS: "What it lies on is mounted read-only: name another place",
    errno.EIO: "The disk reports errors: replace it, or name another place",
}


def unusable(file: Path, error: OSError) -> str:
    """Which file, why, and what to do: ``/x/y: No space left on device. Free some space, or name another place``.

    Args:
        file: that is meant where the error names none.
        error: how it failed.
    """
    named = error.filename if isinstance(error.filename, str) else None
    cure = _CURES.get(error.errno or 0)
    return f"{named or file}: {error.strerror or error}" + (f". {cure}" if cure else "")
