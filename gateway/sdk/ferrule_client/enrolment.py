"""What `ferrule agents enrol` printed for one agent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from .errors import ConfigurationError
from .keys import SharedSecret


@dataclass(frozen=True, slots=True)
class Enrolment:
    """One enrolment.

    Attributes:
        agent_id: whom it is for.
        kid: the name of the agent's key.
        token: registers the agent, once.
        secret: the agent's key in base64url; None where its public Ed25519 key was pinned.
    """

    agent_id: str
    kid: str
    token: str = field(repr=False)
    secret: str | None = field(repr=False)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read the JSON object from a file, as it was printed.

        Raises:
            ConfigurationError: it cannot be read, or is none.
        """
        try:
            given = json.loads(Path(path).read_bytes())
        except OSError as error:
            raise ConfigurationError(f"{path}: {error.strerror}") from None
        except ValueError:
            raise ConfigurationError(f"{path} is no JSON: keep what ferrule agents enrol prints as it is") from None
        if not isinstance(given, dict):
            raise ConfigurationError(f"{path} holds no JSON object")
        return cls.read(given, str(path))

    @classmethod
    def read(cls, given: Mapping[str, object], name: str = "enrolment") -> Self:
        """Read the parsed JSON object.

        Raises:
            ConfigurationError: it is none.
        """
        agent_id, kid, token, secret = (given.get(member) for member in ("agentId", "kid", "token", "secret"))
        if not isinstance(agent_id, str) or not isinstance(kid, str) or not isinstance(token, str):
            raise ConfigurationError(f"{name} needs agentId, kid and token, as ferrule agents enrol prints them")
        if not (secret is None or isinstance(secret, str)):
            raise ConfigurationError(f"{name}: secret is text, or null with a public key")
        return cls(agent_id, kid, token, secret)

    @property
    def key(self) -> SharedSecret | None:
        """The key the agent signs with; None where it has an Ed25519 key of its own.

        Raises:
            ConfigurationError: the secret is none.
        """
        return None if self.secret is None else SharedSecret(self.kid, self.secret)
