"""Events as callers ask for them: what of the log somebody may see, and what somebody may publish."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from gateway.api.rest.ports import EventHistory
from gateway.core.channels import may_receive
from gateway.core.errors import Code, GatewayError, invalid
from gateway.core.eventlog import NotKept
from gateway.core.events import Event
from gateway.core.patterns import Pattern, parse_pattern
from gateway.core.ports import Json
from gateway.core.principal import Principal
from gateway.core.sifting import Sifting
from gateway.core.turns import Turns
from gateway.core.weight import values

# Events that are read at once, and how often for one question: who may see few of many, or large ones, goes on where it
# ended.
_AT_ONCE = 200
_MOST_READS = 10
# Bytes of an event's data: with all around it it fits a webhook's body (D-148).
LARGEST_DATA = 48 * 1024
# Values in it: small ones take twenty times their JSON in memory, and of many events hundreds are remembered.
MOST_VALUES = 2000
# A word without a colon would look like a control frame to WebSocket clients.
_TYPE = re.compile(r"[A-Za-z0-9_-]+(?::[A-Za-z0-9_-]+)+", re.ASCII)
_LONGEST = 128
_EVERYTHING = Pattern("*")


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of the log.

    Attributes:
        events: that the caller may see, oldest first.
        after: where to go on.
        more: whether there is more already.
        complete: whether nothing between is gone for its age or for room, but for events of low priority.
    """

    events: list[Event]
    after: int
    more: bool
    complete: bool


async def stretch(
    history: EventHistory,
    turns: Turns,
    principal: Principal,
    *,
    after: int,
    limit: int,
    wanted: str | None,
    place: str,
) -> Stretch:
    """Read on in the log.

    Args:
        history: the log.
        turns: at reading it.
        principal: who asks.
        after: number of the last event they have.
        limit: most events.
        wanted: pattern of types; None: all.
        place: the parameter it stands in.

    Raises:
        GatewayError: INVALID, no pattern; UNAVAILABLE, the disk is in trouble.
    """
    pattern = _EVERYTHING if wanted is None else parse_pattern(wanted, place)
    complete = after + 1 >= history.first
    found: list[Event] = []
    reads, cursor, some = 0, after, True
    while some and len(found) < limit and reads < _MOST_READS:
        try:
            async with turns.turn(principal) as charge:
                events = await history.after(cursor, _AT_ONCE)
        except NotKept as error:
            raise GatewayError(
                Code.UNAVAILABLE, f"the events cannot be read now: {error}", details={"retryAfter": 1}
            ) from None
        some = bool(events)
        reads += 1
        sifting = Sifting()
        for event in events:
            if len(found) == limit:
                break
            cursor = event.sequence
            if pattern.matches(event.type, event.routing_key) and may_receive(principal, event):
                found.append(event)
            await sifting.step()
        charge(sifting.spent())
    return Stretch(found, cursor, cursor < history.last, complete)


def check_publishable(type_: str, data: Mapping[str, Json], type_place: str, data_place: str) -> None:
    """See that this is an event.

    Raises:
        GatewayError: INVALID, no type, or data that is too large.
    """
    if len(type_) > _LONGEST or not _TYPE.fullmatch(type_):
        raise invalid(
            type_place,
            "a type is two or more words of letters, digits, - and _ with colons between, at most "
            f"{_LONGEST} characters: user:action",
            type_,
        )
    size = len(msgspec.json.encode(data))
    if size > LARGEST_DATA:
        raise invalid(data_place, f"is {size} bytes of JSON, and may be {LARGEST_DATA}", size)
    if values(data, MOST_VALUES) > MOST_VALUES:
        raise invalid(data_place, f"holds more than {MOST_VALUES} values: put them elsewhere, and publish where")
