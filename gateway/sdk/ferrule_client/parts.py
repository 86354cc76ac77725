"""What both clients are put together from."""

from __future__ import annotations

import random
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .addresses import gateway_url
from .enrolment import Enrolment
from .errors import ConfigurationError
from .identity import Identity, bearer
from .keys import SigningKey
from .membership import Membership
from .operations import Operations
from .session import Clocks, Session
from .tls import trust
from .token_file import TokenFile

MAX_WAIT_S = 30.0

# Jitter, nothing secret.
CLOCKS = Clocks(time.time, time.monotonic, random.random)


@dataclass(frozen=True, slots=True)
class Parts:
    """The pure parts of a client, and what they do not do themselves."""

    session: Session
    operations: Operations
    membership: Membership
    trust: ssl.SSLContext
    token_file: TokenFile | None


def assemble(
    endpoint: str,
    agent_card: Mapping[str, object] | None,
    *,
    ca: str | Path | bytes,
    enrolment: Enrolment | str | Path | None,
    key: SigningKey | None,
    token: str | None,
    token_file: str | Path | None,
    client_cert: str | Path | None,
    max_wait: float,
    clocks: Clocks,
) -> Parts:
    """Put a client together from what its constructor was given.

    Raises:
        ConfigurationError: something of it cannot be used.
    """
    if isinstance(enrolment, str | Path):
        enrolment = Enrolment.load(enrolment)
    if agent_card is None and (enrolment is not None or key is not None):
        raise ConfigurationError("enrolment and key belong to an agent: give agent_card")
    identity = None if agent_card is None else Identity.of(agent_card, enrolment, key)
    file = None
    if token_file is not None:
        if identity is None:
            raise ConfigurationError("token_file keeps the token of an agent: give agent_card")
        file = TokenFile(token_file, identity.agent_id)
        token = token or file.load()
    if token is not None:
        bearer(token, "token")
    session = Session(gateway_url(endpoint), identity, token, max_wait, clocks)
    return Parts(session, Operations(session), Membership(session), trust(ca, client_cert), file)
