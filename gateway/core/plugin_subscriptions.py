"""To which events plugins are subscribed from outside, and where that is kept (D-121 to D-123)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gateway.core.ports import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginSubscription:
    """One subscription of a plugin.

    Attributes:
        number: names it; never used again. 0: it is not kept yet.
        plugin: whose it is.
        target: the plugin whose handler gets the events; the same, unless an administrator wanted another one.
        handler: its name there.
        pattern: of types, or of routing keys.
        filter: values by the path of a member of the data; empty: whatever the data is.
        by: subject of who made it.
        created: Unix seconds.
    """

    number: int = 0
    plugin: str
    target: str
    handler: str
    pattern: str
    filter: Mapping[str, Json] = field(default_factory=dict)
    by: str
    created: float


class PluginSubscriptionStore(Protocol):
    """Subscriptions on the disk; what changes them is there (fsync) when it returns. All raise NotKept."""

    async def all(self) -> Sequence[PluginSubscription]:
        """Those of plugins that were not removed, oldest first."""
        ...

    async def add(self, subscriptions: Sequence[PluginSubscription]) -> Sequence[PluginSubscription]:
        """Keep new ones, all or none; the same with their numbers."""
        ...

    async def remove(self, number: int) -> None:
        """Forget one."""
        ...
