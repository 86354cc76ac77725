"""API keys: for programs that cannot ask for tokens, in ``Authorization: ApiKey id:key`` or ``X-API-Key`` (D-052)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection
from dataclasses import replace

import trio

from gateway.access.attempts import Attempts
from gateway.access.jws import AGENT_API, PLUGIN_API, refused
from gateway.access.oauth.clients import within
from gateway.access.oauth.secrets import digest_of, is_secret, make_secret
from gateway.access.oauth.subjects import Subjects
from gateway.access.roles import effective
from gateway.core.clients import ApiKey, CredentialStore
from gateway.core.errors import Code, GatewayError, invalid
from gateway.core.eventlog import NotKept
from gateway.core.principal import Kind, Principal, allows

_LONGEST_NAME = 100
LONGEST_TTL = 10 * 366 * 86400
_LONGEST = 512
_FAMILIES = frozenset({PLUGIN_API, AGENT_API})


class ApiKeys:
    """Knows every API key.

    Args:
        store: keeps them.
        wall: Unix seconds.
        subjects: what their owners may be allowed.
        most: how many there may be.
        attempts: counts those that failed.
        ended: told the id of a key that was revoked: nothing it began goes on.
    """

    def __init__(
        self,
        store: CredentialStore,
        wall: Callable[[], float],
        subjects: Subjects,
        most: Callable[[], int],
        attempts: Attempts,
        *,
        ended: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._wall = wall
        self._subjects = subjects
        self._most = most
        self._attempts = attempts
        self._ended = ended
        self._keys: dict[str, ApiKey] = {}
        self._by_digest: dict[bytes, str] = {}
        self._used: dict[str, int] = {}
        self._changing = trio.Lock()

    async def load(self) -> None:
        """Learn those that are kept."""
        for key in await self._store.keys():
            self._hold(key)

    def verify(self, credential: str, peer: str, audience: str | None = PLUGIN_API) -> Principal:
        """Tell who shows a key. A good one is never kept waiting because others of the address were not.

        Args:
            credential: ``id:key``; the id is that of the owner, as the reference has it, or that of the key.
            peer: the address it comes from.
            audience: the path family that was called; None: a path outside of both, which every key opens.

        Raises:
            GatewayError: UNAUTHENTICATED; TOO_MANY, after too many of the address that failed.
        """
        try:
            key, principal = self._prove(credential)
        except GatewayError:
            wait = self._attempts.wait(peer)
            self._attempts.failed(peer)
            if wait > 0:
                words = f"too many API keys that are none: wait {wait} s"
                raise GatewayError(Code.TOO_MANY, words, details={"retryAfter": wait}) from None
            raise
        return self._meant(key, principal, audience)

    def still(self, credential: str, audience: str | None) -> Principal:
        """Tell who has shown a key, once more: nobody tries keys by that.

        Raises:
            GatewayError: UNAUTHENTICATED.
        """
        return self._meant(*self._prove(credential), audience)

    @staticmethod
    def _meant(key: ApiKey, principal: Principal, audience: str | None) -> Principal:
        if audience is not None and audience not in key.audience:
            words = (
                f"this API key is for {' and '.join(sorted(key.audience))}: have one made with the audience {audience}"
            )
            raise refused(words)
        return principal

    def _prove(self, credential: str) -> tuple[ApiKey, Principal]:
        id_, colon, secret = credential.partition(":")
        if not colon or len(credential) > _LONGEST:
            raise refused("an API key is written as ID:KEY")
        digest = digest_of(secret)
        key = self._keys.get(self._by_digest.get(digest, ""))
        if key is None or not is_secret(secret, key.digest) or id_ not in {key.id, key.owner.partition(":")[2]}:
            raise refused("there is no such API key, or not any more")
        now = self._wall()
        if key.expires is not None and now >= key.expires:
            raise refused("the API key has expired: have a new one made")
        standing = self._subjects.find(key.owner)
        if standing is None:
            raise refused("whose key this is was disabled or removed")
        self._used[key.id] = int(now)
        return key, Principal(
            key.owner,
            effective(standing.allowance, key.scopes),
            Kind.API_KEY,
            key.id,
            expires=key.expires or 0,
            rate_limit=standing.rate_limit,
        )

    def all(self) -> list[ApiKey]:
        """Every key, the oldest first."""
        found = [replace(key, used=self._used.get(key.id, key.used)) for key in self._keys.values()]
        return sorted(found, key=lambda key: (key.created, key.id))

    def of(self, owner: str) -> list[ApiKey]:
        """The keys of one owner, the oldest first."""
        return [key for key in self.all() if key.owner == owner]

    def shown(self, key_id: str) -> ApiKey:
        """A key by its id.

        Raises:
            GatewayError: NOT_FOUND.
        """
        if key_id not in self._keys:
            raise GatewayError(Code.NOT_FOUND, f"there is no API key {key_id[:64]}", field="key_id")
        key = self._keys[key_id]
        return replace(key, used=self._used.get(key_id, key.used))

    def own(self, owner: str, key_id: str) -> ApiKey:
        """A key of one's own by its id.

        Raises:
            GatewayError: NOT_FOUND, also where it is somebody else's: nobody learns which ids there are.
        """
        key = self._keys.get(key_id)
        if key is None or key.owner != owner:
            raise GatewayError(Code.NOT_FOUND, "you have no such API key, or not any more", field="key_id")
        return self.shown(key_id)

    def take_uses(self) -> dict[str, int]:
        """When keys were last used, of those that were since this was last asked."""
        taken, self._used = self._used, {}
        for key_id, at in taken.items():
            if key_id in self._keys:
                self._keys[key_id] = replace(self._keys[key_id], used=at)
        return taken

    async def add(
        self,
        by: Principal,
        *,
        owner: str,
        name: str,
        scopes: Collection[str],
        ttl: int | None = None,
        audience: Collection[str] = (PLUGIN_API,),
        most: int | None = None,
    ) -> tuple[ApiKey, str]:
        """Make a key; returns it and what its owner sends, ``ID:KEY``, which nobody is shown again.

        Args:
            by: who wants that; nobody gives what it has not itself.
            owner: whom it stands for.
            name: for people.
            scopes: as ``parse_scopes`` gives them; within what the owner may be allowed.
            ttl: seconds it lives; None: until it is revoked.
            audience: the path families it opens.
            most: how many keys the owner may have then; None: as many as there may be at all.

        Raises:
            GatewayError: INVALID; FORBIDDEN, more than the caller has itself; CONFLICT, there are as many as may be;
                UNAVAILABLE, the disk does not take it.
        """
        label = " ".join(name.split())
        if not label or len(label) > _LONGEST_NAME or not label.isprintable():
            raise invalid("name", f"a name has 1 to {_LONGEST_NAME} characters that can be shown", name[:_LONGEST_NAME])
        if ttl is not None and not 1 <= ttl <= LONGEST_TTL:
            raise invalid("ttl", f"a key lives 1 to {LONGEST_TTL} seconds; without one, until it is revoked", ttl)
        if not audience or not _FAMILIES.issuperset(audience):
            raise invalid("audience", f"name {PLUGIN_API}, {AGENT_API} or both", " ".join(audience)[:128])
        standing = self._subjects.find(owner)
        if standing is None:
            words = "there is nobody of this name who is not disabled; write client:ID, user:ID or plugin:ID"
            raise invalid("owner", words, owner[:128])
        for scope in sorted(scopes):
            if not allows(standing.allowance, scope):
                raise invalid("scopes", f"{owner} itself may not have {scope}", scope)
        within(by, scopes)
        async with self._changing:
            if len(self._keys) >= self._most():
                words = f"there are {len(self._keys)} API keys, and no more may be: raise max_keys in [access]"
                raise GatewayError(Code.CONFLICT, words)
            if most is not None and len(self.of(owner)) >= most:
                words = f"{most} API keys of one owner are enough, and there are as many: revoke one first"
                raise GatewayError(Code.CONFLICT, words)
            secret, now = make_secret(), int(self._wall())
            key = ApiKey(
                id=f"key-{secrets.token_hex(6)}",
                name=label,
                owner=owner,
                digest=digest_of(secret),
                scopes=frozenset(scopes),
                created=now,
                expires=None if ttl is None else now + ttl,
                audience=frozenset(audience),
            )
            try:
                await self._store.save_key(key)
            except NotKept as reason:
                raise _unavailable(reason) from None
            self._hold(key)
        return key, f"{owner.partition(':')[2]}:{secret}"

    async def revoke(self, by: Principal, key_id: str) -> ApiKey:
        """End a key at once.

        Raises:
            GatewayError: NOT_FOUND; FORBIDDEN, it has more than the caller; UNAVAILABLE.
        """
        async with self._changing:
            key = self.shown(key_id)
            within(by, key.scopes)
            await self._remove(key)
            self._ended(key_id)
        return key

    async def revoke_own(self, owner: str, key_id: str) -> ApiKey:
        """End a key at once for whose it is, whatever it allows.

        Raises:
            GatewayError: NOT_FOUND, also where it is somebody else's; UNAVAILABLE.
        """
        async with self._changing:
            key = self.own(owner, key_id)
            await self._remove(key)
            self._ended(key_id)
        return key

    async def end_of(self, owner: str) -> None:
        """End every key of somebody who is gone for good: the next of that name must not get them.

        Raises:
            GatewayError: UNAVAILABLE.
        """
        async with self._changing:
            for key in [key for key in self._keys.values() if key.owner == owner]:
                await self._remove(key)

    async def _remove(self, key: ApiKey) -> None:
        try:
            await self._store.remove_key(key.id)
        except NotKept as reason:
            raise _unavailable(reason) from None
        del self._keys[key.id], self._by_digest[key.digest]
        self._used.pop(key.id, None)

    def _hold(self, key: ApiKey) -> None:
        self._keys[key.id] = key
        self._by_digest[key.digest] = key.id


def _unavailable(reason: NotKept) -> GatewayError:
    return GatewayError(Code.UNAVAILABLE, f"{reason}; nothing was changed", details={"retryAfter": 2})
