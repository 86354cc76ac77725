"""What an operator has granted an agent when it was enrolled."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from gateway.core.ports import Json
from gateway.core.principal import ANY_CAPABILITY, AgentKey

_ANY = frozenset({ANY_CAPABILITY})
# Bytes of an Ed25519 public key (RFC 8032, 5.1.5).
_PUBLIC_SIZE = 32


@dataclass(frozen=True, slots=True)
class Grant:
    """What an enrolment gives; it is kept with the agent, so that its token can be renewed (D-034, D-043, D-044).

    Attributes:
        capabilities: ids it may offer in its card; ``*`` for any.
        scopes: of its tokens.
        key: what its cards are signed with; None for an agent that an operator registered without one.
    """

    capabilities: frozenset[str] = _ANY
    scopes: frozenset[str] = frozenset()
    key: AgentKey | None = None

    def covers(self, capability: str) -> bool:
        """Whether the agent may offer a capability."""
        return capability in self.capabilities or ANY_CAPABILITY in self.capabilities

    def stored(self) -> dict[str, Json]:
        """For the disk; nothing in it is secret."""
        key = None
        if self.key is not None:
            public = None if self.key.public is None else base64.b64encode(self.key.public).decode()
            key = {"kid": self.key.kid, "public": public}
        return {"capabilities": sorted(self.capabilities), "scopes": sorted(self.scopes), "key": key}


def restored_grant(stored: Json) -> Grant | None:
    """What `Grant.stored` gave; None for what is not readable."""
    match stored:
        case {"capabilities": [*capabilities], "scopes": [*scopes], "key": None}:
            return Grant(_words(capabilities), _words(scopes))
        case {"capabilities": [*capabilities], "scopes": [*scopes], "key": {"kid": str() as kid, "public": public}}:
            key = _restored_key(kid, public)
            return Grant(_words(capabilities), _words(scopes), key) if key is not None else None
        case _:
            return None


def _restored_key(kid: str, public: Json) -> AgentKey | None:
    if public is None:
        return AgentKey(kid)
    if not isinstance(public, str):
        return None
    try:
        decoded = base64.b64decode(public, validate=True)
    except (binascii.Error, ValueError):
        return None
    return AgentKey(kid, decoded) if len(decoded) == _PUBLIC_SIZE else None


def _words(stored: list[Json]) -> frozenset[str]:
    return frozenset(word for word in stored if isinstance(word, str))
