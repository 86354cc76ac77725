"""``/v1/messages``: messages to agents, for callers that are none (D-134)."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.api.rest.paging import PAGE_SIZE, Size, link_header
from gateway.api.rest.ports import Messages
from gateway.api.rest.route import Answer, Call, Route
from gateway.api.rest.shapes import Model, Nothing
from gateway.core import rfc3339
from gateway.core.eventlog import Message

_ALL = "/v1/messages"

AgentName = Annotated[str, Meta(min_length=1, max_length=128)]
Content = Annotated[str, Meta(min_length=1, max_length=32_768)]
# ``regular`` is what the reference's event calls ``normal`` (D-117).
PriorityWord = Literal["low", "normal", "regular", "high", "urgent"]
Category = Annotated[
    str, Meta(min_length=1, max_length=64, extra_json_schema={"pattern": r"^[A-Za-z0-9][A-Za-z0-9_.:-]*$"})
]
Correlation = Annotated[str, Meta(min_length=1, max_length=128)]
TimeToLive = Annotated[float, Meta(ge=1, le=30 * 86400)]
Number = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class MessageBody(Model, frozen=True):
    """A message that is sent; ``from_agent`` for who may write in the name of an agent, ``ttl`` in seconds."""

    to_agent: AgentName
    content: Content
    priority: PriorityWord = "normal"
    category: Category = "general"
    correlation_id: Correlation | None = None
    ttl: TimeToLive | None = None
    from_agent: AgentName | None = None


class MessageQuery(Model, frozen=True):
    """Which messages: those to an agent, after a number; those that wait, or all that are kept."""

    to_agent: AgentName | None = None
    after: Number = 0
    limit: Size = PAGE_SIZE
    waiting: bool = True


class MessageRow(msgspec.Struct, frozen=True, kw_only=True):
    """A message as it is shown."""

    message_id: str
    seq: int
    from_agent: str
    to_agent: str
    content: str
    priority: str
    category: str
    correlation_id: str | None
    created_at: str
    expires_at: str
    acknowledged_at: str | None


def message_row(message: Message) -> MessageRow:
    """A message for an answer."""
    return MessageRow(
        message_id=message.id,
        seq=message.sequence,
        from_agent=message.from_agent,
        to_agent=message.to_agent,
        content=message.content,
        priority=message.priority,
        category=message.category,
        correlation_id=message.correlation_id,
        created_at=rfc3339.seconds(message.created),
        expires_at=rfc3339.seconds(message.expires),
        acknowledged_at=None if message.acknowledged is None else rfc3339.seconds(message.acknowledged),
    )


def message_routes(messages: Messages) -> tuple[Route, ...]:
    """All of ``/v1/messages``."""

    async def send(call: Call[MessageBody, Nothing]) -> Answer:
        body = call.body
        message = await messages.send(
            call.origin.principal,
            body.to_agent,
            body.content,
            priority="normal" if body.priority == "regular" else body.priority,
            category=body.category,
            correlation_id=body.correlation_id,
            ttl=body.ttl,
            from_agent=body.from_agent,
        )
        return Answer(data=message_row(message))

    async def pull(call: Call[None, MessageQuery]) -> Answer:
        query = call.query
        found = await messages.pull(
            call.origin.principal,
            query.to_agent,
            waiting_only=query.waiting,
            after=query.after,
            limit=query.limit,
        )
        after = found[-1].sequence if found else query.after
        links = {"self": call.target.link()}
        if len(found) == query.limit:
            links["next"] = call.target.link(after=after)
        rows = [message_row(message) for message in found]
        return Answer(data=rows, meta={"after": after}, links=links, headers=link_header(links))

    async def acknowledge(call: Call[None, Nothing]) -> Answer:
        return Answer(data=message_row(await messages.acknowledge(call.origin.principal, call.path["message_id"])))

    # None is audited: who wrote what to whom stands in the event of each.
    return (
        Route(
            name="message.send",
            method="POST",
            path=_ALL,
            run=send,
            scope="messaging:write",
            summary="Send a message to an agent; it is kept until the agent acknowledges it, or its time is over",
            resource="message",
            result=MessageRow,
            status=201,
            body=MessageBody,
            audited=False,
        ),
        Route(
            name="message.list",
            method="GET",
            path=_ALL,
            run=pull,
            scope="messaging:read",
            summary="Read messages, oldest first",
            resource="message",
            result=MessageRow,
            listing=True,
            query=MessageQuery,
            audited=False,
        ),
        Route(
            name="message.acknowledge",
            method="POST",
            path=f"{_ALL}/{{message_id}}/acknowledge",
            run=acknowledge,
            scope="messaging:read",
            summary="Say that a message arrived",
            resource="message",
            result=MessageRow,
            audited=False,
        ),
    )
