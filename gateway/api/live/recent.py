"""The last events that were published: a client that was away for a moment needs no disk for what it missed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from functools import cached_property

from gateway.api.live.frames import of_event
from gateway.core.events import Event
from gateway.core.weight import weight

# Events that are remembered, kept ones and others, and bytes of memory they may take.
MOST = 512
_MOST_BYTES = 4 * 1024 * 1024


class Published:
    """An event and, once anybody wants it, its frame."""

    def __init__(self, event: Event) -> None:
        self.event = event
        # Its frame may come on top of it.
        self.weight = 2 * weight(event.data)

    @cached_property
    def frame(self) -> bytes:
        """The WebSocket frame, the same for all."""
        return of_event(self.event)


class Recent:
    """Every event that was published after one with the number ``floor``.

    Args:
        floor: number of the last event before.

    Attributes:
        newest: number of the newest event that was published.
    """

    def __init__(self, floor: int) -> None:
        self.floor = self.newest = floor
        self._published: deque[Published] = deque()
        self._weight = 0

    def add(self, event: Event) -> Published:
        """Remember the next one."""
        published = Published(event)
        self._published.append(published)
        self._weight += published.weight
        self.newest = event.sequence
        while len(self._published) > MOST or self._weight > _MOST_BYTES:
            forgotten = self._published.popleft()
            self._weight -= forgotten.weight
            self.floor = forgotten.event.sequence
        return published

    def after(self, sequence: int) -> Iterator[Published]:
        """What has a higher number, oldest first."""
        return (published for published in self._published if published.event.sequence > sequence)

    def skip(self, sequence: int) -> None:
        """Events up to this number came before, or were missed: they are not here."""
        self._published.clear()
        self._weight = 0
        self.floor = self.newest = max(self.newest, sequence)
