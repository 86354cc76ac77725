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

# Numbers that pass with each second of the wall clock. JSON carries them exactly until the year 2255 (2**53).
PER_SECOND = 1_000_000
# The most that are left out by chance: what the clock passes in a quarter of an hour.
LEAP = 2**30


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened.

    Attributes:
        id: UUIDv7 (RFC 9562, 5.7): unique, and sortable by time.
        gateway: which gateway says so; fleets are merged by (gateway, sequence).
        sequence: counts the events of a gateway; a restart leaves a gap.
        type: colon words, e.g. ``device:down``.
        time: Unix seconds of when it happened.
        clock: whether that time can be trusted: ``synchronised`` or ``unsynchronised``.
        data: what belongs to the type.
        routing_key: a label of whoever published it (D-119); None where there is none.
    """

    id: str
    gateway: str
    sequence: int
    type: str
    time: float
    clock: str
    data: Data
    routing_key: str | None = None


def uuid7(unix_seconds: float) -> str:
    """A new UUID of version 7: 48 bits of Unix milliseconds, then random bits (RFC 9562, 5.7)."""
    milliseconds = int(unix_seconds * 1000) & 0xFFFF_FFFF_FFFF
    random = secrets.randbits(74)
    value = milliseconds << 80 | 0x7 << 76 | (random >> 62) << 64 | 0b10 << 62 | random & 0x3FFF_FFFF_FFFF_FFFF
    return str(uuid.UUID(int=value))


class EventSource:
    """Makes the gateway's events and numbers them: a number is never used twice.

    Over restarts that is so because numbers are reserved before they are used. What was reserved can be forgotten: an
    older state is put back, on this board or on another one. So numbers also follow the clock: each start goes on at
    the microseconds since 1970, which more events than that a second would have to overtake. Where the clock cannot be
    trusted, chance takes its place until it can.

    Args:
        gateway: the gateway's id.
        timeline: the time of each event.
        reserved: numbers up to this one may have been used before this start.
        reserve: keeps the number up to which events may be made from now on.
        stride: how many numbers are reserved at once.
        leap: numbers to leave out where the clock cannot be trusted; a different one each time.

    Attributes:
        last_sequence: the number of the last event, or the one that none before has reached.
    """

    def __init__(
        self,
        gateway: str,
        timeline: Timeline,
        reserved: int,
        *,
        reserve: Callable[[int], None],
        stride: int,
        leap: Callable[[], int] = lambda: secrets.randbelow(LEAP),
    ) -> None:
        self._gateway = gateway
        self._timeline = timeline
        self._reserve = reserve
        self._stride = stride
        self._reserved = self.last_sequence = reserved
        self._leap = leap

    def skip_ahead(self) -> None:
        """Leave out what may have been used already; call it at the start, and when the clock synchronises."""
        if self._timeline.era.synchronised:
            self.last_sequence = max(self.last_sequence, int(self._timeline.now() * PER_SECOND))
        else:
            self.last_sequence += self._leap()
        self._reserve_more()

    def make(self, type_: str, data: Data, routing_key: str | None = None) -> Event:
        """A new event that happens now."""
        if self.last_sequence >= self._reserved:
            self._reserve_more()
        self.last_sequence += 1
        now = self._timeline.now()
        clock = self._timeline.era.clock
        return Event(uuid7(now), self._gateway, self.last_sequence, type_, now, clock, data, routing_key)

    def _reserve_more(self) -> None:
        self._reserved = self.last_sequence + self._stride
        self._reserve(self._reserved)
