"""WebSocket channels, and who may receive which event (D-131, D-133, D-149, ruling 23)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gateway.core.catalogue import CATALOGUE, type_of
from gateway.core.events import RESERVED, Event
from gateway.core.patterns import Pattern, parse_pattern
from gateway.core.principal import Principal


@dataclass(frozen=True, slots=True)
class Channel:
    """A name for events that are wanted together.

    Attributes:
        name: e.g. ``plugin:lifecycle``.
        summary: what it brings.
        patterns: of the types it brings.
        scope: what a caller must hold for it.
    """

    name: str
    summary: str
    patterns: tuple[Pattern, ...]
    scope: str


def _channel(name: str, summary: str, scope: str, *patterns: str) -> Channel:
    return Channel(name, summary, tuple(parse_pattern(pattern) for pattern in patterns), scope)


CHANNELS: Mapping[str, Channel] = MappingProxyType(
    {
        channel.name: channel
        for channel in (
            _channel(
                "plugin:lifecycle",
                "plugins that are installed, started, stopped, removed, or fail",
                "plugins:read",
                "plugin:installed",
                "plugin:activated",
                "plugin:deactivated",
                "plugin:uninstalled",
                "plugin:config_updated",
                "plugin:error",
            ),
            _channel(
                "plugin:messages",
                "what plugins write to each other",
                "messaging:read",
                "plugin:message",
                "plugin:message_timeout",
            ),
            _channel("agent:messages", "what agents write to you, and you to them", "messaging:read", "message:*"),
            _channel("agent:lifecycle", "agents that come, go, and fall silent", "agents:read", "agent:*"),
            _channel("system:health", "how the gateway is, and its alerts", "system:read", "system:*"),
            _channel("governor:analysis", "what the governors do and find", "governor:read", "governor:*"),
            _channel("tag:changes", "new values of tags", "devices:read", "tag:changed"),
            _channel("alarms", "alarms on tags and devices", "devices:read", "alarm:*"),
            _channel("devices", "devices and lines that come up and go down", "devices:read", "device:*", "line:*"),
            _channel("webhooks", "webhooks that fail or are deactivated", "webhooks:read", "webhook:*"),
        )
    }
)

MESSAGE = "message:received"
EVERYTHING = "*"


def may_receive(principal: Principal, event: Event) -> bool:
    """Whether a caller may see an event. Ask again at each delivery: tokens end, and scopes are taken away (D-149).

    A message is for its sender, for whom it is to, and for who may everything (D-133).
    """
    if not principal.may(type_of(event.type).scope):
        return False
    if event.type != MESSAGE or EVERYTHING in principal.scopes:
        return True
    return principal.subject in (event.data.get("from_agent"), event.data.get("to_agent"))


def may_subscribe(principal: Principal, pattern: Pattern) -> bool:
    """Whether anything a pattern can match may be received: who subscribes to what never comes is told at once."""
    return any(principal.may(scope) for scope in scopes_for(pattern))


def scopes_for(pattern: Pattern) -> frozenset[str]:
    """The scopes one of which it takes to receive anything a pattern can match.

    What matches no type of the gateway needs ``events:subscribe``; what matches types of both, that or one of theirs.
    """
    scopes = {type_.scope for type_ in CATALOGUE.values() if pattern.matches(type_.name)}
    family, _, _ = pattern.text.partition(":")
    if not scopes or (pattern.text not in CATALOGUE and f"{family}:" not in RESERVED):
        scopes.add("events:subscribe")
    return frozenset(scopes)
