"""The one event model: what the gateway says to the world, on whatever channel it is delivered later."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.core.timeline import Timeline

# Values of event data: what JSON can carry.
Data = Mapping[str, object]

# Types only the core may emit (ruling 23); a prefix ends in a colon.
RESERVED = (
    "plugin:",
    "system:",
    "message:",
    "governor:",
    "agent:",
    "tag:changed",
    "alarm:",
    "device:",
    "line:",
    "webhook:",
)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened.

    Attributes:
        id: UUIDv7 (RFC 9562, 5.7): unique, and sortable by time.
        gateway: which gateway says so; fleets are merged by (gateway, sequence).
        sequence: counts the events of a gateway, without gaps, over restarts.
        type: colon words, e.g. ``device:down``.
        time: Unix seconds of when it happened.
        clock: whether that time can be trusted: ``synchronised`` or ``unsynchronised``.
        data: what belongs to the type.
    """

    id: str
    gateway: str
    sequence: int
    type: str
    time: float
    clock: str
    data: Data


def uuid7(unix_seconds: float) -> str:
    """A new UUID of version 7: 48 bits of Unix milliseconds, then random bits (RFC 9562, 5.7)."""
    milliseconds = int(unix_seconds * 1000) & 0xFFFF_FFFF_FFFF
    random = secrets.randbits(74)
    value = milliseconds << 80 | 0x7 << 76 | (random >> 62) << 64 | 0b10 << 62 | random & 0x3FFF_FFFF_FFFF_FFFF
    return str(uuid.UUID(int=value))


class EventSource:
    """Makes the gateway's events, numbered without gaps.

    Args:
        gateway: the gateway's id.
        timeline: the time of each event.
        last_sequence: the number of the last event before this start, 0 for the first start ever.
    """

    def __init__(self, gateway: str, timeline: Timeline, last_sequence: int = 0) -> None:
        self._gateway = gateway
        self._timeline = timeline
        self.last_sequence = last_sequence

    def make(self, type_: str, data: Data) -> Event:
        """A new event that happens now."""
        self.last_sequence += 1
        now = self._timeline.now()
        return Event(uuid7(now), self._gateway, self.last_sequence, type_, now, self._timeline.era.clock, data)
