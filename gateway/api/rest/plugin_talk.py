"""Plugins as senders: ``/v1/plugins/{id}/communicate`` and ``/v1/plugins/{id}/events`` (D-115 to D-120, D-124)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.access.oauth.plugin_tokens import ACT
from gateway.api.rest.events import Accepted, EventBody
from gateway.api.rest.happenings import check_publishable
from gateway.api.rest.messages import PriorityWord
from gateway.api.rest.plugin_models import PLUGINS
from gateway.api.rest.preferences import applied, preferred_wait
from gateway.api.rest.route import Answer, Call, Route
from gateway.api.rest.shapes import Model, Nothing
from gateway.core.catalogue import reserved
from gateway.core.errors import Code, GatewayError
from gateway.core.ports import EventDoor
from gateway.core.principal import Kind, Principal
from gateway.plugins.exchange.talk import Talk
from gateway.plugins.host.permissions import Word
from gateway.plugins.host.services import MessageOut

_OWN = "plugin:"
# What the exchange calls members of a message, and what the reference does.
_NAMES = {"to": "target_plugin", "correlationId": "correlation_id"}

Name = Annotated[str, Meta(min_length=1, max_length=200)]


class CommunicateBody(Model, frozen=True):
    """A message to another plugin; with a ``timeout`` in seconds an answer is expected."""

    target_plugin: Annotated[str, Meta(min_length=1, max_length=100)]
    message_type: Name
    payload: object = None
    # ``regular`` is what the reference's event calls ``normal`` (D-117).
    priority: PriorityWord = "normal"
    correlation_id: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    timeout: Annotated[float, Meta(ge=1, le=300)] | None = None


class Communicated(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a message.

    ``response`` is there where it was waited for and came, ``reason`` and ``detail`` where the message failed.
    """

    message_id: str
    correlation_id: str
    status: str
    response_expected: bool
    estimated_response_time: float | None
    response: object | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    detail: str | UnsetType = UNSET


class Acting:
    """Tells who may act as a plugin, and what it may do then.

    Args:
        talk: what plugins say to each other.
    """

    def __init__(self, talk: Talk) -> None:
        self._talk = talk

    async def check(self, by: Principal, plugin: str, word: Word, subject: str | None = None) -> Principal:
        """See that a caller may act as a plugin: a plugin as itself, whoever else has the scope as any of them.

        Args:
            by: who calls; it has the scope ``plugins:act``.
            plugin: as which.
            word: what a plugin itself must have been granted for it.
            subject: on what.

        Returns:
            Who acts: of a plugin the same by whatever it shows, so that it has one share of what is to be had.

        Raises:
            GatewayError: NOT_FOUND, there is no such plugin; FORBIDDEN.
        """
        await self._talk.exists(plugin)
        if not by.subject.startswith(_OWN):
            return by
        if by.subject != _OWN + plugin:
            raise GatewayError(Code.FORBIDDEN, f"this token is that of {by.subject}: it acts as that one alone")
        self._talk.standing.require(plugin, word, subject)
        return replace(by, kind=Kind.PLUGIN)


def sender_routes(door: EventDoor, talk: Talk) -> tuple[Route, ...]:
    """Both of them."""
    acting = Acting(talk)

    async def communicate(call: Call[CommunicateBody, Nothing]) -> Answer:
        body, source = call.body, call.path["plugin_id"]
        await acting.check(call.origin.principal, source, Word.SEND_MESSAGES, body.target_plugin)
        wait = preferred_wait(call.origin.scope)
        timeout = body.timeout if body.timeout is not None or not wait else float(wait)
        message = MessageOut(
            to=body.target_plugin,
            type=body.message_type,
            payload=body.payload,  # type: ignore[arg-type]  # JSON
            priority="normal" if body.priority == "regular" else body.priority,
            correlation_id=body.correlation_id,
            timeout=timeout,
        )
        try:
            sent = await talk.exchange.communicate(source, message, wait=wait)
        except GatewayError as error:
            error.field = _NAMES.get(error.field or "", error.field)
            raise
        row = Communicated(
            message_id=sent.message_id,
            correlation_id=sent.correlation_id,
            status=sent.status.value,
            response_expected=sent.response_expected,
            estimated_response_time=sent.estimated_response_time,
            response=UNSET if sent.reply is None else sent.reply.value,
            reason=sent.reason or UNSET,
            detail=sent.words or UNSET,
        )
        return Answer(data=row, headers=applied(wait))

    async def publish(call: Call[EventBody, Nothing]) -> Answer:
        body, plugin = call.body, call.path["plugin_id"]
        check_publishable(body.event_type, body.payload, "event_type", "payload")  # type: ignore[arg-type]  # JSON
        # Who may publish a type of the gateway's own is nobody, whatever was granted: the door says so.
        subject = None if reserved(body.event_type) else body.event_type
        by = await acting.check(call.origin.principal, plugin, Word.PUBLISH_EVENTS, subject)
        event = await door.publish(
            by,
            call.origin.peer,
            body.event_type,
            body.payload,
            routing_key=body.routing_key,
            kept=body.persistent,
        )
        return Answer(data=Accepted(event.id, "accepted", event.sequence))

    # Neither is audited: messages stand in their events, and of events who takes them sums up.
    seed = partial(Route, method="POST", scope=ACT, audited=False, origin="seed")
    return (
        seed(
            name="plugin.communicate",
            path=f"{PLUGINS}/{{plugin_id}}/communicate",
            run=communicate,
            summary="Send message from one plugin to another",
            resource="plugin-message",
            result=Communicated,
            body=CommunicateBody,
            waits=True,
        ),
        seed(
            name="plugin.event",
            path=f"{PLUGINS}/{{plugin_id}}/events",
            run=publish,
            summary="Publish event to the ecosystem event bus, as a plugin",
            resource="event",
            result=Accepted,
            status=202,
            body=EventBody,
        ),
    )
