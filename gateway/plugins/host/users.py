"""Users that instances run as: numbers that nobody else on this system has, also no other gateway. Blocking."""

from __future__ import annotations

import fcntl
import os
import weakref
from collections import Counter
from collections.abc import Collection
from pathlib import Path

# Numbers of users nobody else has: above what Debian and systemd give away, below those of containers.
FIRST_USER, LAST_USER = 120_000, 129_999
# Of one gateway: as many as there may be instances.
EACH = 1000
# Gone with the next start of the system, and so are those who held anything there.
CLAIMS = Path("/run/ferrule-plugin-users")


class NoUsersError(Exception):
    """There are none left; the text says why."""


class Users:
    """A thousand numbers, until they are released or this is no more.

    Args:
        claims: where gateways say which ones they have.
    """

    def __init__(self, claims: Path = CLAIMS) -> None:
        self._claims = claims
        self._mine: range | None = None
        self._let_go: weakref.finalize[[int], Users] | None = None

    def claim(self, known: Collection[int]) -> range:
        """Have those numbers that nobody else has; the same ones whenever it is asked.

        Args:
            known: who owned what there is in earlier runs: these are wanted again.

        Raises:
            NoUsersError: other gateways have all of them.
            OSError: it cannot be said here who has which.
        """
        if self._mine is None:
            self._claims.mkdir(mode=0o700, parents=True, exist_ok=True)
            wanted = Counter(block.start for block in map(_block, known) if block is not None)
            blocks = sorted(range(FIRST_USER, LAST_USER, EACH), key=lambda first: (-wanted[first], first))
            self._mine = next((range(first, first + EACH) for first in blocks if self._held(first)), None)
        if self._mine is None:
            raise NoUsersError(
                f"other gateways on this system have all users that plugins can run as: see {self._claims}"
            )
        return self._mine

    def release(self) -> None:
        """Let others have them: nobody runs as one of them any more."""
        self._mine = None
        if self._let_go is not None:
            self._let_go()

    def _held(self, first: int) -> bool:
        """The kernel lets go of it when the process ends, however that happens."""
        descriptor = os.open(self._claims / str(first), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        self._let_go = weakref.finalize(self, os.close, descriptor)
        return True


def give(place: Path, before: int, user: int) -> None:
    """Give a directory, with what is its owner's in it, to another user. Nobody uses it meanwhile.

    Raises:
        OSError: the disk does not take it.
        RecursionError: it is nested too deep.
    """
    for directory, directories, files in os.walk(place):
        for name in (*directories, *files):
            inside = os.path.join(directory, name)  # noqa: PTH118 - many, and of odd names
            # What it has a second name of may belong to somebody else.
            if os.lstat(inside).st_uid == before:
                os.chown(inside, user, user, follow_symlinks=False)
    # The last one: until then it is known whose it was.
    os.chown(place, user, user, follow_symlinks=False)


def _block(user: int) -> range | None:
    if not FIRST_USER <= user <= LAST_USER:
        return None
    first = user - (user - FIRST_USER) % EACH
    return range(first, first + EACH)
