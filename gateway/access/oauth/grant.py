"""What a grant is: the one thing the token endpoint asks of each ``grant_type`` (RFC 6749, 4 and 5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from gateway.core.clients import Client, ClientKind

__all__ = ["Client", "ClientKind", "Form", "Grant", "Issued", "OAuthError", "OtherTokens"]


class OAuthError(Exception):
    """What a request for a token is refused with (RFC 6749, 5.2). The description never holds a secret.

    Attributes:
        error: one of the words of RFC 6749, 5.2, RFC 7009, 2.2.1 or RFC 8707, 2.
        description: a sentence that names the place and the cure.
        status: of HTTP: 400, 401 where the client is not known, 429 or 503.
        retry_after: seconds, with 429 and 503.
    """

    def __init__(self, error: str, description: str, status: int = 400, retry_after: int | None = None) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Form:
    """The parameters of a request; each stood there once, and an empty one counts as left out (RFC 6749, 3.2).

    Attributes:
        values: by name; without ``client_secret`` and ``resource``.
        audience: the path families that ``resource`` names (RFC 8707): ``PLUGIN_API``, ``AGENT_API`` or both; None
            where none was named.
    """

    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    audience: frozenset[str] | None = None

    def get(self, name: str) -> str | None:
        """A parameter; None where it was left out."""
        return self.values.get(name)

    def need(self, name: str) -> str:
        """A parameter that must be there.

        Raises:
            OAuthError: invalid_request.
        """
        value = self.values.get(name)
        if value is None:
            raise OAuthError("invalid_request", f"{name} is missing")
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """What a grant gives: the token endpoint makes the access token of it.

    Attributes:
        subject: whom the token stands for: ``client:ID``, ``user:ID`` or ``plugin:ID``.
        scopes: what it allows; never empty.
        resource: the path families it is good for (its audience).
        refresh_token: goes along with it; never logged.
        lifetime: seconds the token lives; None: as long as ``[access] token_ttl`` says.
        permissions: of a plugin (D-053).
        rate_limit: calls a minute; None: as everybody.
        grant: names what a person granted, where the token came of that: it ends with it.
    """

    subject: str
    scopes: frozenset[str]
    resource: frozenset[str]
    refresh_token: str | None = field(default=None, repr=False)
    lifetime: int | None = None
    permissions: frozenset[str] = frozenset()
    rate_limit: int | None = None
    grant: str | None = None


class Grant(Protocol):
    """One ``grant_type``."""

    async def exchange(self, client: Client, form: Form) -> Issued:
        """Give a token to a client that has been authenticated, as far as its kind can be.

        A public client has shown nothing but its id: grants that prove something else let it in, others raise
        ``unauthorized_client``.

        Raises:
            OAuthError: invalid_request, invalid_grant, invalid_scope, invalid_target, unauthorized_client.
        """
        ...


class OtherTokens(Protocol):
    """Tokens that are no access tokens: refresh tokens, for revocation (RFC 7009) and introspection (RFC 7662)."""

    async def revoke(self, client: Client, token: str) -> bool:
        """End a token and what came of it; True where it is one of these.

        Raises:
            OAuthError: invalid_grant, it was given to another client.
        """
        ...

    def look(self, token: str) -> Mapping[str, object] | None:
        """What RFC 7662, 2.2 tells of a token, ``client_id`` among it; None where it is none of these or has ended."""
        ...
