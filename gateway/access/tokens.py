"""Operator tokens: what ``ferrule token`` prints and both path families accept (ruling 13)."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import jwt

from gateway.access.keys import RootKey
from gateway.core import rfc3339
from gateway.core.errors import Code, GatewayError, invalid
from gateway.core.principal import Kind, Principal

# The two path families. A token names those it is good for.
PLUGIN_API = "/v1"
AGENT_API = "/api/v1"

TYPE = "op+jwt"
PURPOSE = "operator-token"
DEFAULT_TTL = 3600
MAX_TTL = 86400
LEEWAY = 60
# Tokens of ours are shorter than 1 KB; what is longer need not be looked at.
MAX_LENGTH = 4096
# Proven tokens that are remembered; beyond, all are proven anew.
REMEMBERED = 256

_REQUIRED = ["iss", "sub", "aud", "scope", "iat", "nbf", "exp", "jti"]


@dataclass(frozen=True, slots=True)
class _Proven:
    """A token whose signature and content were checked; its time is checked at every use."""

    principal: Principal
    not_before: int
    expires: int


class OperatorTokens:
    """Issues and verifies operator tokens: JWS compact, HS256 and nothing else (RFC 7515, RFC 8725).

    Args:
        root: its key for this purpose signs them.
        wall: Unix seconds.
        synchronised: whether that clock can be trusted; while not, a refusal by time tells the caller our time.
    """

    def __init__(self, root: RootKey, wall: Callable[[], float], synchronised: Callable[[], bool]) -> None:
        self._key = root.key(PURPOSE)
        self._issuer = root.gateway_id
        self._wall = wall
        self._synchronised = synchronised
        self._proven: dict[bytes, _Proven] = {}
        # The time claims are ours to check: the library would ask the system clock, and knows no serverTime.
        self._jwt = jwt.PyJWT(
            {
                "require": _REQUIRED,
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
                "enforce_minimum_key_length": True,
            }
        )

    def issue(self, scopes: Iterable[str], ttl: int = DEFAULT_TTL) -> str:
        """Make a token with exactly these scopes.

        Args:
            scopes: as ``parse_scopes`` gives them.
            ttl: seconds until it expires, 1 to 86400 (D-031).

        Raises:
            GatewayError: INVALID for a ttl out of bounds.
        """
        if not 1 <= ttl <= MAX_TTL:
            raise invalid("ttl", f"a token lives 1 to {MAX_TTL} seconds (one day); issue a new one after that", ttl)
        now = int(self._wall())
        claims = {
            "iss": self._issuer,
            "sub": "operator",
            "aud": [PLUGIN_API, AGENT_API],
            "scope": " ".join(sorted(scopes)),
            "iat": now,
            "nbf": now,
            "exp": now + ttl,
            "jti": secrets.token_urlsafe(12),
        }
        headers = {"typ": TYPE, "kid": self._key.kid}
        return jwt.encode(claims, self._key.secret, algorithm="HS256", headers=headers)

    def verify(self, token: str, audience: str) -> Principal:
        """Tell who calls.

        Args:
            token: as it stood after ``Bearer``.
            audience: the path family that was called, ``PLUGIN_API`` or ``AGENT_API``.

        Raises:
            GatewayError: UNAUTHENTICATED, with a reason that says no more than the caller may know.
        """
        if len(token) > MAX_LENGTH:
            raise _refused("the token is longer than any token of this gateway")
        # A caller shows the same token with each call; the work of proving it is done once, that of time always.
        name = hashlib.sha256(f"{audience} {token}".encode("utf-8", "replace")).digest()
        proven = self._proven.get(name)
        if proven is None:
            proven = self._prove(token, audience)
            if len(self._proven) >= REMEMBERED:
                self._proven.clear()
            self._proven[name] = proven
        self._check_time(proven)
        return proven.principal

    def _prove(self, token: str, audience: str) -> _Proven:
        try:
            header = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError:
            raise _refused("this is no token of this gateway") from None
        # RFC 8725, 3.11: the explicit type keeps other kinds of tokens out, whatever they claim.
        if header.get("typ") != TYPE or header.get("kid") != self._key.kid:
            raise _refused("this is no token of this gateway, or its key was replaced: issue a new one")
        try:
            claims = self._jwt.decode(
                token, self._key.secret, algorithms=["HS256"], audience=audience, issuer=self._issuer
            )
        except jwt.InvalidAudienceError:
            raise _refused(f"the token is not meant for {audience}") from None
        except jwt.InvalidTokenError:
            raise _refused("the token's signature or content is not valid: issue a new one") from None
        scope, expires, not_before = claims["scope"], claims["exp"], claims["nbf"]
        if not isinstance(scope, str):
            raise _refused("the token's scope is no text: issue a new one")
        if type(expires) is not int or type(not_before) is not int:
            raise _refused("the token's times are no whole numbers: issue a new one")
        principal = Principal(claims["sub"], frozenset(scope.split()), Kind.OPERATOR, claims["jti"])
        return _Proven(principal, not_before, expires)

    def _check_time(self, proven: _Proven) -> None:
        now = self._wall()
        if now >= proven.expires + LEEWAY:
            raise self._out_of_time("the token has expired: issue a new one", now)
        if now < proven.not_before - LEEWAY:
            raise self._out_of_time("the token is not valid yet: compare the clocks", now)

    def _out_of_time(self, reason: str, now: float) -> GatewayError:
        if self._synchronised():
            return _refused(reason)
        return _refused(f"{reason} (the gateway's own clock is not synchronised)", {"serverTime": rfc3339.text(now)})


def _refused(reason: str, details: dict[str, object] | None = None) -> GatewayError:
    return GatewayError(Code.UNAUTHENTICATED, reason, details=details)
