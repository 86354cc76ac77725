"""``/v1/users``: who may sign in; and the first of them (D-053, D-058)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from typing import Annotated, Any, Protocol

import msgspec
import trio
from msgspec import UNSET, Meta, UnsetType

from gateway.access.users.user import User
from gateway.api.rest.etags import check_match, etag_header, etag_of
from gateway.api.rest.paging import Pages, page
from gateway.api.rest.route import Answer, Call, Route, listed
from gateway.api.rest.shapes import Model, Nothing
from gateway.api.rest.words import NewPassword, RoleWord, UserName
from gateway.core import rfc3339
from gateway.core.errors import Code, GatewayError, invalid
from gateway.core.ports import Json
from gateway.core.principal import Principal

ALL = "/v1/users"
_ONE = f"{ALL}/{{user_id}}"
FIRST = "/v1/auth/first-admin"
CODE = f"{FIRST}/code"
ADMINISTER = "system:write"

_Bare = Call[None, Nothing]


class People(Protocol):
    """The service; see ``gateway.access.users.people``."""

    def all(self) -> list[User]:
        """Every one, by name."""
        ...

    def get(self, id_: str) -> User:
        """One. Raises GatewayError NOT_FOUND."""
        ...

    async def add(self, by: Principal, name: str, roles: Collection[str], password: str) -> User:
        """Add one. Raises GatewayError INVALID, FORBIDDEN, CONFLICT, UNAVAILABLE."""
        ...

    async def change(
        self,
        by: Principal,
        id_: str,
        *,
        roles: Collection[str] | None = None,
        disabled: bool | None = None,
        password: str | None = None,
    ) -> User:
        """Change one; what is None stays. Raises GatewayError NOT_FOUND, INVALID, FORBIDDEN, CONFLICT, UNAVAILABLE."""
        ...

    async def remove(self, by: Principal, id_: str) -> User:
        """Remove one. Raises GatewayError NOT_FOUND, FORBIDDEN, CONFLICT."""
        ...

    async def add_first(self, code: str, name: str, password: str) -> User:
        """Make the first administrator. Raises GatewayError FORBIDDEN, INVALID, CONFLICT, UNAVAILABLE."""
        ...

    async def renew_code(self, by: Principal) -> str:
        """Make another code for that. Raises GatewayError FORBIDDEN, CONFLICT; OSError."""
        ...


Roles = Annotated[tuple[RoleWord, ...], Meta(extra_json_schema={"minItems": 1})]


class UserBody(Model, frozen=True):
    """What is sent to add a user."""

    name: UserName
    password: NewPassword
    roles: Roles


class UserChanges(Model, frozen=True):
    """What is sent to change one."""

    roles: Roles | UnsetType = UNSET
    disabled: bool | UnsetType = UNSET
    password: NewPassword | UnsetType = UNSET


class FirstAdminBody(Model, frozen=True):
    """What is sent to become the first administrator."""

    code: str
    name: UserName
    password: NewPassword


class UserRow(msgspec.Struct, frozen=True, kw_only=True):
    """A user. What is null is not for the caller to see."""

    id: str
    name: str
    roles: tuple[str, ...] | None = None
    disabled: bool | None = None
    created_at: str | None = None


class NewCode(msgspec.Struct, frozen=True):
    """A code for the first administrator."""

    code: str


def user_row(user: User) -> UserRow:
    """All that may be shown of a user, to who administers or is that user."""
    return UserRow(
        id=user.id,
        name=user.name,
        roles=tuple(sorted(user.roles)),
        disabled=user.disabled,
        created_at=rfc3339.seconds(user.created),
    )


def _answer(user: User) -> Answer:
    row = user_row(user)
    return Answer(data=row, headers=etag_header(etag_of(row)))


class UserRoutes:
    """What can be asked of users.

    Args:
        people: the service.
    """

    def __init__(self, people: People) -> None:
        self._people = people
        # Between a look at somebody and the change nobody else changes it.
        self._changing = trio.Lock()

    async def list(self, call: Call[None, Pages]) -> Answer:
        """GET: all of them."""
        return listed(page(self._people.all(), call.query, call.target, user_row))

    async def create(self, call: Call[UserBody, Nothing]) -> Answer:
        """POST: another one."""
        user = await self._people.add(call.origin.principal, call.body.name, call.body.roles, call.body.password)
        return Answer(data=user_row(user), headers=((b"location", f"{ALL}/{user.id}".encode()),), target=user.id)

    async def get(self, call: _Bare) -> Answer:
        """GET: one; others than itself and administrators see its name."""
        user = self._people.get(call.path["user_id"])
        if not _may_see(call.origin.principal, user):
            return Answer(data=UserRow(id=user.id, name=user.name))
        return _answer(user)

    async def change(self, call: Call[UserChanges, Nothing]) -> Answer:
        """PATCH: other roles, another password, disabled or not."""
        given = {name: value for name in _CHANGES if (value := getattr(call.body, name)) is not UNSET}
        if not given:
            raise invalid("data", f"nothing is to be changed; there are: {', '.join(_CHANGES)}")
        async with self._changing:
            id_ = self._seen(call)
            return _answer(await self._people.change(call.origin.principal, id_, **given))

    async def remove(self, call: _Bare) -> Answer:
        """DELETE."""
        async with self._changing:
            await self._people.remove(call.origin.principal, self._seen(call))
        return Answer()

    def _seen(self, call: Call[Any, Nothing]) -> str:
        """The id of somebody whom the caller means as it stands."""
        user = self._people.get(call.path["user_id"])
        check_match(call.origin.scope, etag_of(user_row(user)))
        return user.id

    async def add_first(self, call: Call[FirstAdminBody, Nothing]) -> Answer:
        """POST: the first administrator."""
        user = await self._people.add_first(call.body.code, call.body.name, call.body.password)
        return Answer(data=user_row(user), headers=((b"location", f"{ALL}/{user.id}".encode()),), target=user.id)

    async def renew_code(self, call: _Bare) -> Answer:
        """POST: another code for the first administrator."""
        try:
            return Answer(data=NewCode(await self._people.renew_code(call.origin.principal)))
        except OSError as error:
            words = f"the state directory does not take the code: {error.strerror}"
            raise GatewayError(Code.UNAVAILABLE, words, details={"retryAfter": 10}) from None


_CHANGES = ("roles", "disabled", "password")


def _may_see(caller: Principal, user: User) -> bool:
    return caller.subject == f"user:{user.id}" or caller.may(ADMINISTER)


def _who(call: Call[UserBody, Nothing]) -> Mapping[str, Json]:
    return {"name": call.body.name[:64], "roles": [role[:64] for role in call.body.roles[:10]]}


def _first(call: Call[FirstAdminBody, Nothing]) -> Mapping[str, Json]:
    return {"name": call.body.name[:64]}


def _what(call: Call[UserChanges, Nothing]) -> Mapping[str, Json]:
    """Which members were sent; of a password no more than that."""
    body = call.body
    roles: Mapping[str, Json] = {} if body.roles is UNSET else {"roles": [role[:64] for role in body.roles[:10]]}
    disabled: Mapping[str, Json] = {} if body.disabled is UNSET else {"disabled": body.disabled}
    return {**roles, **disabled, "changed": [name for name in _CHANGES if getattr(body, name) is not UNSET]}


def user_routes(people: People) -> tuple[Route, ...]:
    """All of ``/v1/users``, and how the first one comes about."""
    work = UserRoutes(people)
    write = partial(Route, scope=ADMINISTER, resource="user", result=UserRow)
    return (
        write(
            name="user.list",
            method="GET",
            path=ALL,
            run=work.list,
            summary="List users",
            listing=True,
            query=Pages,
            audited=False,
        ),
        write(
            name="user.create",
            method="POST",
            path=ALL,
            run=work.create,
            summary="Add a user",
            status=201,
            body=UserBody,
            noted=_who,
        ),
        Route(
            name="user.get",
            method="GET",
            path=_ONE,
            run=work.get,
            scope="plugins:read",
            summary="Show a user",
            resource="user",
            result=UserRow,
            audited=False,
        ),
        write(
            name="user.change",
            method="PATCH",
            path=_ONE,
            run=work.change,
            summary="Change roles or password of a user, disable or enable it",
            body=UserChanges,
            noted=_what,
        ),
        write(
            name="user.remove",
            method="DELETE",
            path=_ONE,
            run=work.remove,
            summary="Remove a user with all tokens given to it",
            result=None,
            status=204,
        ),
        Route(
            name="user.add_first",
            method="POST",
            path=FIRST,
            run=work.add_first,
            open=True,
            scope=None,
            summary="Make the first administrator, with the code that lies on the board",
            resource="user",
            result=UserRow,
            status=201,
            body=FirstAdminBody,
            fails=frozenset({403, 409}),
            noted=_first,
        ),
        write(
            name="user.renew_code",
            method="POST",
            path=CODE,
            run=work.renew_code,
            summary="Make another code for the first administrator",
            result=NewCode,
            status=201,
        ),
    )
