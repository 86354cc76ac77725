"""Who holds a state directory: one gateway at a time, or a tool that must not meet one."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LOCK_FILE = "lock"
# Who only looks whether a gateway runs holds the file for less than a moment; a gateway does so to its end.
_TRIES, _PAUSE_S = 20, 0.025


class InUseError(Exception):
    """A gateway runs on the state directory; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The gateway that holds a state directory.

    Attributes:
        pid: its process.
        config: the configuration it was started with.
        marks: of its sections that count until the next start (``settings.compare.marks``); none where it is of a
            version that tells none.
    """

    pid: int
    config: Path
    marks: Mapping[str, str]


def owner_of(state: Path) -> Owner:
    """The gateway that runs on a state directory.

    Raises:
        OSError: none does; a PermissionError where this user may not know.
        ValueError: it has not said yet who it is.
    """
    with (state / LOCK_FILE).open("rb") as file:
        try:
            # A gateway that was killed leaves its number behind, and by now that may be anybody's.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            first, _, rest = file.read().partition(b"\n")
            path, _, marks = rest.rstrip(b"\n").partition(b"\n")
            # Names of files are bytes, and this user's locale may be another one than the gateway's.
            return Owner(int(first), Path(os.fsdecode(path)), json.loads(marks or b"{}"))
    raise ProcessLookupError(errno.ESRCH, "nobody holds it", str(state / LOCK_FILE))


def take(descriptor: int) -> None:
    """Take a state directory by its lock file; whoever is just looking at it is waited for.

    Raises:
        BlockingIOError: somebody holds it.
    """
    for left in reversed(range(_TRIES)):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not left:
                raise
            time.sleep(_PAUSE_S)
        else:
            return


@contextmanager
def held(state: Path) -> Iterator[None]:
    """Keep gateways away from a state directory for as long as this lasts.

    Raises:
        InUseError: a gateway runs on it.
        OSError: it cannot be made or locked.
    """
    state.mkdir(mode=0o750, parents=True, exist_ok=True)
    # Root gives it away below: it must not be a link to something else.
    descriptor = os.open(state / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
    if os.geteuid() == 0:
        # The gateway's user must be able to take the lock that root may have made here.
        owner = state.stat()
        os.chown(descriptor, owner.st_uid, owner.st_gid)
    try:
        try:
            take(descriptor)
        except BlockingIOError:
            raise InUseError(
                f"a gateway runs on {state}: stop it first (systemctl stop ferrule), and start it again afterwards"
            ) from None
        yield
    finally:
        os.close(descriptor)
