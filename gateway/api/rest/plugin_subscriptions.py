"""``/v1/plugins/{id}/subscriptions``: which events are brought to which handlers (D-121 to D-123)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.access.oauth.plugin_tokens import ACT, ADMIN
from gateway.api.rest.paging import Pages, page
from gateway.api.rest.plugin_models import PLUGINS
from gateway.api.rest.plugin_talk import Acting
from gateway.api.rest.route import Answer, Call, Route, listed
from gateway.api.rest.shapes import Model, Nothing
from gateway.api.rest.words import EventPatternWord, HandlerPath
from gateway.core import rfc3339
from gateway.core.plugin_subscriptions import PluginSubscription
from gateway.core.ports import Json
from gateway.plugins.exchange.subscribing import Asked, endpoint_of, name_of
from gateway.plugins.exchange.talk import Talk
from gateway.plugins.host.permissions import Word

_ALL = f"{PLUGINS}/{{plugin_id}}/subscriptions"
_ONE = f"{_ALL}/{{subscription_id}}"


class SubscriptionBody(Model, frozen=True):
    """One subscription that is wanted."""

    event_pattern: EventPatternWord
    handler_endpoint: HandlerPath
    filter: dict[str, object] = msgspec.field(default_factory=dict)


class SubscriptionsBody(Model, frozen=True):
    """Subscriptions that are wanted: all of them are made, or none."""

    subscriptions: Annotated[list[SubscriptionBody], Meta(min_length=1, max_length=50)]


class SubscriptionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription as it is shown."""

    id: str
    event_pattern: str
    handler_endpoint: str
    filter: Mapping[str, object]
    created_at: str
    created_by: str


class SubscriptionsRow(msgspec.Struct, frozen=True):
    """Those that were asked for, in that order."""

    subscriptions: list[SubscriptionRow]


def subscription_row(one: PluginSubscription) -> SubscriptionRow:
    """A subscription for an answer."""
    return SubscriptionRow(
        id=name_of(one),
        event_pattern=one.pattern,
        handler_endpoint=endpoint_of(one),
        filter=one.filter,
        created_at=rfc3339.seconds(one.created),
        created_by=one.by,
    )


class SubscriptionRoutes:
    """What can be asked of subscriptions.

    Args:
        talk: what plugins say to each other.
    """

    def __init__(self, talk: Talk) -> None:
        self._acting = Acting(talk)
        self._subscriptions = talk.subscriptions

    async def subscribe(self, call: Call[SubscriptionsBody, Nothing]) -> Answer:
        """POST: more of them."""
        by, plugin = call.origin.principal, await self._plugin(call)
        asked = [
            Asked(one.event_pattern, one.handler_endpoint, one.filter)  # type: ignore[arg-type]  # JSON
            for one in call.body.subscriptions
        ]
        made = await self._subscriptions.subscribe(plugin, asked, by.subject, foreign=by.may(ADMIN))
        place = (b"location", f"{PLUGINS}/{plugin}/subscriptions".encode())
        return Answer(data=SubscriptionsRow([subscription_row(one) for one in made]), headers=(place,))

    async def list(self, call: Call[None, Pages]) -> Answer:
        """GET: those of a plugin."""
        found = self._subscriptions.list(await self._plugin(call))
        return listed(page(found, call.query, call.target, subscription_row))

    async def get(self, call: Call[None, Nothing]) -> Answer:
        """GET: one."""
        found = self._subscriptions.get(await self._plugin(call), call.path["subscription_id"])
        return Answer(data=subscription_row(found))

    async def remove(self, call: Call[None, Nothing]) -> Answer:
        """DELETE."""
        await self._subscriptions.remove(await self._plugin(call), call.path["subscription_id"])
        return Answer()

    async def _plugin(self, call: Call[SubscriptionsBody, Nothing] | Call[None, Pages] | Call[None, Nothing]) -> str:
        plugin = call.path["plugin_id"]
        await self._acting.check(call.origin.principal, plugin, Word.READ_EVENTS)
        await self._subscriptions.ready()
        return plugin


def _patterns(call: Call[SubscriptionsBody, Nothing]) -> Mapping[str, Json]:
    return {"patterns": [one.event_pattern for one in call.body.subscriptions]}


def subscription_routes(talk: Talk) -> tuple[Route, ...]:
    """All of them."""
    work = SubscriptionRoutes(talk)
    one = partial(Route, scope=ACT, resource="subscription", result=SubscriptionRow)
    return (
        one(
            name="plugin.subscribe",
            method="POST",
            path=_ALL,
            run=work.subscribe,
            summary="Subscribe to ecosystem events",
            result=SubscriptionsRow,
            status=201,
            body=SubscriptionsBody,
            noted=_patterns,
            origin="seed",
        ),
        one(
            name="plugin.subscriptions",
            method="GET",
            path=_ALL,
            run=work.list,
            summary="List subscriptions of a plugin",
            listing=True,
            query=Pages,
            audited=False,
        ),
        one(
            name="plugin.subscription",
            method="GET",
            path=_ONE,
            run=work.get,
            summary="Show a subscription",
            audited=False,
        ),
        one(
            name="plugin.unsubscribe",
            method="DELETE",
            path=_ONE,
            run=work.remove,
            summary="End a subscription",
            result=None,
            status=204,
        ),
    )
