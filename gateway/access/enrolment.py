"""Enrolments: an operator lets one agent register, once (ruling 14, D-034).

Nothing secret is kept: the token is signed, and the agent's secret follows from the root key and the random name that
stands in the token.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gateway.access.claims import check_operator_name, confirmation, confirmed, moment, name_in, text, whole, words
from gateway.access.jws import AGENT_API, MAX_LENGTH, TokenClass
from gateway.access.keys import RootKey
from gateway.access.proven import Proven
from gateway.core.errors import invalid
from gateway.core.principal import AGENT_ID, ANY_CAPABILITY, OPERATOR, OTHERS, AgentKey, Kind, Principal

TYPE = "enrol+jwt"
PURPOSE = "enrolment-token"
DEFAULT_TTL = 86400
MAX_TTL = 30 * 86400
DEFAULT_SCOPES = frozenset(
    {
        "agents:read",
        "devices:read",
        "governor:read",
        "events:subscribe",
        "messaging:read",
        "messaging:write",
    }
)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an operator hands to an agent.

    Attributes:
        agent_id: the only id it registers.
        kid: names the key the agent signs its card with.
        secret: the HS256 key of ``X-Agent-Signature`` in base64url; None with a pinned public key.
        token: the one-time bearer token of ``agent.register``.
        expires: until when, Unix seconds.
    """

    agent_id: str
    kid: str
    secret: str | None
    token: str
    expires: int

    def __repr__(self) -> str:
        return f"Enrolment(agent_id={self.agent_id!r}, kid={self.kid!r}, expires={self.expires!r})"


class Enrolments:
    """Issues enrolments, which takes no more than the state directory, and proves them.

    Args:
        root: its keys for this purpose sign them.
        wall: Unix seconds.
    """

    def __init__(self, root: RootKey, wall: Callable[[], float]) -> None:
        self._root = root
        self._jws = TokenClass(root, TYPE, PURPOSE, ("scope", "cap", "cnf"))
        self._wall = wall

    def issue(
        self,
        agent_id: str,
        capabilities: Iterable[str] | None = None,
        scopes: Iterable[str] = DEFAULT_SCOPES,
        ttl: int = DEFAULT_TTL,
        public_key: bytes | None = None,
        *,
        name: str | None = None,
    ) -> Enrolment:
        """Let an agent register.

        Args:
            agent_id: its id.
            capabilities: ids it may register (D-043); None for any.
            scopes: what the agent may do once it is registered.
            ttl: seconds until it has to, 1 to 2592000 (30 days).
            public_key: the Ed25519 key (32 bytes) it signs its card with, in the place of a shared secret.
            name: of the operator who does this, for the audit log; None: nobody knows.

        Raises:
            GatewayError: INVALID for an id that none may have, a ttl out of bounds, a key that is none, a name that
                none can have, or more capabilities than a token can carry.
        """
        if agent_id.lower() == OPERATOR:
            raise invalid("agentId", "operators go by this name, and messages are told apart by it", agent_id)
        if agent_id.partition(":")[0].lower() in OTHERS and ":" in agent_id:
            words = "an agent's id does not begin like the subject of a client, a user, a plugin or an operator"
            raise invalid("agentId", words, agent_id)
        if AGENT_ID.fullmatch(agent_id) is None:
            raise invalid(
                "agentId", "an agent's id is 1 to 128 letters, digits or ._:-, and begins with no sign", agent_id
            )
        if not 1 <= ttl <= MAX_TTL:
            raise invalid("ttl", f"an enrolment waits 1 to {MAX_TTL} seconds (30 days)", ttl)
        if public_key is not None and len(public_key) != 32:
            raise invalid("publicKey", "an Ed25519 public key has 32 bytes")
        check_operator_name(name)
        kid = secrets.token_urlsafe(16)
        stamp = round(self._wall(), 3)
        expires = int(stamp) + ttl
        token = self._jws.sign(
            {
                "sub": agent_id,
                "aud": AGENT_API,
                "scope": " ".join(sorted(scopes)),
                "cap": [ANY_CAPABILITY] if capabilities is None else sorted(capabilities),
                "cnf": confirmation(AgentKey(kid, public_key)),
                **({} if name is None else {"name": name}),
                "iat": stamp,
                "nbf": int(stamp),
                "exp": expires,
                "jti": secrets.token_hex(12),
            }
        )
        if len(token) > MAX_LENGTH:
            raise invalid("capabilities", "they do not fit into a token: name fewer, or leave them out to allow any")
        secret = None
        if public_key is None:
            secret = base64.urlsafe_b64encode(self._root.agent_secret(agent_id, kid)).rstrip(b"=").decode()
        return Enrolment(agent_id, kid, secret, token, expires)

    def prove(self, token: str, audience: str) -> Proven:
        """Prove everything about an enrolment but its time, and that it was neither used nor revoked.

        Raises:
            GatewayError: UNAUTHENTICATED.
        """
        claims = self._jws.open(token, audience)
        expires = whole(claims, "exp")
        principal = Principal(
            text(claims, "sub"),
            frozenset(),
            Kind.ENROLMENT,
            text(claims, "jti"),
            capabilities=words(claims, "cap"),
            key=confirmed(claims),
            granted=frozenset(text(claims, "scope").split()),
            expires=expires,
            name=name_in(claims),
        )
        return Proven(principal, whole(claims, "nbf"), expires, moment(claims, "iat"))
