"""Who calls, and what that caller may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a caller is. A method bound to one kind is not opened by the scopes of another (ruling 13)."""

    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller whose token was verified.

    Attributes:
        subject: the token's ``sub``.
        scopes: exactly those of the token; ``*`` and ``family:*`` stand for what they cover.
        kind: what the caller is.
        token_id: the token's ``jti``, for logs and revocation; no secret.
    """

    subject: str
    scopes: frozenset[str]
    kind: Kind
    token_id: str

    def may(self, scope: str) -> bool:
        """Whether this caller holds a scope, by itself, by its family (``plugins:*``) or by ``*``."""
        family, _, _ = scope.partition(":")
        return scope in self.scopes or f"{family}:*" in self.scopes or "*" in self.scopes
