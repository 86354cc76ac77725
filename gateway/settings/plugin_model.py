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
    """How many plugins and instances there may be, and whose packages are taken (nobody's, unless named).

    Attributes:
        max_plugins: plugins in the registry.
        archives: bytes of all packages together, and of what is said of their versions.
        max_instances: installed ones of all plugins, whether they run or not.
        memory: bytes of each process of an instance, and of all of them together.
        data: bytes of the files an instance keeps.
        values: bytes an instance keeps by ``storage.put``.
        publishers: whose packages are taken.
    """

    max_plugins: int = 200
    archives: int = 256_000_000
    max_instances: int = 50
    memory: int = 128_000_000
    data: int = 16_000_000
    values: int = 1_000_000
    publishers: tuple[PublisherSettings, ...] = ()
