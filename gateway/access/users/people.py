"""Administration of people: checked, passwords hashed, and on the disk when it is done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection

import structlog

from gateway.access.oauth.clients import within
from gateway.access.roles import scopes_of
from gateway.access.users.first_admin import FirstAdmin
from gateway.access.users.passwords import Hasher
from gateway.access.users.user import ADMIN, User, checked_password
from gateway.access.users.users import Users
from gateway.core.errors import GatewayError
from gateway.core.ports import FactStore
from gateway.core.principal import Principal

log = structlog.stdlib.get_logger(__name__)


class People:
    """Adds, changes and removes people.

    Args:
        users: whom there is.
        passwords: hashes them.
        first_admin: the code for the first one.
        facts: settled before a change is answered.

    Attributes:
        left: awaited with the id of a user who is removed: what else that one had goes too.
    """

    def __init__(self, users: Users, passwords: Hasher, first_admin: FirstAdmin, facts: FactStore) -> None:
        self._users = users
        self._passwords = passwords
        self._first_admin = first_admin
        self._facts = facts
        self.left: list[Callable[[str], Awaitable[None]]] = []

    def all(self) -> list[User]:
        """Every one, by name."""
        return self._users.all()

    def get(self, id_: str) -> User:
        """One by its id.

        Raises:
            GatewayError: NOT_FOUND.
        """
        return self._users.get(id_)

    async def add(self, by: Principal, name: str, roles: Collection[str], password: str) -> User:
        """Add a user.

        Args:
            by: who wants that; nobody makes somebody who may do more.
            name: to sign in with.
            roles: of it.
            password: in the clear.

        Raises:
            GatewayError: INVALID; FORBIDDEN; CONFLICT, the name is taken or there are too many; UNAVAILABLE.
        """
        self._users.check_new(name, roles)
        within(by, scopes_of(roles))
        hashed = await self._passwords.hash(checked_password(password, name))
        user = self._users.add(name, roles, hashed)
        await self._facts.settle()
        return user

    async def change(
        self,
        by: Principal,
        id_: str,
        *,
        roles: Collection[str] | None = None,
        disabled: bool | None = None,
        password: str | None = None,
    ) -> User:
        """Change a user; what is None stays. Nothing is changed unless all of it can be.

        Raises:
            GatewayError: NOT_FOUND; INVALID; FORBIDDEN, the user may do more than who wants that, or would then;
                CONFLICT, no administrator would be left; UNAVAILABLE.
        """
        user = self._users.get(id_)
        within(by, scopes_of(user.roles) | scopes_of(roles or ()))
        hashed = None
        if password is not None:
            hashed = await self._passwords.hash(checked_password(password, user.name))
        changed = self._users.change(id_, roles=roles, disabled=disabled)
        if hashed is not None:
            changed = self._users.set_password(id_, hashed)
        await self._facts.settle()
        return changed

    async def remove(self, by: Principal, id_: str) -> User:
        """Remove a user with all that was given to it.

        Raises:
            GatewayError: NOT_FOUND; FORBIDDEN, the user may do more than who wants that; CONFLICT, no administrator
                would be left.
        """
        within(by, scopes_of(self._users.get(id_).roles))
        user = self._users.remove(id_)
        await self._facts.settle()
        for leave in self.left:
            try:
                await leave(id_)
            except GatewayError as error:
                # The user is gone; what stays on the disk is nobody's, and opens nothing.
                log.warning("something of a user who was removed is kept", user=id_, reason=error.reason)
        return user

    async def add_first(self, code: str, name: str, password: str) -> User:
        """Make the first administrator.

        Args:
            code: that lies on the board.
            name: to sign in with.
            password: of one's own choice.

        Raises:
            GatewayError: FORBIDDEN, the code is not good; CONFLICT, there is an administrator; INVALID; UNAVAILABLE.
        """
        self._first_admin.check(code)
        self._users.check_new(name, {ADMIN})
        hashed = await self._passwords.hash(checked_password(password, name))
        # Another one may have been quicker.
        self._first_admin.check(code)
        user = self._users.add(name, {ADMIN}, hashed)
        await self._facts.settle()
        return user

    async def renew_code(self, by: Principal) -> str:
        """Make another code for the first administrator.

        Raises:
            GatewayError: CONFLICT, there is an administrator; FORBIDDEN, who wants that may not do everything itself.
            OSError: the disk does not take it.
        """
        within(by, scopes_of({ADMIN}))
        code = await self._first_admin.renew()
        await self._facts.settle()
        return code
