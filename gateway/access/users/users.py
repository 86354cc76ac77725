"""All people, in memory; each change is on the disk before it is answered."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection
from dataclasses import replace

import structlog

from gateway.access.users.user import User, checked_name, checked_roles, plain_name, restored, written
from gateway.core.errors import Code, GatewayError
from gateway.core.ports import FactStore

log = structlog.stdlib.get_logger(__name__)

USER = "user"
# Far more than sign in at one board.
MOST = 500


class Users:
    """Knows people by id and by name.

    Nothing here waits: whoever changes something settles the facts before that is answered.

    Args:
        facts: keeps them over restarts.
        wall: Unix seconds.
        roles: names of those there are.

    Attributes:
        ended: called with a user whose sign-ins, codes and tokens are void from now on.
        changed: called when somebody may do something else than before.
    """

    def __init__(self, facts: FactStore, wall: Callable[[], float], roles: Collection[str]) -> None:
        self._facts = facts
        self._wall = wall
        self._roles = frozenset(roles)
        self.ended: list[Callable[[User], None]] = []
        self.changed: list[Callable[[], None]] = []
        self._users: dict[str, User] = {}
        for id_, value in facts.recall(USER).items():
            user = restored(id_, value)
            if user is None:
                log.warning("user not understood, left out; another version of the gateway wrote it", user=id_)
            else:
                self._users[id_] = user

    def all(self) -> list[User]:
        """Every one, by name."""
        return sorted(self._users.values(), key=lambda user: user.name)

    def get(self, id_: str) -> User:
        """One by its id.

        Raises:
            GatewayError: NOT_FOUND.
        """
        user = self.known(id_)
        if user is None:
            raise GatewayError(Code.NOT_FOUND, f"there is no user {id_[:64]}")
        return user

    def known(self, id_: str) -> User | None:
        """One by its id, None where there is none."""
        return self._users.get(id_)

    def named(self, name: str) -> User | None:
        """One by the name that is typed, None where there is none."""
        plain = plain_name(name)
        return next((user for user in self._users.values() if user.name == plain), None)

    def active(self, id_: str, epoch: int) -> User | None:
        """The user something was given to, while that still counts; else None.

        Args:
            id_: whose.
            epoch: of the user when it was given.
        """
        user = self._users.get(id_)
        return user if user is not None and not user.disabled and user.epoch == epoch else None

    @property
    def administered(self) -> bool:
        """Whether there is an administrator who may act."""
        return any(user.administers for user in self._users.values())

    def check_new(self, name: str, roles: Collection[str]) -> None:
        """See that ``add`` would take these, before a password is hashed.

        Raises:
            GatewayError: INVALID; CONFLICT, the name is taken or there are too many.
        """
        plain = checked_name(name)
        checked_roles(roles, self._roles)
        if self.named(plain) is not None:
            raise GatewayError(Code.CONFLICT, f'there is a user "{plain}" already', field="name")
        if len(self._users) >= MOST:
            raise GatewayError(Code.CONFLICT, f"there are {MOST} users, and no more may be: remove one")

    def add(self, name: str, roles: Collection[str], password: str | None) -> User:
        """Add a user.

        Args:
            name: to sign in with.
            roles: of it.
            password: hashed; None: it cannot sign in before it has one.

        Raises:
            GatewayError: as ``check_new``.
        """
        self.check_new(name, roles)
        user = User(
            id=f"{USER}-{secrets.token_hex(8)}",
            name=checked_name(name),
            roles=frozenset(roles),
            password=password,
            created=self._wall(),
        )
        self._keep(user)
        return user

    def change(self, id_: str, *, roles: Collection[str] | None = None, disabled: bool | None = None) -> User:
        """Change what a user may do; what is None stays.

        Who is disabled loses what was given until then; enabled again, the person signs in anew.

        Raises:
            GatewayError: NOT_FOUND; INVALID; CONFLICT, no administrator would be left.
        """
        user = self.get(id_)
        changed = replace(
            user,
            roles=user.roles if roles is None else checked_roles(roles, self._roles),
            disabled=user.disabled if disabled is None else disabled,
        )
        if changed == user:
            return user
        self._check_administered(user, changed)
        ends = changed.disabled and not user.disabled
        if ends:
            changed = replace(changed, epoch=user.epoch + 1)
        self._keep(changed)
        if ends:
            self._end(changed)
        return changed

    def set_password(self, id_: str, password: str) -> User:
        """Give a user another password; what was given to whoever knew the old one is void.

        Args:
            id_: whose.
            password: hashed.

        Raises:
            GatewayError: NOT_FOUND.
        """
        user = self.get(id_)
        changed = replace(user, password=password, epoch=user.epoch + 1)
        self._keep(changed)
        self._end(changed)
        return changed

    def remove(self, id_: str) -> User:
        """Forget a user.

        Raises:
            GatewayError: NOT_FOUND; CONFLICT, no administrator would be left.
        """
        user = self.get(id_)
        self._check_administered(user, None)
        del self._users[id_]
        self._facts.remember(USER, id_, None, urgent=True)
        self._end(user)
        self._tell()
        return user

    def _check_administered(self, user: User, changed: User | None) -> None:
        """See that somebody is left who can undo it."""
        stays = changed is not None and changed.administers
        if user.administers and not stays and sum(one.administers for one in self._users.values()) == 1:
            raise GatewayError(
                Code.CONFLICT,
                f"{user.name} is the only administrator: make another user one first (roles: admin)",
            )

    def _keep(self, user: User) -> None:
        self._users[user.id] = user
        self._facts.remember(USER, user.id, written(user), urgent=True)
        self._tell()

    def _tell(self) -> None:
        for tell in self.changed:
            tell()

    def _end(self, user: User) -> None:
        for tell in self.ended:
            tell(user)
