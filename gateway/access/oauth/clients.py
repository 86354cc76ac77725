"""The clients of this gateway: registered by an administrator, in memory, and on the disk before anybody is told."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

import structlog
import trio

from gateway.access.admin import ADMIN_FILE, AdminClient
from gateway.access.oauth.grant import Client, ClientKind
from gateway.access.oauth.redirects import check_redirect
from gateway.access.oauth.secrets import ID, digest_of, is_secret, make_secret
from gateway.access.oauth.subjects import Standing
from gateway.access.roles import ADMIN, scopes_of
from gateway.core.clients import CredentialStore
from gateway.core.errors import Code, GatewayError, invalid
from gateway.core.eventlog import NotKept
from gateway.core.principal import Principal, allows

log = structlog.stdlib.get_logger(__name__)

_LONGEST_NAME = 100
MOST_REDIRECTS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientChanges:
    """What is to be changed of a client; None leaves it as it is.

    Attributes:
        rate_limit: 0 takes a limit of its own away.
    """

    name: str | None = None
    roles: Collection[str] | None = None
    scopes: Collection[str] | None = None
    redirect_uris: Sequence[str] | None = None
    rate_limit: int | None = None
    disabled: bool | None = None


def allowance_of(client: Client) -> frozenset[str]:
    """The scopes a client may have: those of its roles, and those it was given one by one."""
    return scopes_of(client.roles) | client.scopes


class Clients:
    """Knows every client.

    Args:
        store: keeps them.
        wall: Unix seconds.
        most: how many there may be.
        end: told of the subject of a client whose tokens are void from now on.

    Attributes:
        changed: called when somebody may be allowed something else than before.
        leaving: awaited with the subject of a client before it is forgotten: the next of its name inherits nothing.
    """

    def __init__(
        self,
        store: CredentialStore,
        wall: Callable[[], float],
        most: Callable[[], int],
        end: Callable[[str], None],
    ) -> None:
        self._store = store
        self._wall = wall
        self._most = most
        self._end = end
        self._clients: dict[str, Client] = {}
        self._used: dict[str, int] = {}
        self._changing = trio.Lock()
        self.changed: list[Callable[[], None]] = []
        self.leaving: list[Callable[[str], Awaitable[None]]] = []

    async def load(self, admin: AdminClient | None) -> None:
        """Learn those that are kept, and the first administrator.

        Args:
            admin: out of ``admin.json``, which alone says who that is; None: there is none.
        """
        self._clients = {client.id: client for client in await self._store.clients()}
        for client in [client for client in self._clients.values() if client.first]:
            if admin is None or client.id != admin.client_id:
                del self._clients[client.id]
                self._end(client.subject)
                await self._try(self._store.remove_client(client.id))
        if admin is None:
            return
        known = self._clients.get(admin.client_id)
        first = Client(
            id=admin.client_id,
            name="first administrator",
            kind=ClientKind.CONFIDENTIAL,
            digest=digest_of(admin.client_secret),
            roles=frozenset({ADMIN}),
            scopes=frozenset(),
            first=True,
            disabled=known is not None and known.disabled,
            created=int(self._wall()) if known is None else known.created,
            used=None if known is None else known.used,
        )
        self._clients[first.id] = first
        if first != known:
            await self._try(self._store.save_client(first))

    def find(self, client_id: str) -> Client | None:
        """A client by its id; disabled ones too."""
        found = self._clients.get(client_id)
        used = self._used.get(client_id)
        return found if found is None or used is None else replace(found, used=used)

    def standing(self, client_id: str) -> Standing | None:
        """What a client may be allowed; None where there is none, or it is disabled (``Subjects``)."""
        found = self._clients.get(client_id)
        if found is None or found.disabled:
            return None
        return Standing(found.roles, allowance_of(found), found.rate_limit)

    def all(self) -> list[Client]:
        """Every client, the oldest first."""
        found = [client for id_ in self._clients if (client := self.find(id_)) is not None]
        return sorted(found, key=lambda client: (client.created, client.id))

    def shown(self, client_id: str) -> Client:
        """A client by its id.

        Raises:
            GatewayError: NOT_FOUND.
        """
        found = self.find(client_id)
        if found is None:
            raise GatewayError(Code.NOT_FOUND, f"there is no client {client_id[:64]}", field="client_id")
        return found

    def authentic(self, client_id: str, secret: str) -> Client | None:
        """The client that shows its secret; None where it does not, is not there, or is disabled."""
        found = self._clients.get(client_id)
        # Who is not there takes as long as who is.
        right = is_secret(secret, None if found is None else found.digest)
        return found if right and found is not None and not found.disabled else None

    def note_use(self, client_id: str) -> None:
        """Note that a client got a token; the disk learns of it seldom."""
        self._used[client_id] = int(self._wall())

    def take_uses(self) -> dict[str, int]:
        """When clients were last used, of those that were since this was last asked."""
        taken, self._used = self._used, {}
        for client_id, at in taken.items():
            if client_id in self._clients:
                self._clients[client_id] = replace(self._clients[client_id], used=at)
        return taken

    async def add(
        self,
        by: Principal,
        *,
        name: str,
        kind: ClientKind = ClientKind.CONFIDENTIAL,
        roles: Collection[str] = (),
        scopes: Collection[str] = (),
        redirect_uris: Sequence[str] = (),
        rate_limit: int | None = None,
        client_id: str | None = None,
    ) -> tuple[Client, str | None]:
        """Register a client; returns it and its secret, which nobody is shown again (None of a public one).

        Args:
            by: who wants that; nobody gives what it has not itself.
            name: for people.
            kind: whether it can keep a secret.
            roles: as ``parse_roles`` gives them.
            scopes: as ``parse_scopes`` gives them.
            redirect_uris: for the authorization code.
            rate_limit: calls a minute.
            client_id: its id; None: one is made.

        Raises:
            GatewayError: INVALID; FORBIDDEN, more than the caller has itself; CONFLICT, there are as many as may be,
                or one with this id; UNAVAILABLE, the disk does not take it.
        """
        if client_id is not None and ID.fullmatch(client_id) is None:
            raise invalid("client_id", "1 to 64 letters, digits or ._-, and no sign at its beginning", client_id[:64])
        secret = make_secret() if kind is ClientKind.CONFIDENTIAL else None
        async with self._changing:
            id_ = client_id or f"client-{secrets.token_hex(6)}"
            if id_ in self._clients:
                raise GatewayError(Code.CONFLICT, f"there is a client {id_} already", field="client_id")
            if len(self._clients) >= self._most():
                words = f"there are {len(self._clients)} clients, and no more may be: raise max_clients in [access]"
                raise GatewayError(Code.CONFLICT, words)
            client = Client(
                id=id_,
                name=_name(name),
                kind=kind,
                digest=None if secret is None else digest_of(secret),
                roles=frozenset(roles),
                scopes=frozenset(scopes),
                redirect_uris=_redirects(redirect_uris),
                rate_limit=_rate(rate_limit),
                created=int(self._wall()),
            )
            if not allowance_of(client):
                raise invalid("roles", "name at least one role or scope, or the client may do nothing")
            within(by, allowance_of(client))
            await self._keep(client)
        return client, secret

    async def change(self, by: Principal, client_id: str, changes: ClientChanges) -> Client:
        """Change a client. One that is disabled loses the tokens it has, and those that came by way of it.

        Raises:
            GatewayError: NOT_FOUND; INVALID; FORBIDDEN, it has or would have more than the caller; CONFLICT, of the
                first administrator only ``disabled`` can be changed; UNAVAILABLE.
        """
        async with self._changing:
            old = self.shown(client_id)
            within(by, allowance_of(old))
            new = replace(
                old,
                name=old.name if changes.name is None else _name(changes.name),
                roles=old.roles if changes.roles is None else frozenset(changes.roles),
                scopes=old.scopes if changes.scopes is None else frozenset(changes.scopes),
                redirect_uris=old.redirect_uris if changes.redirect_uris is None else _redirects(changes.redirect_uris),
                rate_limit=old.rate_limit if changes.rate_limit is None else _rate(changes.rate_limit or None),
                disabled=old.disabled if changes.disabled is None else changes.disabled,
            )
            within(by, allowance_of(new))
            if old.first and replace(new, disabled=old.disabled) != old:
                raise _first("what it may do cannot be changed; it can be disabled")
            if not allowance_of(new):
                raise invalid("roles", "name at least one role or scope, or disable the client")
            if new != old:
                await self._keep(new)
            if new.disabled and not old.disabled:
                self._end(new.subject)
        return new

    async def rotate(self, by: Principal, client_id: str) -> tuple[Client, str]:
        """Give a client another secret, at once: the one before and all tokens are void. Returns as ``add``.

        Raises:
            GatewayError: NOT_FOUND; FORBIDDEN; CONFLICT, it has no secret, or it stands in a file; UNAVAILABLE.
        """
        async with self._changing:
            old = self.shown(client_id)
            within(by, allowance_of(old))
            if old.first:
                raise _first("its secret stands there")
            if old.kind is ClientKind.PUBLIC:
                raise GatewayError(Code.CONFLICT, f"{client_id} is a public client: it has no secret")
            secret = make_secret()
            new = replace(old, digest=digest_of(secret))
            await self._keep(new)
            self._end(new.subject)
        return new, secret

    async def remove(self, by: Principal, client_id: str) -> None:
        """Forget a client; its tokens are void, and those that came by way of it.

        Raises:
            GatewayError: NOT_FOUND; FORBIDDEN; CONFLICT, it stands in a file; UNAVAILABLE.
        """
        async with self._changing:
            old = self.shown(client_id)
            within(by, allowance_of(old))
            if old.first:
                raise _first("it would be there again at the next start; it can be disabled")
            for leave in self.leaving:
                await leave(old.subject)
            try:
                await self._store.remove_client(client_id)
            except NotKept as reason:
                raise _unavailable(reason) from None
            del self._clients[client_id]
            self._used.pop(client_id, None)
            self._end(old.subject)
            self._tell()

    async def _keep(self, client: Client) -> None:
        try:
            await self._store.save_client(client)
        except NotKept as reason:
            raise _unavailable(reason) from None
        self._clients[client.id] = client
        self._tell()

    def _tell(self) -> None:
        for tell in self.changed:
            tell()

    @staticmethod
    async def _try(saved: Awaitable[None]) -> None:
        """What the disk does not take now it is told again at the next start: the file has it."""
        try:
            await saved
        except NotKept as reason:
            log.warning("the first administrator is in memory only", reason=str(reason))


def within(by: Principal, scopes: Iterable[str]) -> None:
    """See that somebody gives or changes nothing that it has not itself.

    Raises:
        GatewayError: FORBIDDEN.
    """
    for scope in sorted(scopes):
        if not allows(by.scopes, scope):
            raise GatewayError(
                Code.FORBIDDEN,
                f"this takes a token that itself has the scope {scope}",
                details={"requiredScope": scope},
            )


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise invalid("name", f"a name has 1 to {_LONGEST_NAME} characters that can be shown", text[:_LONGEST_NAME])
    return name


def _redirects(uris: Sequence[str]) -> tuple[str, ...]:
    if len(uris) > MOST_REDIRECTS:
        raise invalid("redirect_uris", f"a client has up to {MOST_REDIRECTS} of them")
    return tuple(dict.fromkeys(check_redirect(uri) for uri in uris))


def _rate(rate: int | None) -> int | None:
    if rate is not None and rate < 1:
        raise invalid("rate_limit", "calls a minute: 1 or more", rate)
    return rate


def _first(why: str) -> GatewayError:
    words = (
        f"this is the first administrator, of {ADMIN_FILE}: {why}. To have another one, delete that file and restart"
    )
    return GatewayError(Code.CONFLICT, words)


def _unavailable(reason: NotKept) -> GatewayError:
    return GatewayError(Code.UNAVAILABLE, f"{reason}; nothing was changed", details={"retryAfter": 2})
