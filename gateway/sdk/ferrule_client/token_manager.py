"""Tokens between agents that share a secret: made by the one that calls, proven by the one that is called.

They are not the gateway's tokens, and are proven with other keys: those of the gateway only the gateway can prove, and
an agent that handed its own to another would hand over everything it may do.
"""

from __future__ import annotations

import hmac
import json
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from . import encoding
from .errors import ConfigurationError, FerruleError

TYPE = "agent+jwt"
DEFAULT_AUDIENCE = "agents"
DEFAULT_LIFE_S = 3600
MAX_LIFE_S = 86400
# Clocks on a LAN of boards without clock chips.
LEEWAY_S = 60
MAX_LENGTH = 8192
# RFC 7518, 3.2: as long as the hash.
_MIN_SECRET = 32
_HEADER = {"alg": "HS256", "typ": TYPE}


class TokenError(FerruleError):
    """A token does not count; the message says why, and holds nothing of the token."""


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """What a proven token says.

    Attributes:
        agent_id: who made it.
        capabilities: what it is for.
        expires: Unix seconds.
        token_id: names it in logs.
    """

    agent_id: str
    capabilities: frozenset[str]
    expires: int
    token_id: str


class TokenManager:
    """Makes and proves tokens with one secret (HS256, RFC 7515 and 7519).

    Args:
        secret: at least 32 random bytes, or text in base64url of as many. All who have it can make tokens.
        audience: whom the tokens are for, such as the id of the agent that is called; both sides name the same.
        clock: Unix seconds.

    Raises:
        ConfigurationError: the secret is too short, or text that is no base64url.
    """

    def __init__(
        self, secret: bytes | str, *, audience: str = DEFAULT_AUDIENCE, clock: Callable[[], float] = time.time
    ) -> None:
        if isinstance(secret, str):
            try:
                secret = encoding.decode(secret)
            except ValueError:
                raise ConfigurationError("secret: text must be base64url; or give the bytes") from None
        if len(secret) < _MIN_SECRET:
            raise ConfigurationError(f"secret: {len(secret)} bytes are too few, give at least {_MIN_SECRET}")
        self._secret = secret
        self._audience = audience
        self._clock = clock

    def generate(self, agent_id: str, capabilities: Iterable[str], expires_in: int = DEFAULT_LIFE_S) -> str:
        """Make a token.

        Args:
            agent_id: the agent that will show it.
            capabilities: ids of its card's capabilities that it is for.
            expires_in: seconds, 1 to 86400.

        Raises:
            ConfigurationError: a life out of bounds, or more capabilities than fit.
        """
        if not 1 <= expires_in <= MAX_LIFE_S:
            raise ConfigurationError(f"expires_in: 1 to {MAX_LIFE_S} seconds, not {expires_in}")
        now = int(self._clock())
        claims = {
            "sub": agent_id,
            "aud": self._audience,
            "cap": sorted(set(capabilities)),
            "iat": now,
            "nbf": now,
            "exp": now + expires_in,
            "jti": secrets.token_urlsafe(12),
        }
        signed = f"{_segment(_HEADER)}.{_segment(claims)}"
        token = f"{signed}.{encoding.encode(self._proof(signed))}"
        if len(token) > MAX_LENGTH:
            raise ConfigurationError("capabilities: they do not fit into a token")
        return token

    def validate(self, token: str, agent_card: Mapping[str, object]) -> bool:
        """Whether a token counts, was made for the agent of this card, and claims no capability the card lacks."""
        try:
            self.prove(token, agent_card)
        except TokenError:
            return False
        return True

    def prove(self, token: str, agent_card: Mapping[str, object]) -> TokenClaims:
        """As `validate`, with what the token says.

        Raises:
            TokenError: it does not count.
        """
        claims = self._open(token)
        agent_id, token_id = claims.get("sub"), claims.get("jti")
        begins, expires = claims.get("nbf"), claims.get("exp")
        capabilities = _texts(claims.get("cap"))
        if not isinstance(agent_id, str) or not isinstance(token_id, str) or capabilities is None:
            raise TokenError("the token lacks sub, jti or cap")
        if type(begins) is not int or type(expires) is not int or expires - begins > MAX_LIFE_S:
            raise TokenError(f"the token lacks nbf or exp, or lives longer than {MAX_LIFE_S} s")
        if claims.get("aud") != self._audience:
            raise TokenError("the token is for somebody else (aud)")
        now = self._clock()
        if now < begins - LEEWAY_S:
            raise TokenError("the token is not yet good (nbf): compare the clocks")
        if now >= expires + LEEWAY_S:
            raise TokenError("the token has expired")
        if agent_card.get("agentId") != agent_id:
            raise TokenError("the token is of another agent than the card")
        lacking = capabilities - _capabilities_of(agent_card)
        if lacking:
            raise TokenError(f"the card does not offer {', '.join(sorted(lacking))[:200]}")
        return TokenClaims(agent_id, capabilities, expires, token_id)

    def _open(self, token: str) -> dict[str, object]:
        parts = token.split(".") if len(token) <= MAX_LENGTH and token.isascii() else []
        if len(parts) != 3:
            raise TokenError("this is no token")
        try:
            proof = encoding.decode(parts[2])
        except ValueError:
            raise TokenError("this is no token") from None
        # Proven before anything of it is read, and with the one algorithm there is.
        if not hmac.compare_digest(self._proof(f"{parts[0]}.{parts[1]}"), proof):
            raise TokenError("the token was not made with this secret")
        if _read(parts[0]) != _HEADER:
            raise TokenError(f"the token is of another kind: its header must be alg HS256 and typ {TYPE}")
        return _read(parts[1])

    def _proof(self, signed: str) -> bytes:
        return hmac.digest(self._secret, signed.encode(), "sha256")


def _segment(content: Mapping[str, object]) -> str:
    return encoding.encode(json.dumps(content, separators=(",", ":")).encode())


def _read(segment: str) -> dict[str, object]:
    try:
        content = json.loads(encoding.decode(segment), object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise TokenError("the token holds no JSON") from None
    if not isinstance(content, dict):
        raise TokenError("the token holds no JSON object")
    return content


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands there twice")
    return members


def _texts(value: object) -> frozenset[str] | None:
    if not isinstance(value, list):
        return None
    texts = [item for item in value if isinstance(item, str)]
    return frozenset(texts) if len(texts) == len(value) else None


def _capabilities_of(card: Mapping[str, object]) -> frozenset[str]:
    capabilities = card.get("capabilities")
    if not isinstance(capabilities, list | tuple):
        return frozenset()
    ids = [item.get("id") for item in capabilities if isinstance(item, Mapping)]
    return frozenset(name for name in ids if isinstance(name, str))
