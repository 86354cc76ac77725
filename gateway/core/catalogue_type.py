"""What there is to know of a type of events, before one happens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec

from gateway.core.eventlog import Priority

# Ruling 22.
Clock = Literal["synchronised", "unsynchronised"]
Figure = int | float
# A value of a tag.
TagReading = bool | int | float | str | None


class EventData(msgspec.Struct, forbid_unknown_fields=True):
    """The data of an event: these members and no others. Its docstring is what docs/events.md says of them."""


@dataclass(frozen=True, slots=True)
class EventType:
    """A type of events.

    Attributes:
        name: colon words, e.g. ``device:down``.
        summary: when it happens, for people.
        data: its members; None where whoever publishes it decides.
        scope: what a caller must hold to receive it.
        channel: the WebSocket channel that brings it; None where only a pattern does.
        priority: how long it stays in the log when room runs out.
        kept: whether it is logged before it is told; others are told only, unless a webhook wants them.
        key: the members of the data that together name the thing it happens to: by these webhooks that ask for it keep
            events in order, leaving out what is null; none: by type.
        version: counts incompatible changes of the data.
    """

    name: str
    summary: str
    data: type[EventData] | None
    scope: str
    channel: str | None = None
    priority: Priority = Priority.NORMAL
    kept: bool = True
    key: tuple[str, ...] = ()
    version: int = 1
