"""Events, as the log has them and as they come over a WebSocket."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from .errors import ConfigurationError
from .members import Members
from .tags import Scalar

Filter = Mapping[str, Sequence[Scalar | None]]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. Which types there are, and their data: docs/events.md.

    Attributes:
        type: words with colons between them, such as `alarm:raised`.
        timestamp: when it happened.
        data: what belongs to the type.
        id: names it for ever: whoever gets it twice knows by this that it is the same one.
        seq: counts the events of a gateway, upwards, with gaps.
        gateway: whose it is.
        synchronised: whether its time can be trusted.
        routing_key: a label of whoever published it.
    """

    type: str
    timestamp: datetime
    data: Mapping[str, object]
    id: str
    seq: int
    gateway: str
    synchronised: bool
    routing_key: str | None

    @classmethod
    def read(cls, given: Members) -> Event:
        """Read one event of `event.list`, or of a WebSocket."""
        key = "routingKey" if "routingKey" in given.given else "routing_key"
        return cls(
            given.text("type"),
            given.moment("timestamp"),
            given.inner("data").given,
            given.text("id"),
            given.whole("seq"),
            given.text("gateway"),
            given.text("clock") == "synchronised",
            given.text_or_none(key),
        )


@dataclass(frozen=True, slots=True)
class Events:
    """What `list_events` found, oldest first.

    Attributes:
        events: of this answer.
        after: where to go on.
        more: whether there are more of them now.
        complete: whether the log still has all after the number that was asked for.
    """

    events: tuple[Event, ...]
    after: int
    more: bool
    complete: bool

    @classmethod
    def read(cls, result: object) -> Events:
        """Read the result of `event.list`."""
        given = Members(result, "event.list")
        events = tuple(map(Event.read, given.objects("events")))
        return cls(events, given.whole("after"), given.truth("more"), given.truth("complete"))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a program wants to hear.

    Attributes:
        channels: such as `alarms`.
        patterns: of types (`alarm:*`) or routing keys (`shop.*`).
        filter: of members of the data, the values one of which each must have.
    """

    channels: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    filter: Filter = field(default_factory=dict)

    @classmethod
    def of(cls, channels: Sequence[str], patterns: Sequence[str], filter_: Filter | None) -> Wanted:
        """Check what was given.

        Raises:
            ConfigurationError: nothing is wanted, or a name stands where a list is due.
        """
        for name, given in (("channels", channels), ("patterns", patterns)):
            if isinstance(given, str):
                raise ConfigurationError(f"{name}: a list of names, not one text")
        if not channels and not patterns:
            raise ConfigurationError('name channels, such as "alarms", or patterns, such as "alarm:*"')
        wanted = cls(tuple(channels), tuple(patterns), {name: list(some) for name, some in (filter_ or {}).items()})
        try:
            json.dumps([wanted.channels, wanted.patterns, wanted.filter], allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"what is wanted is no JSON: {error}") from None
        return wanted
