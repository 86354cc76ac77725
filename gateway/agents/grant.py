"""What an operator has granted an agent when it was enrolled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.core.ports import Json


@dataclass(frozen=True, slots=True)
class Grant:
    """What an enrolment gives, kept with the agent so that its token can be renewed (D-034, D-043, D-044).

    Attributes:
        kid: id of the key its cards are signed with; None for an agent an operator registered without one.
        capabilities: ids it may offer in its card; None: any.
        scopes: of its tokens.
        public_key: the pinned Ed25519 key as a JWK; None where it signs with the secret of ``kid``.
    """

    kid: str | None = None
    capabilities: frozenset[str] | None = None
    scopes: frozenset[str] = frozenset()
    public_key: Mapping[str, Json] | None = None
