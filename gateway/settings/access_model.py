"""What the configuration says of OAuth: ``[access]``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessSettings:
    """Tokens of OAuth, and who may ask for them (D-031).

    Attributes:
        token_ttl: seconds an access token is good for.
        max_clients: registered clients.
        max_keys: API keys.
    """

    token_ttl: float = 3600.0
    max_clients: int = 200
    max_keys: int = 500
