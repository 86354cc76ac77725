"""Tags that no device has: a plugin says what they are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Derived:
    """Where the value of such a tag comes from; it stands in the place of ``Tag.origin``.

    Attributes:
        plugin: id of the plugin.
        instance: id of its instance.
    """

    plugin: str
    instance: str
