"""A class of tokens: its type, its purpose key, its issuer and audience (RFC 7515, RFC 7519, RFC 8725; D-030)."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import NamedTuple

from gateway.access import compact
from gateway.access.keys import PurposeKey, RootKey
from gateway.core.errors import Code, GatewayError

_NOT_VALID = "the token's signature or content is not valid: issue a new one"

# The two path families. A token names those it is good for.
PLUGIN_API = "/v1"
AGENT_API = "/api/v1"

# What is longer is no token of this gateway, and need not be looked at.
MAX_LENGTH = 4096
# Three parts in base64url without padding. A signature of 32 bytes leaves two bits of its last character over: they are
# zero, or one token would have several spellings (RFC 4648, 3.5).
_FORM = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]", re.ASCII)
_STANDARD = frozenset({"iss", "sub", "aud", "iat", "nbf", "exp", "jti"})


def refused(reason: str, details: dict[str, object] | None = None) -> GatewayError:
    """A caller whose token is not taken."""
    return GatewayError(Code.UNAUTHENTICATED, reason, details=details)


class Claimed(NamedTuple):
    """What the header of a token says; nothing is proven by it."""

    type: str
    kid: str


def claimed(token: str) -> Claimed:
    """Look at the header of a token, to know who can prove it.

    Raises:
        GatewayError: UNAUTHENTICATED, it has not the form of a token of this gateway.
    """
    if len(token) > MAX_LENGTH:
        raise refused("the token is longer than any token of this gateway")
    if _FORM.fullmatch(token) is None:
        raise refused("this is no token of this gateway")
    encoded = token.partition(".")[0]
    try:
        header = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
        return Claimed(str(header["typ"]), str(header["kid"]))
    except (ValueError, TypeError, KeyError, RecursionError):
        raise refused("this is no token of this gateway") from None


class TokenClass:
    """Signs and opens tokens of one class: JWS compact, HS256 and nothing else.

    Each class has its own type and its own keys, so that none can stand in for another. The keys rotate: the newest
    signs, and the one before it still verifies.

    Args:
        root: the keys are derived from it.
        typ: the header's type.
        purpose: names the keys.
        members: claims that must be there besides the standard ones.
    """

    def __init__(self, root: RootKey, typ: str, purpose: str, members: tuple[str, ...] = ()) -> None:
        self._root = root
        self._issuer = root.gateway_id
        self._type = typ
        self._purpose = purpose
        self._signing, self._by_kid = self._keys()
        root.changed.append(self._take_keys)
        self._required = _STANDARD.union(members)

    def sign(self, claims: Mapping[str, object]) -> str:
        """A token with these claims; the issuer is added."""
        return compact.sign(
            {"iss": self._issuer, **claims}, self._signing.secret, typ=self._type, kid=self._signing.kid
        )

    def open(self, token: str, audience: str) -> dict[str, object]:
        """The claims of a token whose signature, type, issuer and audience were proven; its time was not.

        Raises:
            GatewayError: UNAUTHENTICATED, with a reason that says no more than the caller may know.
        """
        # RFC 8725, 3.11: the explicit type keeps other classes of tokens out, whatever they claim.
        header = claimed(token)
        if header.type != self._type:
            raise refused("this is no token of this gateway, or one for another use")
        key = self._by_kid.get(header.kid)
        if key is None:
            raise refused(
                "this is no token of this gateway, or its key was replaced: issue a new one; where keys were rotated "
                "just now, ferrule reload has the gateway take them up"
            )
        try:
            claims = compact.proven(token, key.secret)
        except (ValueError, RecursionError):
            raise refused(_NOT_VALID) from None
        there = {name for name, value in claims.items() if value is not None}
        texts = isinstance(claims.get("sub"), str) and isinstance(claims.get("jti"), str)
        if not self._required <= there or not texts or claims["iss"] != self._issuer:
            raise refused(_NOT_VALID)
        meant_for = claims["aud"]
        if audience not in (meant_for if isinstance(meant_for, list) else [meant_for]):
            raise refused(f"the token is not meant for {audience}")
        return claims

    def _keys(self) -> tuple[PurposeKey, dict[str, PurposeKey]]:
        keys = self._root.token_keys(self._purpose)
        return keys[0], {key.kid: key for key in keys}

    def _take_keys(self) -> None:
        self._signing, self._by_kid = self._keys()
