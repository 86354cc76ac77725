"""Every type of events there is: what it says, who may receive it, and how long it stays (rulings 22 and 23)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gateway.core.catalogue_agents import AGENTS
from gateway.core.catalogue_field import FIELD
from gateway.core.catalogue_governor import GOVERNOR
from gateway.core.catalogue_plugins import PLUGINS
from gateway.core.catalogue_system import SYSTEM
from gateway.core.catalogue_type import EventType
from gateway.core.events import RESERVED, Event

CATALOGUE: Mapping[str, EventType] = MappingProxyType(
    {type_.name: type_ for type_ in (*FIELD, *AGENTS, *GOVERNOR, *PLUGINS, *SYSTEM)}
)

_OPEN_SUMMARY = "Published by a plugin, an agent or an operator; they decide what it says."
_OPEN_SCOPE = "events:subscribe"


def type_of(name: str) -> EventType:
    """The type of that name; one that others may publish (D-124) has open data and needs ``events:subscribe``."""
    known = CATALOGUE.get(name)
    return known if known is not None else EventType(name, _OPEN_SUMMARY, None, _OPEN_SCOPE)


def reserved(name: str) -> bool:
    """Whether only the gateway itself may announce this type (ruling 23)."""
    return any(name == word or (word.endswith(":") and name.startswith(word)) for word in RESERVED)


def key_of(event: Event) -> str:
    """By what an event keeps its order where a receiver asks for that: its family, and what names the thing in it."""
    members = type_of(event.type).key
    family, _, _ = event.type.partition(":")
    values = [value for member in members if (value := event.data.get(member)) is not None]
    return f"{family}:{'/'.join(map(str, values))}" if values else event.type
