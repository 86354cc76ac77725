"""Events that plugins publish: through the door of all publishers, with a share of the log for each plugin."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gateway.core.ports import EventDoor, Json
from gateway.plugins.host.services import Caller
from gateway.plugins.services.principal import publisher

# Refuses what is no event: its type, its data, and what an error calls these two.
Check = Callable[[str, Mapping[str, Json], str, str], None]


class EventService:
    """Implements ``host.services.Events``.

    Args:
        door: of all publishers.
        check: refuses what is no event.
    """

    def __init__(self, door: EventDoor, check: Check) -> None:
        self._door, self._check = door, check

    async def publish(
        self, caller: Caller, type_: str, data: Mapping[str, Json], routing_key: str | None, *, persistent: bool
    ) -> str:
        """Publish an event; returns its id. Where it is persistent it is on the disk then, else in memory only."""
        self._check(type_, data, "type", "data")
        event = await self._door.publish(publisher(caller), None, type_, data, routing_key=routing_key, kept=persistent)
        return event.id
