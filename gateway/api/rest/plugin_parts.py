"""What of plugins the plugin API is made of."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.plugins.registry.registry import Registry
from gateway.plugins.registry.reviews import Reviews


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginParts:
    """The services of plugins.

    Attributes:
        registry: which there are.
        reviews: what people think of them.
    """

    registry: Registry
    reviews: Reviews
