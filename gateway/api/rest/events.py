"""``/v1/events`` and ``/v1/event-types``: publish, read back, and what there is to hear of (D-120, D-124)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta, UnsetType

from gateway.api.rest.happenings import check_publishable, stretch
from gateway.api.rest.paging import LARGEST_PAGE, PAGE_SIZE, Pages, Size, link_header, page
from gateway.api.rest.ports import EventHistory
from gateway.api.rest.route import Answer, Call, Route, listed
from gateway.api.rest.shapes import Model
from gateway.api.rest.words import EventPatternWord, EventTypeWord
from gateway.core import rfc3339
from gateway.core.catalogue import CATALOGUE
from gateway.core.catalogue_type import EventType
from gateway.core.events import Event
from gateway.core.ports import EventDoor
from gateway.core.turns import Turns

_EVENTS = "/v1/events"
_TYPES = "/v1/event-types"


class EventBody(Model, frozen=True):
    """An event that is published, as the reference has it."""

    event_type: EventTypeWord
    payload: dict[str, object]
    routing_key: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    persistent: bool = True


class EventQuery(Model, frozen=True):
    """Which events are read: those after a number, of types that fit a pattern."""

    after: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 0
    limit: Size = PAGE_SIZE
    type: EventPatternWord | None = None


class TypeQuery(Pages, frozen=True):
    """Which page of the types; all of them fit on one."""

    size: Size = msgspec.field(default=LARGEST_PAGE, name="page[size]")


class Accepted(msgspec.Struct, frozen=True):
    """An event that was taken; on the disk, where it is persistent."""

    event_id: str
    status: str
    seq: int


class EventRow(msgspec.Struct, frozen=True, kw_only=True):
    """An event in the envelope of the reference, with what makes it one of a kind."""

    type: str
    timestamp: str
    data: Mapping[str, object]
    id: str
    seq: int
    gateway: str
    clock: str
    routing_key: str | UnsetType = msgspec.UNSET


class TypeRow(msgspec.Struct, frozen=True, kw_only=True):
    """A type of events; ``schema`` is JSON Schema of its data, null where whoever publishes it decides.

    ``key`` has the members of the data by which ``ordered`` webhooks keep it in order; none: by its type.
    """

    type: str
    version: int
    summary: str
    scope: str
    channel: str | None
    priority: str
    kept: bool
    key: tuple[str, ...]
    schema: Mapping[str, Any] | None


def event_row(event: Event) -> EventRow:
    """An event for an answer, its time in seconds (D-015)."""
    return EventRow(
        type=event.type,
        timestamp=rfc3339.seconds(event.time),
        data=event.data,
        id=event.id,
        seq=event.sequence,
        gateway=event.gateway,
        clock=event.clock,
        routing_key=msgspec.UNSET if event.routing_key is None else event.routing_key,
    )


def type_row(type_: EventType) -> TypeRow:
    """A type for an answer."""
    return TypeRow(
        type=type_.name,
        version=type_.version,
        summary=type_.summary,
        scope=type_.scope,
        channel=type_.channel,
        priority=type_.priority.name.lower(),
        kept=type_.kept,
        key=type_.key,
        schema=None if type_.data is None else msgspec.json.schema(type_.data, schema_hook=_any),
    )


def _any(_: type) -> dict[str, object]:
    """The schema of a member that may be whatever JSON can carry."""
    return {"type": ["null", "boolean", "number", "string", "array", "object"]}


def event_routes(door: EventDoor, history: EventHistory, turns: Turns) -> tuple[Route, ...]:
    """All of ``/v1/events`` and ``/v1/event-types``."""

    async def publish(call: Call[EventBody, object]) -> Answer:
        body = call.body
        check_publishable(body.event_type, body.payload, "event_type", "payload")  # type: ignore[arg-type]  # JSON
        event = await door.publish(
            call.origin.principal,
            call.origin.peer,
            body.event_type,
            body.payload,
            routing_key=body.routing_key,
            kept=body.persistent,
        )
        return Answer(data=Accepted(event.id, "accepted", event.sequence))

    async def read(call: Call[None, EventQuery]) -> Answer:
        query = call.query
        found = await stretch(
            history, turns, call.origin.principal, after=query.after, limit=query.limit, wanted=query.type, place="type"
        )
        links = {"self": call.target.link()}
        if found.more:
            links["next"] = call.target.link(after=found.after)
        meta = {"after": found.after, "more": found.more, "complete": found.complete}
        return Answer(
            data=[event_row(event) for event in found.events], meta=meta, links=links, headers=link_header(links)
        )

    async def types(call: Call[None, TypeQuery]) -> Answer:
        return listed(page(tuple(CATALOGUE.values()), call.query, call.target, type_row))

    return (
        Route(
            name="event.publish",
            method="POST",
            path=_EVENTS,
            run=publish,
            scope="events:publish",
            summary="Publish event to the ecosystem event bus",
            resource="event",
            result=Accepted,
            status=202,
            body=EventBody,
            # Not each one: who takes it sums up who published how many.
            audited=False,
        ),
        Route(
            name="event.list",
            method="GET",
            path=_EVENTS,
            run=read,
            scope="events:subscribe",
            summary="Read events that are kept, oldest first; each takes the scope of its type as well",
            resource="event",
            result=EventRow,
            listing=True,
            query=EventQuery,
            audited=False,
        ),
        Route(
            name="event.types",
            method="GET",
            path=_TYPES,
            run=types,
            scope="events:subscribe",
            summary="List the types of events of the gateway itself",
            resource="event-type",
            result=TypeRow,
            listing=True,
            query=TypeQuery,
            audited=False,
        ),
    )
