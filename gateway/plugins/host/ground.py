"""Where instances keep their files, and whose these are. Blocking: call it in a thread."""

from __future__ import annotations

import re
import stat
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from gateway.plugins.host.clearing import clear
from gateway.plugins.host.users import NoUsersError, Users, give

# Of the state directory, where instances keep their files.
INSTANCES = "instances"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)


class GroundError(Exception):
    """An instance has no place; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Place:
    """What belongs to one instance.

    Attributes:
        data: a directory of its own.
        user: number of its user; None: that of the gateway.
    """

    data: Path
    user: int | None


class Ground:
    """Places of all instances.

    Args:
        root: directory that holds them.
        own_users: whether each gets a user of its own, as only root can arrange.
        users: whom they can get.
    """

    def __init__(self, root: Path, *, own_users: bool, users: Users | None = None) -> None:
        self._root, self._own_users = root, own_users
        self._users = users or Users()

    def prepare(self, instance: str) -> Place:
        """The place of an instance, made where there is none yet.

        Raises:
            GroundError: it cannot be made, or would not be reached.
        """
        data = self._path(instance)
        try:
            # Others may pass, and see nothing: the users of plugins are others here.
            self._root.mkdir(mode=0o711, parents=True, exist_ok=True)
            data.mkdir(mode=0o700, exist_ok=True)
            if not stat.S_ISDIR(data.lstat().st_mode):
                raise GroundError(f"{data} is no directory: move it away")
            user = self._user(data) if self._own_users else None
        except OSError as error:
            raise GroundError(f"{data}: {error.strerror}") from None
        if user is not None:
            self._reachable()
        return Place(data, user)

    def remove(self, instance: str) -> None:
        """Forget an instance and all it kept.

        Raises:
            GroundError: it cannot be removed.
        """
        data = self._path(instance)
        try:
            clear(data)
        except OSError as error:
            raise GroundError(f"{data}: {error.strerror}") from None

    def close(self) -> None:
        """No instance runs any more: others may have the users of these."""
        self._users.release()

    def left_behind(self, known: Collection[str]) -> list[str]:
        """Places of instances that are not among those who are known."""
        try:
            return sorted(str(entry) for entry in self._root.iterdir() if entry.name not in known)
        except OSError:
            return []

    def _path(self, instance: str) -> Path:
        if _ID.fullmatch(instance) is None:
            raise GroundError(f"{instance!r} names no instance")
        return self._root / instance

    def _user(self, data: Path) -> int:
        """Who owns its directory is its user: that is known after a restart, and nobody gets what another left.

        Where another gateway has that user meanwhile, it gets another one, and so does what it keeps.
        """
        owner = data.lstat().st_uid
        taken = {entry.lstat().st_uid for entry in self._root.iterdir()}
        try:
            mine = self._users.claim(taken)
            if owner in mine:
                return owner
            user = next((one for one in mine if one not in taken), None)
            if user is None:
                raise GroundError("there are more instances than users for them")
            give(data, owner, user)
        except NoUsersError as error:
            raise GroundError(str(error)) from None
        except RecursionError:
            raise GroundError(f"{data} is nested too deep to be given to another user: remove it") from None
        return user

    def _reachable(self) -> None:
        for place in (self._root, *self._root.parents):
            if not place.stat().st_mode & stat.S_IXOTH:
                raise GroundError(
                    f"{place} is closed to the users that plugins run as: chmod o+x {place}, or run the gateway as a "
                    "user that is not root"
                )
