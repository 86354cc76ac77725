"""Operator tokens: what ``ferrule token`` prints and both path families accept (ruling 13)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable

from gateway.access.claims import check_operator_name, moment, name_in, text, whole
from gateway.access.jws import AGENT_API, PLUGIN_API, TokenClass
from gateway.access.keys import OPERATORS, RootKey
from gateway.access.proven import Proven, ProvenTokens
from gateway.core.errors import invalid
from gateway.core.principal import OPERATOR, Kind, Principal

__all__ = ["AGENT_API", "DEFAULT_TTL", "MAX_TTL", "PLUGIN_API", "PURPOSE", "TYPE", "OperatorTokens"]

TYPE = "op+jwt"
PURPOSE = OPERATORS
DEFAULT_TTL = 3600
MAX_TTL = 86400


class OperatorTokens:
    """Issues and verifies operator tokens.

    Args:
        root: its keys for this purpose sign them.
        wall: Unix seconds.
        synchronised: whether that clock can be trusted; while not, a refusal by time tells the caller our time.
    """

    def __init__(self, root: RootKey, wall: Callable[[], float], synchronised: Callable[[], bool]) -> None:
        self._jws = TokenClass(root, TYPE, PURPOSE, ("scope",))
        self._wall = wall
        self._proven = ProvenTokens(wall, synchronised)
        root.changed.append(self._proven.forget)

    def issue(self, scopes: Iterable[str], ttl: int = DEFAULT_TTL, name: str | None = None) -> str:
        """Make a token with exactly these scopes.

        Args:
            scopes: as ``parse_scopes`` gives them.
            ttl: seconds until it expires, 1 to 86400 (D-031).
            name: whom the audit log shall tell of; None: an operator, and no more.

        Raises:
            GatewayError: INVALID for a ttl out of bounds, or a name that none can have.
        """
        check_operator_name(name)
        if not 1 <= ttl <= MAX_TTL:
            raise invalid("ttl", f"a token lives 1 to {MAX_TTL} seconds (one day); issue a new one after that", ttl)
        now = int(self._wall())
        return self._jws.sign(
            {
                "sub": OPERATOR,
                "aud": [PLUGIN_API, AGENT_API],
                "scope": " ".join(sorted(scopes)),
                **({} if name is None else {"name": name}),
                "iat": now,
                "nbf": now,
                "exp": now + ttl,
                # In hex: what a technician types after `ferrule token revoke` never begins with a dash.
                "jti": secrets.token_hex(12),
            }
        )

    def verify(self, token: str, audience: str) -> Principal:
        """Tell who calls.

        Args:
            token: as it stood after ``Bearer``.
            audience: the path family that was called, ``PLUGIN_API`` or ``AGENT_API``.

        Raises:
            GatewayError: UNAUTHENTICATED, with a reason that says no more than the caller may know.
        """
        return self._proven.find(token, audience) or self._proven.keep(token, audience, self.prove(token, audience))

    def prove(self, token: str, audience: str) -> Proven:
        """Prove everything about a token but its time.

        Raises:
            GatewayError: UNAUTHENTICATED.
        """
        claims = self._jws.open(token, audience)
        expires = whole(claims, "exp")
        principal = Principal(
            text(claims, "sub"),
            frozenset(text(claims, "scope").split()),
            Kind.OPERATOR,
            text(claims, "jti"),
            expires=expires,
            name=name_in(claims),
        )
        return Proven(principal, whole(claims, "nbf"), expires, moment(claims, "iat"))
