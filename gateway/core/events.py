"""The one event model: what the gateway says to the world, on whatever channel it is delivered later."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Mapping
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
        sequence: counts the events of a gateway; a restart may leave a gap.
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
    """Makes the gateway's events and numbers them: a number is never used twice, over restarts too.

    Args:
        gateway: the gateway's id.
        timeline: the time of each event.
        reserved: numbers up to this one may have been used before this start.
        reserve: keeps the number up to which events may be made from now on.
        stride: how many numbers are reserved at once.
    """

    def __init__(
        self, gateway: str, timeline: Timeline, reserved: int, *, reserve: Callable[[int], None], stride: int
    ) -> None:
        self._gateway = gateway
        self._timeline = timeline
        self._reserve = reserve
        self._stride = stride
        self._reserved = reserved
        self.last_sequence = reserved

    def make(self, type_: str, data: Data) -> Event:
        """A new event that happens now."""
        if self.last_sequence == self._reserved:
            self._reserved += self._stride
            self._reserve(self._reserved)
        self.last_sequence += 1
        now = self._timeline.now()
        return Event(uuid7(now), self._gateway, self.last_sequence, type_, now, self._timeline.era.clock, data)
