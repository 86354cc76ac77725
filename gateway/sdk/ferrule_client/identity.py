"""Who an agent is: its card, its key, and what it may show to be registered."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from .enrolment import Enrolment
from .errors import ConfigurationError
from .keys import SigningKey

_AGENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}", re.ASCII)
# Three parts in base64url; it goes into a header, where nothing else may slip in.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+", re.ASCII)


def bearer(token: str, name: str) -> str:
    """A token as it goes into a header (RFC 6750, 2.1).

    Raises:
        ConfigurationError: it is none.
    """
    if not _TOKEN.fullmatch(token):
        raise ConfigurationError(f"{name}: no token, it holds spaces or other signs that none has")
    return token


@dataclass(frozen=True, slots=True)
class Identity:
    """An agent that can register.

    Attributes:
        card: as it is sent.
        agent_id: out of the card.
        key: signs the card; None: it can be looked at, but not registered.
        enrolment: the token that registers once.
    """

    card: Mapping[str, object]
    agent_id: str
    key: SigningKey | None
    enrolment: str | None = field(repr=False)

    @classmethod
    def of(cls, card: Mapping[str, object], enrolment: Enrolment | None, key: SigningKey | None) -> Identity:
        """Bring together what belongs to one agent.

        Raises:
            ConfigurationError: it does not belong together.
        """
        agent_id = card.get("agentId")
        if not isinstance(agent_id, str) or not _AGENT_ID.fullmatch(agent_id):
            raise ConfigurationError(
                "agent_card: needs an agentId of 1 to 128 letters, digits and ._:- that begins with a letter or digit"
            )
        if enrolment is None:
            return cls(card, agent_id, key, None)
        if enrolment.agent_id != agent_id:
            raise ConfigurationError(f"the enrolment is for {enrolment.agent_id}, and the card is that of {agent_id}")
        if key is not None and key.kid != enrolment.kid:
            raise ConfigurationError(f"the enrolment is for the key (kid) {enrolment.kid}, not for {key.kid}")
        key = key or enrolment.key
        if key is None:
            raise ConfigurationError("the enrolment is for an Ed25519 key: give it as key=Ed25519Key(kid, private)")
        return cls(card, agent_id, key, bearer(enrolment.token, "enrolment.token"))
