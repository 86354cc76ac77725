"""Takes what the gateway was sent to where the gateway cannot change it any more, before anybody looks at it."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import msgspec

from gateway.appliance.bundles import UpdateError
from gateway.appliance.update_state import NOTE, WANTED

# Bytes: more than two partitions of a slot hold; more than a note needs.
_LARGEST, _LARGEST_NOTE = 512 * 1024 * 1024, 4096
_PIECE = 1024 * 1024


def take(inbox: Path, target: Path) -> str | None:
    """Copy the bundle that was sent, and remove it from where it was.

    The place is the gateway's: what lies there may be a link, a pipe or anything else.

    Args:
        inbox: the place.
        target: the copy.

    Returns:
        Who sent it; None: that is not known.

    Raises:
        UpdateError: there is no bundle that can be taken.
    """
    wanted, note = inbox / WANTED, inbox / NOTE
    asked_by = None
    try:
        with suppress(OSError, msgspec.DecodeError, KeyError), _regular(note, _LARGEST_NOTE) as file:
            asked_by = str(msgspec.json.decode(file.read(), type=dict[str, object])["asked_by"])
        target.parent.mkdir(parents=True, exist_ok=True)
        with _regular(wanted, _LARGEST) as source, target.open("wb") as copy:
            shutil.copyfileobj(source, copy, _PIECE)
    except OSError as error:
        raise UpdateError(f"{error.filename or target}: {error.strerror}") from None
    finally:
        for path in (wanted, note):
            with suppress(OSError):
                path.unlink()
    return asked_by


def _regular(path: Path, most: int) -> BinaryIO:
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    about = os.fstat(file.fileno())
    if not stat.S_ISREG(about.st_mode) or about.st_size > most:
        file.close()
        raise OSError(errno.EINVAL, f"it is no file, or has more than {most} bytes", str(path))
    return file
