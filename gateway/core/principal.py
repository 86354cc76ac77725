"""Who calls, and what that caller may do."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

# What an agent may be called (D-040).
AGENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}", re.ASCII)
# What an operator is called, whatever its token; no agent is, for messages are told apart by who they are from and to.
OPERATOR = "operator"
# What stands before the colon where a client, a user, a plugin or an operator calls; no agent is called so.
OTHERS = frozenset({"client", "user", "plugin", OPERATOR})
# What an operator's token may be called by (``ferrule token --name``).
OPERATOR_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}", re.ASCII)
# In the place of capabilities: whatever an agent says it can do.
ANY_CAPABILITY = "*"
# A scope that another one brings along (D-054).
IMPLIED = {"instances:create": "instances:write"}


class Kind(StrEnum):
    """What a caller is. A method bound to one kind is not opened by the scopes of another (ruling 13)."""

    OPERATOR = "operator"
    AGENT = "agent"
    # May register one agent, once.
    ENROLMENT = "enrolment"
    # Of OAuth: a program for itself, a person by way of a program, a plugin.
    CLIENT = "client"
    USER = "user"
    PLUGIN = "plugin"
    # One of these three by a key instead of a token; the subject is whose key it is.
    API_KEY = "api_key"


def allows(held: Collection[str], scope: str) -> bool:
    """Whether scopes hold another one: by itself, by its family (``plugins:*``), by ``*``, or by what implies it."""
    family, _, _ = scope.partition(":")
    return scope in held or f"{family}:*" in held or "*" in held or (scope in IMPLIED and IMPLIED[scope] in held)


@dataclass(frozen=True, slots=True)
class AgentKey:
    """The key an agent signs its card with, by name; the secret itself is nowhere in it.

    Attributes:
        kid: names it, and stands in the signature's header.
        public: the Ed25519 public key (32 bytes) an operator pinned; None for the shared secret the gateway derives.
    """

    kid: str
    public: bytes | None = None


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller whose token was verified.

    Attributes:
        subject: the token's ``sub``; of an agent or an enrolment the agent's id, else ``client:ID``,
            ``user:ID`` or ``plugin:ID``.
        scopes: exactly those of the token; ``*`` and ``family:*`` stand for what they cover. An enrolment has none:
            those it grants are in ``granted``.
        kind: what the caller is.
        token_id: the token's ``jti``, for logs and revocation; no secret.
        capabilities: of an agent those it was registered with, of an enrolment those it may register.
        key: what signs the agent's card; None for an operator.
        granted: of an enrolment, the scopes the agent gets with it.
        expires: the token's ``exp``, Unix seconds.
        signed: of an agent, when it last proved that it has its key, by a signature under its card; Unix seconds.
        client_id: of the OAuth client a token was given to.
        permissions: of a plugin, what it may do at its host (D-053).
        rate_limit: calls a minute, where that is less than the gateway allows everybody (D-163).
        name: of an operator, what the token was called when it was made; whoever made it has chosen it. Of an
            enrolment, who made it.
    """

    subject: str
    scopes: frozenset[str]
    kind: Kind
    token_id: str
    capabilities: frozenset[str] = frozenset()
    key: AgentKey | None = None
    granted: frozenset[str] = frozenset()
    expires: int = 0
    signed: int = 0
    client_id: str | None = None
    permissions: frozenset[str] = frozenset()
    rate_limit: int | None = None
    name: str | None = None

    @property
    def known_as(self) -> str:
        """Whom logs and shares go by: operators have one subject, and ``operator:NAME`` tells them apart."""
        return f"{self.subject}:{self.name}" if self.kind is Kind.OPERATOR and self.name else self.subject

    @property
    def account(self) -> str:
        """What is counted together, whatever is shown: a client's API key is no second client beside its tokens."""
        kind = self.subject.partition(":")[0] if self.kind is Kind.API_KEY else self.kind
        return f"{kind}:{self.known_as}"

    def may(self, scope: str) -> bool:
        """Whether this caller holds a scope (``allows``)."""
        return allows(self.scopes, scope)

    def covers(self, capability: str) -> bool:
        """Whether the token was given for a capability, by its id or by ``*`` (D-043)."""
        return capability in self.capabilities or ANY_CAPABILITY in self.capabilities
