"""Set-points on loan: who writes with a lease must renew it, or the tag goes back to its safe value.

A lease outlives the gateway: it is on disk before the write leaves, and one that is found at the start has run out,
since nobody could have renewed it.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Mapping
from itertools import count
from typing import NamedTuple

from gateway.core.ports import FactStore, Json
from gateway.core.reading import Value

LEASES = "lease"
# A safe value that could not be written is tried again after this, doubled up to the longest pause: it must not be
# given up, and it must not take the line from the polls either.
RETRY_S = 1.0
RETRY_MAX_S = 15.0


class Standing(NamedTuple):
    """How a lease stands.

    Attributes:
        end: when it runs out or is tried again.
        pause: the next one, where it has run out already.
        value: written with it; None for one that was found at the start.
        by: who holds it; None where nobody knows.
    """

    end: float
    pause: float | None
    value: Value | None
    by: str | None = None


class Leases:
    """All leases, by the tag's full name. Pure but for the facts it keeps.

    Args:
        facts: where leases are kept over restarts.
        now: monotonic seconds; leases found in the facts are due at once.
    """

    def __init__(self, facts: FactStore, now: float) -> None:
        self._facts = facts
        self._ends: dict[str, float] = {}
        self._takers: dict[str, int] = {}
        self._number = count(1)
        self._pauses: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []
        self._places: dict[str, Json] = {}
        self._values: dict[str, Value] = {}
        self._holders: dict[str, str | None] = {}
        for name, fact in facts.recall(LEASES).items():
            # Before leases had holders, the place was all there was.
            known = fact if isinstance(fact, Mapping) else {"place": fact}
            holder = known.get("by")
            self._places[name] = known.get("place")
            self._holders[name] = holder if isinstance(holder, str) else None
            self._set(name, now)

    def _set(self, name: str, end: float) -> None:
        self._ends[name] = end
        heapq.heappush(self._heap, (end, name))

    def __contains__(self, name: str) -> bool:
        return name in self._ends

    def names(self) -> Iterable[str]:
        """Tags with a lease, one that has run out and is not settled included."""
        return self._ends

    def standing(self, name: str) -> Standing | None:
        """How a tag's lease stands, for ``put_back``; None where it has none."""
        end = self._ends.get(name)
        return (
            None
            if end is None
            else Standing(end, self._pauses.get(name), self._values.get(name), self._holders.get(name))
        )

    def owed(self, name: str, now: float) -> bool:
        """Whether a lease has run out whose safe value is not known to have arrived."""
        return name in self._pauses or self.settling(name) or self._ends.get(name, math.inf) <= now

    def taker(self, name: str) -> int | None:
        """Who took or renewed the lease last, by a number that is never given twice; None where nobody did."""
        return self._takers.get(name)

    def place(self, name: str) -> Json:
        """Where the tag was when its lease began, as ``take`` was told; None where it has no lease."""
        return self._places.get(name)

    def holder(self, name: str) -> str | None:
        """Who took or renewed the lease last, as people call him; None where nobody knows."""
        return self._holders.get(name)

    def take(self, name: str, seconds: float, now: float, *, place: Json, value: Value, by: str | None) -> None:
        """Begin or renew a lease, by writing a value. It must be on disk before the write leaves."""
        new = name not in self._ends
        self._set(name, now + seconds)
        self._takers[name] = next(self._number)
        self._values[name] = value
        self._pauses.pop(name, None)
        if new or (self._places.get(name), self._holders.get(name)) != (place, by):
            self._places[name], self._holders[name] = place, by
            self._facts.remember(LEASES, name, {"place": place, "by": by}, urgent=True)

    def end(self, name: str) -> None:
        """The lease is over: the safe value was written, or a write without a lease took its place."""
        self._pauses.pop(name, None)
        self._takers.pop(name, None)
        self._places.pop(name, None)
        self._holders.pop(name, None)
        self._values.pop(name, None)
        if self._ends.pop(name, None) is not None:
            self._facts.remember(LEASES, name, None, urgent=True)

    def next_end(self) -> float | None:
        """When the next lease runs out."""
        heap = self._heap
        while heap and self._ends.get(heap[0][1]) != heap[0][0]:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def due(self, now: float) -> str | None:
        """A tag whose lease has run out. Its safe value must be written, then ``end`` or ``retry`` called."""
        end = self.next_end()
        return self._heap[0][1] if end is not None and end <= now else None

    def settle(self, name: str) -> None:
        """The safe value is being written: the lease is not due meanwhile, and a renewal is told from it."""
        self._set(name, math.inf)

    def settling(self, name: str) -> bool:
        """Whether the safe value is still what this tag waits for: nobody has taken a new lease since."""
        return self._ends.get(name) == math.inf

    def put_back(self, name: str, before: Standing | None, now: float) -> None:
        """The write that began or renewed the lease was not sent: what was agreed before still holds."""
        if before is None:
            self.end(name)
            return
        if before.pause is not None:
            self._pauses[name] = before.pause
        if self._holders.get(name) != before.by:
            self._holders[name] = before.by
            self._facts.remember(LEASES, name, {"place": self._places.get(name), "by": before.by}, urgent=True)
        if before.value is None:
            self._values.pop(name, None)
        else:
            self._values[name] = before.value
        # Where the safe value was on its way nobody waits for it any more: it is due again.
        self._set(name, now if before.end == math.inf else before.end)

    def waiting(self) -> list[str]:
        """Tags whose safe value could not be written and is tried again after a pause."""
        return [name for name in self._pauses if self._ends[name] != math.inf]

    def hasten(self, name: str, now: float) -> None:
        """The device is there again: the safe value that waits for its retry is due, and pauses start anew."""
        del self._pauses[name]
        self._set(name, now)

    def retry(self, name: str, now: float, earliest: float = 0.0) -> None:
        """The safe value could not be written, or it is not known whether it was: try again after a pause."""
        pause = self._pauses.get(name, RETRY_S)
        self._pauses[name] = min(pause * 2, RETRY_MAX_S)
        self._set(name, max(now + pause, earliest))
