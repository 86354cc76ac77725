"""What the configuration says of plugins: ``[plugin]``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PublisherSettings:
    """Somebody whose packages are taken.

    Attributes:
        name: of the publisher, for people.
        key: public key its packages are signed with (Ed25519): its 32 bytes in base64, or the second line of a minisign
            .pub file.
    """

    name: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginSettings:
    """How many plugins there may be, and whose packages are taken (nobody's, unless named).

    Attributes:
        max_plugins: plugins in the registry.
        archives: bytes of all packages together, and of what is said of their versions.
        publishers: whose packages are taken.
    """

    max_plugins: int = 200
    archives: int = 256_000_000
    publishers: tuple[PublisherSettings, ...] = ()
