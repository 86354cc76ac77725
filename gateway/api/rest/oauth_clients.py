"""``/v1/clients``: the programs that may ask for tokens, for administrators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Literal

import msgspec
import trio
from msgspec import UNSET, Meta, UnsetType

from gateway.access.oauth.clients import MOST_REDIRECTS, ClientChanges, Clients, allowance_of
from gateway.access.oauth.grant import Client, ClientKind
from gateway.access.roles import parse_roles
from gateway.access.scopes import parse_scopes
from gateway.api.rest.etags import check_match, etag_header, etag_of
from gateway.api.rest.paging import Pages, page
from gateway.api.rest.route import Answer, Call, Route, listed
from gateway.api.rest.shapes import Model, Nothing
from gateway.api.rest.words import ClientWord, RoleWord, ScopeWord
from gateway.core import rfc3339
from gateway.core.ports import Json

ALL = "/v1/clients"
_ONE = f"{ALL}/{{client_id}}"
READ, WRITE = "system:read", "system:write"

_Bare = Call[None, Nothing]
Kinds = Literal["confidential", "public"]
Name = Annotated[str, Meta(min_length=1, max_length=100)]
Redirects = Annotated[tuple[str, ...], Meta(extra_json_schema={"maxItems": MOST_REDIRECTS})]
Roles = Annotated[tuple[RoleWord, ...], Meta(max_length=50)]
Scopes = Annotated[tuple[ScopeWord, ...], Meta(max_length=50)]
Rate = Annotated[int, Meta(ge=0, le=1_000_000)]


class ClientBody(Model, frozen=True):
    """What is sent to register a client."""

    name: Name
    kind: Kinds = "confidential"
    roles: Roles = ()
    scopes: Scopes = ()
    redirect_uris: Redirects = ()
    rate_limit: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    client_id: ClientWord | None = None


class ClientPatch(Model, frozen=True):
    """What is sent to change one; a rate limit of 0 takes its own limit away."""

    name: Name | None = None
    roles: Roles | None = None
    scopes: Scopes | None = None
    redirect_uris: Redirects | None = None
    rate_limit: Rate | None = None
    disabled: bool | None = None


class ClientRow(msgspec.Struct, frozen=True, kw_only=True):
    """A client as it is shown; its secret once, when it is made."""

    client_id: str
    name: str
    kind: Kinds
    roles: list[str]
    scopes: list[str]
    allowance: str
    redirect_uris: Sequence[str]
    rate_limit: int | None
    first: bool
    disabled: bool
    created_at: str
    last_used_at: str | None
    client_secret: str | UnsetType = UNSET


def client_row(client: Client, secret: str | None = None) -> ClientRow:
    """A client for an answer."""
    return ClientRow(
        client_id=client.id,
        name=client.name,
        kind=client.kind.value,
        roles=sorted(client.roles),
        scopes=sorted(client.scopes),
        allowance=" ".join(sorted(allowance_of(client))),
        redirect_uris=client.redirect_uris,
        rate_limit=client.rate_limit,
        first=client.first,
        disabled=client.disabled,
        created_at=rfc3339.seconds(client.created),
        last_used_at=None if client.used is None else rfc3339.seconds(client.used),
        client_secret=UNSET if secret is None else secret,
    )


class ClientRoutes:
    """What administrators ask of clients.

    Args:
        clients: all of them.
    """

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        # Between a look at one and its change nobody else changes it.
        self._changing = trio.Lock()

    async def list(self, call: Call[None, Pages]) -> Answer:
        """GET: all of them."""
        return listed(page(self._clients.all(), call.query, call.target, client_row))

    async def get(self, call: _Bare) -> Answer:
        """GET: one."""
        return _answer(self._clients.shown(call.path["client_id"]))

    async def create(self, call: Call[ClientBody, Nothing]) -> Answer:
        """POST: another one, with its secret."""
        body = call.body
        client, secret = await self._clients.add(
            call.origin.principal,
            name=body.name,
            kind=ClientKind(body.kind),
            roles=parse_roles(body.roles),
            scopes=scopes_among(body.scopes),
            redirect_uris=body.redirect_uris,
            rate_limit=body.rate_limit,
            client_id=body.client_id,
        )
        place = f"{ALL}/{client.id}".encode()
        return Answer(data=client_row(client, secret), headers=((b"location", place),), target=client.id)

    async def change(self, call: Call[ClientPatch, Nothing]) -> Answer:
        """PATCH: some other members."""
        body = call.body
        changes = ClientChanges(
            name=body.name,
            roles=None if body.roles is None else parse_roles(body.roles),
            scopes=None if body.scopes is None else scopes_among(body.scopes),
            redirect_uris=body.redirect_uris,
            rate_limit=body.rate_limit,
            disabled=body.disabled,
        )
        async with self._changing:
            return _answer(await self._clients.change(call.origin.principal, self._seen(call), changes))

    async def rotate(self, call: _Bare) -> Answer:
        """POST: another secret, at once."""
        client, secret = await self._clients.rotate(call.origin.principal, call.path["client_id"])
        return Answer(data=client_row(client, secret))

    async def remove(self, call: _Bare) -> Answer:
        """DELETE."""
        async with self._changing:
            await self._clients.remove(call.origin.principal, self._seen(call))
        return Answer()

    def _seen(self, call: Call[Any, Nothing]) -> str:
        """The id of a client that the caller means as it stands."""
        client = self._clients.shown(call.path["client_id"])
        check_match(call.origin.scope, _state(client))
        return client.id


def _answer(client: Client) -> Answer:
    return Answer(data=client_row(client), headers=etag_header(_state(client)))


def _state(client: Client) -> bytes:
    """The entity tag of what can be written of it: when it was used last is none of that."""
    return etag_of(msgspec.structs.replace(client_row(client), last_used_at=None))


def scopes_among(words: Sequence[str]) -> frozenset[str]:
    """Scopes by their names; none is fine.

    Raises:
        GatewayError: INVALID for one that does not exist.
    """
    return parse_scopes(" ".join(words)) if words else frozenset()


def _what(call: Call[ClientBody, Nothing]) -> Mapping[str, Json]:
    body = call.body
    return {"name": body.name, "kind": body.kind, "roles": body.roles, "scopes": body.scopes}


def _changed(call: Call[ClientPatch, Nothing]) -> Mapping[str, Json]:
    body = call.body
    given = {name: getattr(body, name) for name in ("roles", "scopes", "disabled")}
    changed = [field.encode_name for field in msgspec.structs.fields(body) if getattr(body, field.name) is not None]
    return {"changed": changed, **{name: value for name, value in given.items() if value is not None}}


def client_routes(clients: Clients) -> tuple[Route, ...]:
    """All of ``/v1/clients``."""
    work = ClientRoutes(clients)
    read = partial(Route, scope=READ, resource="client", result=ClientRow, audited=False)
    write = partial(Route, scope=WRITE, resource="client", result=ClientRow)
    return (
        read(
            name="client.list", method="GET", path=ALL, run=work.list, summary="List clients", listing=True, query=Pages
        ),
        write(
            name="client.create",
            method="POST",
            path=ALL,
            run=work.create,
            summary="Register a client; its secret is shown once",
            status=201,
            body=ClientBody,
            noted=_what,
        ),
        read(name="client.get", method="GET", path=_ONE, run=work.get, summary="Show a client"),
        write(
            name="client.change",
            method="PATCH",
            path=_ONE,
            run=work.change,
            summary="Change a client; disabled, it gets no tokens and those it has are void",
            body=ClientPatch,
            noted=_changed,
        ),
        write(
            name="client.rotate_secret",
            method="POST",
            path=f"{_ONE}/rotate-secret",
            run=work.rotate,
            summary="Give a client another secret; the one before and its tokens are void",
        ),
        write(
            name="client.remove",
            method="DELETE",
            path=_ONE,
            run=work.remove,
            summary="Remove a client; its tokens are void",
            result=None,
            status=204,
        ),
    )
