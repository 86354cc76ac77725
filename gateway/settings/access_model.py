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
        login: people may sign in, and let programs act for them.
        refresh_idle: seconds a refresh token is good for that is not used.
        refresh_longest: seconds after which a person has to sign in anew, whatever was refreshed.
    """

    token_ttl: float = 3600.0
    max_clients: int = 200
    max_keys: int = 500
    login: bool = True
    refresh_idle: float = 14 * 86400.0
    refresh_longest: float = 90 * 86400.0
