"""Agent tokens: what registration gives an agent, good for its own calls under ``/api/v1`` (D-032)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gateway.access.claims import confirmation, confirmed, text, whole, words
from gateway.access.jws import AGENT_API, MAX_LENGTH, TokenClass
from gateway.access.keys import RootKey
from gateway.access.proven import Proven
from gateway.core.errors import invalid
from gateway.core.principal import AgentKey, Kind, Principal

TYPE = "a2a+jwt"
PURPOSE = "agent-token"
DEFAULT_TTL = 3600
MAX_TTL = 86400


@dataclass(frozen=True, slots=True)
class AgentToken:
    """A token as it is given out.

    Attributes:
        token: the bearer token; never logged.
        expires: its ``exp``, Unix seconds.
        token_id: its ``jti``.
    """

    token: str
    expires: int
    token_id: str

    def __repr__(self) -> str:
        return f"AgentToken(expires={self.expires!r}, token_id={self.token_id!r})"


class AgentTokens:
    """Issues and proves agent tokens.

    Args:
        root: its keys for this purpose sign them.
        wall: Unix seconds.
        epoch: how often tokens of an agent were voided (``Revocations.epoch``).
        ttl: seconds a token lives, 1 to 86400 (D-031).

    Raises:
        ValueError: a ttl out of bounds.
    """

    def __init__(
        self, root: RootKey, wall: Callable[[], float], epoch: Callable[[str], int], ttl: int = DEFAULT_TTL
    ) -> None:
        self._jws = TokenClass(root, TYPE, PURPOSE, ("scope", "cap", "cnf", "epoch"))
        self._wall = wall
        self._epoch = epoch
        self.follow(ttl)

    def follow(self, ttl: int) -> None:
        """Let tokens that are issued from now on live so long.

        Raises:
            ValueError: a ttl out of bounds.
        """
        if not 1 <= ttl <= MAX_TTL:
            raise ValueError(f"an agent's token lives 1 to {MAX_TTL} seconds, not {ttl}")
        self._ttl = ttl

    @property
    def ttl(self) -> int:
        """Seconds a token lives."""
        return self._ttl

    def issue(
        self,
        agent_id: str,
        capabilities: Iterable[str],
        scopes: Iterable[str],
        key: AgentKey,
        signed: int | None = None,
    ) -> AgentToken:
        """Make a token for an agent.

        Args:
            agent_id: the agent's id.
            capabilities: ids of those it registered.
            scopes: what it may do.
            key: what it signs its card with.
            signed: Unix seconds of when it last did; None: just now.

        Raises:
            GatewayError: INVALID for more capabilities than a token can carry.
        """
        now = int(self._wall())
        expires, token_id = now + self._ttl, secrets.token_hex(12)
        token = self._jws.sign(
            {
                "sub": agent_id,
                "aud": AGENT_API,
                "scope": " ".join(sorted(scopes)),
                "cap": sorted(capabilities),
                "cnf": confirmation(key),
                "epoch": self._epoch(agent_id),
                "auth_time": now if signed is None else signed,
                "iat": now,
                "nbf": now,
                "exp": expires,
                "jti": token_id,
            }
        )
        if len(token) > MAX_LENGTH:
            raise invalid("capabilities", "they do not fit into a token: register fewer, or give them shorter ids")
        return AgentToken(token, expires, token_id)

    def prove(self, token: str, audience: str) -> Proven:
        """Prove everything about a token but its time, and that it was not revoked.

        Raises:
            GatewayError: UNAUTHENTICATED.
        """
        claims = self._jws.open(token, audience)
        expires, issued = whole(claims, "exp"), whole(claims, "iat")
        principal = Principal(
            text(claims, "sub"),
            frozenset(text(claims, "scope").split()),
            Kind.AGENT,
            text(claims, "jti"),
            capabilities=words(claims, "cap"),
            key=confirmed(claims),
            expires=expires,
            # Earlier versions did not say: then it is as old as the token.
            signed=whole(claims, "auth_time") if "auth_time" in claims else issued,
        )
        return Proven(principal, whole(claims, "nbf"), expires, issued, whole(claims, "epoch"))
