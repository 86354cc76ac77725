"""Claims of our tokens, read with their types: a token of another version of the gateway may hold anything."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from gateway.access.jwk import PublicKeyError, from_jwk, to_jwk
from gateway.access.jws import refused
from gateway.core.errors import invalid
from gateway.core.principal import OPERATOR_NAME, AgentKey


def text(claims: Mapping[str, object], name: str) -> str:
    """A claim that is text.

    Raises:
        GatewayError: UNAUTHENTICATED, it is not.
    """
    value = claims.get(name)
    if not isinstance(value, str):
        raise refused(f"the token's {name} is no text: issue a new one")
    return value


def whole(claims: Mapping[str, object], name: str) -> int:
    """A moment in whole Unix seconds.

    Raises:
        GatewayError: UNAUTHENTICATED, it is no whole number.
    """
    value = claims.get(name)
    if type(value) is not int:
        raise refused(f"the token's {name} is no whole number: issue a new one")
    return value


def moment(claims: Mapping[str, object], name: str) -> float:
    """A moment in Unix seconds with decimals (NumericDate, RFC 7519, 2).

    Raises:
        GatewayError: UNAUTHENTICATED, it is no number.
    """
    value = claims.get(name)
    if type(value) is not int and type(value) is not float:
        raise refused(f"the token's {name} is no number: issue a new one")
    return value


def check_operator_name(name: str | None) -> None:
    """Whether a token may be called so.

    Raises:
        GatewayError: INVALID, it may not.
    """
    if name is not None and OPERATOR_NAME.fullmatch(name) is None:
        sentence = "a name is 1 to 64 letters, digits or ._@-, and begins with a letter or a digit"
        raise invalid("name", sentence, name)


def name_in(claims: Mapping[str, object]) -> str | None:
    """What a token was called when it was made; None where it was not, as in earlier versions.

    Raises:
        GatewayError: UNAUTHENTICATED, it is no text.
    """
    return text(claims, "name") if "name" in claims else None


def words(claims: Mapping[str, object], name: str) -> frozenset[str]:
    """A claim that is a list of texts.

    Raises:
        GatewayError: UNAUTHENTICATED, it is not.
    """
    value = claims.get(name)
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise refused(f"the token's {name} is no list of words: issue a new one")
    return frozenset(value)


def confirmation(key: AgentKey) -> dict[str, object]:
    """An agent's key as the claim ``cnf`` (RFC 7800): by name, or with a pinned public key as JWK (RFC 8037)."""
    if key.public is None:
        return {"kid": key.kid}
    return {"jwk": {**to_jwk(key.public), "kid": key.kid}}


def confirmed(claims: Mapping[str, object]) -> AgentKey:
    """The agent's key out of ``cnf``.

    Raises:
        GatewayError: UNAUTHENTICATED, there is none.
    """
    match claims.get("cnf"):
        case {"kid": str(kid)}:
            return AgentKey(kid)
        case {"jwk": {"kid": str(kid)} as jwk}:
            with contextlib.suppress(PublicKeyError):
                return AgentKey(kid, from_jwk(jwk))
    raise refused("the token names no key of the agent: issue a new one")
