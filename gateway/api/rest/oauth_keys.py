"""``/v1/auth/api-keys``: keys for programs that cannot ask for tokens (D-052)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.access.oauth.api_keys import LONGEST_TTL, ApiKeys
from gateway.access.oauth.subjects import KINDS
from gateway.access.scopes import parse_scopes
from gateway.api.rest.oauth_clients import READ, WRITE, Name
from gateway.api.rest.paging import Pages, page
from gateway.api.rest.route import Answer, Call, Route, listed
from gateway.api.rest.shapes import Model, Nothing
from gateway.api.rest.words import ScopeWord, SubjectWord
from gateway.core import rfc3339
from gateway.core.clients import ApiKey
from gateway.core.errors import invalid
from gateway.core.ports import Json

ALL = "/v1/auth/api-keys"
_ONE = f"{ALL}/{{key_id}}"

_Bare = Call[None, Nothing]


class KeyBody(Model, frozen=True):
    """What is sent to make a key; without an owner it is the caller's own."""

    name: Name
    scopes: Annotated[tuple[ScopeWord, ...], Meta(min_length=1, max_length=50)]
    owner: SubjectWord | None = None
    ttl: Annotated[int, Meta(ge=1, le=LONGEST_TTL)] | None = None
    audience: Annotated[list[Literal["/v1", "/api/v1"]], Meta(min_length=1, max_length=2)] = msgspec.field(
        default_factory=lambda: ["/v1"]
    )


class KeyRow(msgspec.Struct, frozen=True, kw_only=True):
    """A key as it is shown; what is to be sent once, when it is made."""

    key_id: str
    name: str
    owner: str
    scopes: list[str]
    audience: list[str]
    created_at: str
    expires_at: str | None
    last_used_at: str | None
    api_key: str | UnsetType = UNSET


def key_row(key: ApiKey, credential: str | None = None) -> KeyRow:
    """A key for an answer."""
    return KeyRow(
        key_id=key.id,
        name=key.name,
        owner=key.owner,
        scopes=sorted(key.scopes),
        audience=sorted(key.audience),
        created_at=rfc3339.seconds(key.created),
        expires_at=None if key.expires is None else rfc3339.seconds(key.expires),
        last_used_at=None if key.used is None else rfc3339.seconds(key.used),
        api_key=UNSET if credential is None else credential,
    )


class KeyRoutes:
    """What administrators ask of keys.

    Args:
        keys: all of them.
    """

    def __init__(self, keys: ApiKeys) -> None:
        self._keys = keys

    async def list(self, call: Call[None, Pages]) -> Answer:
        """GET: all of them."""
        return listed(page(self._keys.all(), call.query, call.target, key_row))

    async def get(self, call: _Bare) -> Answer:
        """GET: one."""
        return Answer(data=key_row(self._keys.shown(call.path["key_id"])))

    async def create(self, call: Call[KeyBody, Nothing]) -> Answer:
        """POST: another one."""
        caller, body = call.origin.principal, call.body
        owner = body.owner or caller.subject
        if body.owner is None and owner.partition(":")[0] not in KINDS:
            raise invalid("owner", "say whose key it is to be: client:ID, user:ID or plugin:ID")
        key, credential = await self._keys.add(
            caller,
            owner=owner,
            name=body.name,
            scopes=parse_scopes(" ".join(body.scopes)),
            ttl=body.ttl,
            audience=body.audience,
        )
        place = f"{ALL}/{key.id}".encode()
        return Answer(data=key_row(key, credential), headers=((b"location", place),), target=key.id)

    async def revoke(self, call: _Bare) -> Answer:
        """DELETE."""
        await self._keys.revoke(call.origin.principal, call.path["key_id"])
        return Answer()


def _what(call: Call[KeyBody, Nothing]) -> Mapping[str, Json]:
    body = call.body
    given = {"name": body.name, "owner": body.owner, "scopes": body.scopes, "ttl": body.ttl}
    return {**given, "audience": list[Json](body.audience)}


def key_routes(keys: ApiKeys) -> tuple[Route, ...]:
    """All of ``/v1/auth/api-keys``."""
    work = KeyRoutes(keys)
    read = partial(Route, scope=READ, resource="api-key", result=KeyRow, audited=False)
    write = partial(Route, scope=WRITE, resource="api-key", result=KeyRow)
    return (
        read(
            name="api_key.list",
            method="GET",
            path=ALL,
            run=work.list,
            summary="List API keys",
            listing=True,
            query=Pages,
        ),
        write(
            name="api_key.create",
            method="POST",
            path=ALL,
            run=work.create,
            summary="Make an API key; it is shown once",
            status=201,
            body=KeyBody,
            noted=_what,
        ),
        read(name="api_key.get", method="GET", path=_ONE, run=work.get, summary="Show an API key"),
        write(
            name="api_key.revoke",
            method="DELETE",
            path=_ONE,
            run=work.revoke,
            summary="End an API key at once",
            result=None,
            status=204,
        ),
    )
