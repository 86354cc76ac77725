"""Subscriptions of plugins to events, made from outside: kept, and given to whoever runs (D-118 to D-123)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import structlog
import trio

from gateway.core.errors import Code, GatewayError, invalid
from gateway.core.events import Event
from gateway.core.kept import kept
from gateway.core.patterns import Selection, parse_pattern, parse_selection
from gateway.core.plugin_subscriptions import PluginSubscription, PluginSubscriptionStore
from gateway.core.ports import Json
from gateway.plugins.exchange.exchange import Find
from gateway.plugins.host.subscriptions import MOST

log = structlog.stdlib.get_logger(__name__)

PREFIX = "sub-"
_HANDLER = re.compile(
    r"(?:/v1)?/plugins/(?P<plugin>[a-z0-9._-]{1,100})/events/(?P<name>[A-Za-z0-9_.-]{1,64})", re.ASCII
)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//", re.ASCII)


@dataclass(frozen=True, slots=True)
class Asked:
    """One subscription as it is asked for.

    Attributes:
        event_pattern: of types, or of routing keys.
        handler_endpoint: ``/plugins/{plugin}/events/{name}``.
        filter: see ``PluginSubscription``.
    """

    event_pattern: str
    handler_endpoint: str
    filter: Mapping[str, Json]


class PluginSubscriptions:
    """Subscriptions of all plugins.

    Args:
        store: keeps them.
        instances: those of a plugin (``Host.of``).
        wall: Unix seconds.

    Attributes:
        changed: called when there are others.
    """

    def __init__(self, store: PluginSubscriptionStore, instances: Find, wall: Callable[[], float]) -> None:
        self._store, self._instances, self._wall = store, instances, wall
        self._kept: dict[int, PluginSubscription] = {}
        self._loaded = False
        self._changing = trio.Lock()
        self.changed: list[Callable[[], None]] = []

    async def load(self) -> None:
        """Learn those that are kept; while the disk cannot be read, there are none."""
        try:
            await self.ready()
        except GatewayError as trouble:
            log.warning("plugins get no events they were subscribed to", reason=trouble.reason)

    async def ready(self) -> None:
        """See that those are known that are kept.

        Raises:
            GatewayError: UNAVAILABLE.
        """
        if self._loaded:
            return
        async with kept():
            found = await self._store.all()
        if not self._loaded:
            self._kept = {one.number: one for one in found}
            self._loaded = True
            self._give({one.target for one in found})

    def subscriptions_of(self, plugin: str) -> Mapping[str, Selection]:
        """What instances of a plugin get, by the name of the handler (``Spec.subscriptions``)."""
        named: dict[str, list[PluginSubscription]] = {}
        for one in self._kept.values():
            if one.target == plugin:
                named.setdefault(one.handler, []).append(one)
        return {
            handler: parse_selection([one.pattern for one in found], found[0].filter)
            for handler, found in named.items()
        }

    def names(self, plugin: str, event: Event) -> Sequence[str]:
        """Which handlers of a plugin an event is for that happened since they were subscribed."""
        return sorted(
            {
                one.handler
                for one in self._kept.values()
                if one.target == plugin
                and one.created <= event.time
                and parse_selection([one.pattern], one.filter).takes(event)
            }
        )

    def wants(self, plugin: str) -> bool:
        """Whether there are any for a plugin."""
        return any(one.target == plugin for one in self._kept.values())

    def list(self, plugin: str) -> Sequence[PluginSubscription]:
        """Those of a plugin, oldest first."""
        return [one for one in self._kept.values() if one.plugin == plugin]

    def get(self, plugin: str, id_: str) -> PluginSubscription:
        """One of them.

        Raises:
            GatewayError: NOT_FOUND.
        """
        found = next((one for one in self.list(plugin) if name_of(one) == id_), None)
        if found is None:
            raise GatewayError(Code.NOT_FOUND, f"there is no subscription {id_[:64]} of {plugin}")
        return found

    async def subscribe(
        self, plugin: str, asked: Sequence[Asked], by: str, *, foreign: bool
    ) -> Sequence[PluginSubscription]:
        """Take new ones, all or none; they are on the disk when this returns. One that is there already is itself.

        Args:
            plugin: whose they are to be.
            asked: what is.
            by: subject of who asks.
            foreign: handlers of other plugins may be named.

        Raises:
            GatewayError: INVALID, with the place as ``subscriptions[1].filter``; FORBIDDEN, the handler is another
                plugin's; CONFLICT, it has another filter; TOO_MANY; UNAVAILABLE, the disk does not take it.
        """
        wanted = [
            self._read(plugin, one, by, f"subscriptions[{index}]", foreign=foreign) for index, one in enumerate(asked)
        ]
        await self.ready()
        async with kept(), self._changing:
            there = {_same(one): one for one in self._kept.values()}
            new = list({_same(one): one for one in wanted if _same(one) not in there}.values())
            self._check(plugin, wanted, new)
            made = await self._store.add(new) if new else ()
            self._kept |= {one.number: one for one in made}
            there |= {_same(one): one for one in made}
        self._give({one.target for one in made})
        return [there[_same(one)] for one in wanted]

    async def remove(self, plugin: str, id_: str) -> None:
        """End one.

        Raises:
            GatewayError: NOT_FOUND; UNAVAILABLE.
        """
        await self.ready()
        async with kept(), self._changing:
            found = self.get(plugin, id_)
            await self._store.remove(found.number)
            del self._kept[found.number]
        self._give({found.target})

    def _give(self, plugins: set[str]) -> None:
        for plugin in plugins:
            given = self.subscriptions_of(plugin)
            for instance in self._instances(plugin):
                instance.subscribe(given)
        for tell in self.changed:
            tell()

    def _read(self, plugin: str, asked: Asked, by: str, place: str, *, foreign: bool) -> PluginSubscription:
        target, handler = _handler(plugin, asked.handler_endpoint, f"{place}.handler_endpoint", foreign=foreign)
        parse_pattern(asked.event_pattern, f"{place}.event_pattern")
        try:
            parse_selection([asked.event_pattern], asked.filter)
        except GatewayError as error:
            raise invalid(f"{place}.{error.field}", error.reason, error.provided) from None
        return PluginSubscription(
            plugin=plugin,
            target=target,
            handler=handler,
            pattern=asked.event_pattern,
            filter=asked.filter,
            by=by,
            created=self._wall(),
        )

    def _check(self, plugin: str, wanted: Sequence[PluginSubscription], new: Sequence[PluginSubscription]) -> None:
        filters = {(one.target, one.handler): one.filter for one in self._kept.values()}
        for index, one in enumerate(wanted):
            if _text(filters.setdefault((one.target, one.handler), one.filter)) != _text(one.filter):
                raise GatewayError(
                    Code.CONFLICT,
                    f"{one.handler} of {one.target} has another filter already, and a handler has one: name another "
                    "handler, or end the subscription it has",
                    field=f"subscriptions[{index}].filter",
                )
        every = [*self._kept.values(), *new]
        for whose, count in (
            (plugin, sum(one.plugin == plugin for one in every)),
            *((target, sum(one.target == target for one in every)) for target in {one.target for one in new}),
        ):
            if count > MOST:
                raise GatewayError(Code.TOO_MANY, f"{whose} may have {MOST} subscriptions: end some")


def name_of(subscription: PluginSubscription) -> str:
    """The id of a subscription."""
    return f"{PREFIX}{subscription.number}"


def endpoint_of(subscription: PluginSubscription) -> str:
    """The handler, as the reference writes it."""
    return f"/plugins/{subscription.target}/events/{subscription.handler}"


def _handler(plugin: str, endpoint: str, place: str, *, foreign: bool) -> tuple[str, str]:
    """Whose handler it is, and its name (D-121)."""
    if _SCHEME.match(endpoint):
        words = f"names a handler within a plugin, /plugins/{plugin}/events/NAME; for a URL register a webhook"
        raise invalid(place, words, endpoint[:200])
    found = _HANDLER.fullmatch(endpoint)
    if found is None:
        raise invalid(place, f"is written /plugins/{plugin}/events/NAME", endpoint[:200])
    if found["plugin"] != plugin and not foreign:
        words = f"this is a handler of {found['plugin']}; {plugin} subscribes its own: /plugins/{plugin}/events/NAME"
        raise GatewayError(Code.FORBIDDEN, words, field=place)
    return found["plugin"], found["name"]


def _text(wanted: Mapping[str, Json]) -> str:
    return msgspec.json.encode(wanted, order="sorted").decode()


def _same(one: PluginSubscription) -> tuple[str, str, str, str, str]:
    """What makes two subscriptions the same."""
    return one.plugin, one.target, one.handler, one.pattern, _text(one.filter)
