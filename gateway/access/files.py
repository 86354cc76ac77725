"""Files with secrets: private from their first byte, whole or not there at all."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path

_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


def create_private(path: Path, content: bytes) -> bool:
    """Make a file only its owner can read, unless it is there already. Returns whether it was made.

    The content is complete and on disk before the name appears, so that neither a power cut nor a second process
    can meet half a file.
    """
    scratch = _write_scratch(path, content, 0o600)
    try:
        os.link(scratch, path)
    except FileExistsError:
        return False
    finally:
        scratch.unlink()
    settle(path.parent)
    return True


def create(path: Path, content: bytes) -> None:
    """Make a file that everybody may read as far as the umask says: whole, or not there at all.

    Raises:
        FileExistsError: it is there already, and stays as it is.
        OSError: the disk does not take it.
    """
    scratch = _write_scratch(path, content, None)
    try:
        os.link(scratch, path)
    except OSError as error:
        # A memory stick knows no second names.
        if error.errno not in _NO_LINKS or os.path.lexists(path):
            raise
        scratch.rename(path)
    finally:
        scratch.unlink(missing_ok=True)
    settle(path.parent)


def replace(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file anew in one step: readers see the old content or the new, never a part."""
    scratch = _write_scratch(path, content, mode)
    try:
        scratch.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            scratch.unlink()
        raise
    settle(path.parent)


def keep_aside(path: Path, now: float) -> Path:
    """Give a file that is about to be replaced a second name that says when, so that it outlives the replacement.

    Args:
        path: the file; its own name stays until it is replaced.
        now: Unix seconds.

    Returns:
        The second name, e.g. ``ca.pem.old-20260522T100000Z``.
    """
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    for number in itertools.count(1):
        aside = path.with_name(f"{path.name}.old-{stamp}" + (f"-{number}" if number > 1 else ""))
        with contextlib.suppress(FileExistsError):
            os.link(path, aside)
            settle(path.parent)
            return aside
    raise AssertionError("unreachable: some number is free")


def _write_scratch(path: Path, content: bytes, mode: int | None) -> Path:
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(
            scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666 if mode is None else mode
        )
    except OSError as error:
        # The name somebody gave, not one he has never heard of.
        error.filename = str(path)
        raise
    try:
        with os.fdopen(descriptor, "wb") as file:
            if mode is not None:
                # The process's umask must not decide who may read this.
                os.fchmod(descriptor, mode)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
    except OSError as error:
        # A full disk would be full of these: whoever writes tries again and again, every time under another name.
        with contextlib.suppress(OSError):
            scratch.unlink()
        error.filename = str(path)
        raise
    return scratch


def settle(directory: Path) -> None:
    """See to it that names in a directory are on the disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
