"""Events on their way to the disk and to listeners, in the order of their numbers, and what gives way first."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import islice

import trio

from gateway.core.eventlog import Priority
from gateway.core.events import Event

# Of what somebody waits for: it never gives way, so it is not among the others.
_ASKED = max(Priority) + 1


@dataclass(slots=True, eq=False)
class Place:
    """The place of one event.

    Attributes:
        event: it.
        priority: what gives way first when there is no room.
        kept: whether it is to be on the disk.
        told: whether listeners have it already.
        asked: set when it is known whether it is on the disk; None where nobody waits for that.
        refused: why it is not; None where it is, or as long as that is not known.
        withdrawn: nobody waits any more; what is not being written by then is left out.
    """

    event: Event
    priority: Priority
    kept: bool
    told: bool = False
    asked: trio.Event | None = None
    refused: str | None = None
    withdrawn: bool = False


class Lanes:
    """Places by what gives way first. Each lane is in the order of numbers, so the oldest of all is at a head."""

    def __init__(self) -> None:
        self._lanes: list[deque[Place]] = [deque() for _ in range(_ASKED + 1)]
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Place]:
        """All, in the order of their numbers."""
        return merge(*self._lanes, key=_number)

    def add(self, place: Place) -> None:
        """Take in the newest."""
        self._lane(place).append(place)
        self._count += 1

    def take(self, most: int) -> list[Place]:
        """Take out the oldest, in the order of their numbers."""
        taken = list(islice(self, most))
        for place in taken:
            self._lane(place).popleft()
        self._count -= len(taken)
        return taken

    def put_back(self, places: Iterable[Place]) -> None:
        """Take in again what is older than all that is here; in the order of their numbers."""
        for place in reversed(list(places)):
            self._lane(place).appendleft(place)
            self._count += 1

    def give_up(self) -> Place | None:
        """Take out the oldest of the lowest priority; None where somebody waits for each that is left."""
        for lane in self._lanes[:_ASKED]:
            if lane:
                self._count -= 1
                return lane.popleft()
        return None

    def _lane(self, place: Place) -> deque[Place]:
        return self._lanes[place.priority if place.asked is None else _ASKED]


def _number(place: Place) -> int:
    return place.event.sequence
