"""Clients of OAuth and API keys as they are kept, and where (D-046, D-052)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class ClientKind(StrEnum):
    """Whether a client can keep a secret (RFC 6749, 2.1)."""

    CONFIDENTIAL = "confidential"
    PUBLIC = "public"


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A program that may ask for tokens.

    Attributes:
        id: its ``client_id``.
        name: for people, on the consent page too.
        kind: whether it has a secret.
        digest: SHA-256 of that secret; None of a public client.
        roles: what it may be allowed by role (``access.roles``).
        scopes: the same by scope, beside its roles.
        redirect_uris: where a person's browser may be sent back to; exactly these, with any port on loopback.
        rate_limit: calls a minute, where that is to be less than what everybody may.
        first: it stands in ``admin.json`` (D-058).
        disabled: it gets no tokens, and those it has do not count.
        created: Unix seconds.
        used: when it last got a token, about; None: never.
    """

    id: str
    name: str
    kind: ClientKind
    digest: bytes | None
    roles: frozenset[str]
    scopes: frozenset[str]
    redirect_uris: tuple[str, ...] = ()
    rate_limit: int | None = None
    first: bool = False
    disabled: bool = False
    created: int = 0
    used: int | None = None

    @property
    def subject(self) -> str:
        """Its name in tokens and in the audit log, where it acts for itself."""
        return f"client:{self.id}"

    def __repr__(self) -> str:
        return f"Client(id={self.id!r}, kind={self.kind.value!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key that stands for a client, a user or a plugin without any exchange.

    Attributes:
        id: names it; no secret.
        name: for people.
        owner: the subject it stands for.
        digest: SHA-256 of the key.
        scopes: it has these, as far as its owner has them.
        audience: the path families it opens: ``/v1``, ``/api/v1`` or both.
        created: Unix seconds.
        expires: Unix seconds; None: it does not.
        used: when it was last shown, about; None: never.
    """

    id: str
    name: str
    owner: str
    digest: bytes
    scopes: frozenset[str]
    created: int
    expires: int | None = None
    used: int | None = None
    audience: frozenset[str] = frozenset({"/v1"})

    def __repr__(self) -> str:
        return f"ApiKey(id={self.id!r}, owner={self.owner!r})"


class CredentialStore(Protocol):
    """Keeps clients and API keys. What is saved is on the disk when the call returns.

    Every change raises NotKept (``core.eventlog``) where the disk does not take it; nothing is changed then.
    """

    async def clients(self) -> Sequence[Client]:
        """All clients; none where the disk cannot be read."""
        ...

    async def keys(self) -> Sequence[ApiKey]:
        """All API keys; none where the disk cannot be read."""
        ...

    async def save_client(self, client: Client) -> None:
        """Keep a client, new or changed."""
        ...

    async def remove_client(self, client_id: str) -> None:
        """Forget a client."""
        ...

    async def save_key(self, key: ApiKey) -> None:
        """Keep an API key."""
        ...

    async def remove_key(self, key_id: str) -> None:
        """Forget an API key."""
        ...

    async def save_uses(self, clients: Mapping[str, int], keys: Mapping[str, int]) -> None:
        """Note when they were last used, by id; those that are gone meanwhile are left out."""
        ...
