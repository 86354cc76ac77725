"""``agent.message``, ``agent.messages`` and ``agent.acknowledge``: agents write to each other (D-134)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from msgspec import Meta

from gateway.api.dispatch import Method, told
from gateway.api.origin import Origin
from gateway.api.params import ParamsModel
from gateway.api.rest.messages import AgentName, Category, Content, Correlation, Number, PriorityWord, TimeToLive
from gateway.api.rest.paging import LARGEST_PAGE
from gateway.api.rest.ports import Messages
from gateway.core import rfc3339
from gateway.core.errors import GatewayError
from gateway.core.eventlog import Message

_WORD = re.compile(r"_([a-z])")


class Send(ParamsModel, frozen=True):
    """Parameters of ``agent.message``; ``ttl`` in seconds, ``fromAgent`` for who may write in the name of others."""

    to_agent: AgentName
    content: Content
    priority: PriorityWord = "normal"
    category: Category = "general"
    correlation_id: Correlation | None = None
    ttl: TimeToLive | None = None
    from_agent: AgentName | None = None


class Pull(ParamsModel, frozen=True):
    """Parameters of ``agent.messages``: those to an agent (the caller), after a number; with ``waiting`` false, all."""

    agent_id: AgentName | None = None
    after: Number = 0
    limit: Annotated[int, Meta(ge=1, le=LARGEST_PAGE)] = LARGEST_PAGE
    waiting: bool = True


class Acknowledge(ParamsModel, frozen=True):
    """Parameters of ``agent.acknowledge``."""

    message_id: str


def message_methods(messages: Messages) -> dict[str, Method]:
    """What agents say to each other, in the namespace ``agent``."""

    async def send(params: Send, origin: Origin) -> object:
        with named_as_here():
            message = await messages.send(
                origin.principal,
                params.to_agent,
                params.content,
                priority="normal" if params.priority == "regular" else params.priority,
                category=params.category,
                correlation_id=params.correlation_id,
                ttl=params.ttl,
                from_agent=params.from_agent,
            )
        return {
            "sent": True,
            "messageId": message.id,
            "sequence": message.sequence,
            "expiresAt": rfc3339.text(message.expires),
        }

    async def pull(params: Pull, origin: Origin) -> object:
        with named_as_here():
            found = await messages.pull(
                origin.principal,
                params.agent_id,
                waiting_only=params.waiting,
                after=params.after,
                limit=params.limit,
            )
        after = found[-1].sequence if found else params.after
        return {"messages": [_row(message) for message in found], "after": after}

    async def acknowledge(params: Acknowledge, origin: Origin) -> object:
        with named_as_here():
            message = await messages.acknowledge(origin.principal, params.message_id)
        at = None if message.acknowledged is None else rfc3339.text(message.acknowledged)
        return {"acknowledged": True, "messageId": message.id, "acknowledgedAt": at}

    return {
        "agent.message": told(Send, send, scope="messaging:write"),
        "agent.messages": told(Pull, pull, scope="messaging:read"),
        "agent.acknowledge": told(Acknowledge, acknowledge, scope="messaging:read"),
    }


@contextmanager
def named_as_here() -> Iterator[None]:
    """Name members in errors of services as this API names them (D-014)."""
    try:
        yield
    except GatewayError as error:
        field = None if error.field is None else _WORD.sub(lambda found: found[1].upper(), error.field)
        raise GatewayError(
            error.code, error.reason, field=field, provided=error.provided, details=error.details
        ) from None


def _row(message: Message) -> dict[str, object]:
    return {
        "messageId": message.id,
        "sequence": message.sequence,
        "fromAgent": message.from_agent,
        "toAgent": message.to_agent,
        "content": message.content,
        "priority": message.priority,
        "category": message.category,
        "correlationId": message.correlation_id,
        "createdAt": rfc3339.text(message.created),
        "expiresAt": rfc3339.text(message.expires),
        "acknowledgedAt": None if message.acknowledged is None else rfc3339.text(message.acknowledged),
    }
