"""``event.list``: events that are kept, as far as the caller may see them."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from gateway.api.dispatch import Method, told
from gateway.api.origin import Origin
from gateway.api.params import ParamsModel
from gateway.api.rest.happenings import stretch
from gateway.api.rest.ports import EventHistory
from gateway.core import rfc3339
from gateway.core.events import Event
from gateway.core.turns import Turns

_MOST = 1000


class EventList(ParamsModel, frozen=True):
    """Parameters of ``event.list``: events after a number, of types that fit a pattern, oldest first."""

    after: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 0
    limit: Annotated[int, Meta(ge=1, le=_MOST)] = 100
    type: str | None = None


def event_methods(history: EventHistory, turns: Turns) -> dict[str, Method]:
    """The namespace ``event``."""

    async def read(params: EventList, origin: Origin) -> object:
        found = await stretch(
            history, turns, origin.principal, after=params.after, limit=params.limit, wanted=params.type, place="type"
        )
        return {
            "events": [_row(event) for event in found.events],
            "after": found.after,
            "more": found.more,
            "complete": found.complete,
        }

    return {"event.list": told(EventList, read, scope="events:subscribe")}


def _row(event: Event) -> dict[str, object]:
    return {
        "type": event.type,
        "timestamp": rfc3339.text(event.time),
        "data": event.data,
        "id": event.id,
        "seq": event.sequence,
        "gateway": event.gateway,
        "clock": event.clock,
        "routingKey": event.routing_key,
    }
