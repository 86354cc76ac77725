"""Access tokens of OAuth: JWTs with the claims of the reference, a class of their own (D-030, D-031)."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from gateway.access.claims import text, whole, words
from gateway.access.jws import MAX_LENGTH, TokenClass, refused
from gateway.access.keys import RootKey
from gateway.access.oauth.grant import Issued, OAuthError
from gateway.access.oauth.subjects import KINDS, Subjects
from gateway.access.oauth.voids import Voids
from gateway.access.proven import Proven
from gateway.access.roles import effective
from gateway.core.principal import Principal

TYPE = "JWT"
PURPOSE = "access-token"
LONGEST_TTL = 86400


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token as it is given out.

    Attributes:
        token: the bearer token; never logged.
        lifetime: seconds.
        token_id: its ``jti``.
    """

    token: str
    lifetime: int
    token_id: str

    def __repr__(self) -> str:
        return f"AccessToken(lifetime={self.lifetime!r}, token_id={self.token_id!r})"


class AccessTokens:
    """Issues and proves access tokens.

    Args:
        root: its keys for this purpose sign them.
        wall: Unix seconds.
        subjects: what those may be allowed whom tokens stand for.
        voids: what was ended.
        ttl: seconds a token lives, in force.
        rate_limit: calls a minute that everybody may make, in force.
    """

    def __init__(
        self,
        root: RootKey,
        wall: Callable[[], float],
        *,
        subjects: Subjects,
        voids: Voids,
        ttl: Callable[[], float],
        rate_limit: Callable[[], int],
    ) -> None:
        self._jws = TokenClass(root, TYPE, PURPOSE, ("scope", "permissions", "rate_limit", "client_id", "epoch"))
        self._wall = wall
        self._subjects = subjects
        self._voids = voids
        self._ttl = ttl
        self._rate_limit = rate_limit

    def issue(self, client_id: str, issued: Issued) -> AccessToken:
        """Make a token of what a grant gives.

        Args:
            client_id: of the client it is given to; of a plugin, which is its own client, its subject.
            issued: what it is to be.

        Raises:
            OAuthError: invalid_scope, so many scopes do not fit into a token.
        """
        now = int(self._wall())
        lifetime = max(1, min(int(issued.lifetime or self._ttl()), LONGEST_TTL))
        token_id = secrets.token_hex(12)
        audience = sorted(issued.resource)
        most = self._rate_limit()
        grant = {} if issued.grant is None else {"grant": issued.grant}
        token = self._jws.sign(
            {
                "sub": issued.subject,
                "aud": audience[0] if len(audience) == 1 else audience,
                "scope": " ".join(sorted(issued.scopes)),
                "permissions": sorted(issued.permissions),
                "rate_limit": most if issued.rate_limit is None else min(most, issued.rate_limit),
                "client_id": client_id,
                "epoch": self._voids.epoch(issued.subject, client_id),
                "iat": now,
                "nbf": now,
                "exp": now + lifetime,
                "jti": token_id,
                **grant,
            }
        )
        if len(token) > MAX_LENGTH:
            raise OAuthError("invalid_scope", "so many scopes do not fit into a token: ask for fewer")
        return AccessToken(token, lifetime, token_id)

    def claims(self, token: str, audience: str) -> dict[str, object]:
        """All claims of a token whose signature was proven, and nothing else. Raises as ``prove``."""
        return self._jws.open(token, audience)

    def prove(self, token: str, audience: str) -> Proven:
        """Prove everything about a token but its time, and that it was not revoked.

        What it allows is what its subject and its client may be allowed today (D-053).

        Raises:
            GatewayError: UNAUTHENTICATED.
        """
        claims = self._jws.open(token, audience)
        subject, client_id = text(claims, "sub"), text(claims, "client_id")
        kind = KINDS.get(subject.partition(":")[0])
        standing = self._subjects.find(subject)
        client = standing if client_id == subject else self._subjects.find(f"client:{client_id}")
        if kind is None or standing is None or client is None:
            raise refused("whom the token was given to was disabled or removed")
        epoch = whole(claims, "epoch")
        if epoch < self._voids.epoch(subject, client_id) or self._voids.ended(str(claims.get("grant"))):
            raise refused("the token was revoked: ask for a new one")
        scopes = effective(standing.allowance, text(claims, "scope").split())
        expires, issued = whole(claims, "exp"), whole(claims, "iat")
        principal = Principal(
            subject,
            effective(client.allowance, scopes),
            kind,
            text(claims, "jti"),
            expires=expires,
            client_id=client_id,
            permissions=words(claims, "permissions"),
            rate_limit=whole(claims, "rate_limit"),
        )
        return Proven(principal, whole(claims, "nbf"), expires, issued, epoch)
