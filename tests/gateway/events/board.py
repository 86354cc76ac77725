"""A disk that can be slow, in trouble, and looked into."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import trio

from gateway.core.alerts import Alerts
from gateway.core.bus import Bus, Subscription
from gateway.core.eventlog import Entry, NotKept
from gateway.core.events import Event, EventSource
from gateway.core.timeline import Timeline
from gateway.events.journal import Journal

NOON = 1_800_000_000.0


class Disk:
    """An event log in memory.

    Attributes:
        writes: what each append that went well brought.
        tries: how many appends there were.
        slowness: seconds an append takes.
        trouble: why the next appends fail; None where they do not.
        looks: called in the middle of each append.
    """

    def __init__(self) -> None:
        self.writes: list[list[Entry]] = []
        self.tries = 0
        self.slowness = 0.0
        self.trouble: str | Exception | None = None
        self.looks: list[Callable[[Sequence[Entry]], None]] = []
        self.dropping: list[Callable[[Sequence[Event]], None]] = []
        self.first = 0

    @property
    def last(self) -> int:
        return self.numbers[-1] if self.writes else 0

    @property
    def events(self) -> list[Event]:
        return [entry.event for write in self.writes for entry in write]

    @property
    def numbers(self) -> list[int]:
        return [event.sequence for event in self.events]

    @property
    def types(self) -> list[str]:
        return [event.type for event in self.events]

    async def append(self, entries: Sequence[Entry]) -> None:
        self.tries += 1
        for look in self.looks:
            look(entries)
        await trio.sleep(self.slowness)
        if isinstance(self.trouble, Exception):
            raise self.trouble
        if self.trouble is not None:
            raise NotKept(self.trouble)
        self.writes.append(list(entries))

    async def after(self, sequence: int, limit: int) -> list[Event]:
        return [event for event in self.events if event.sequence > sequence][:limit]

    async def between(self, start: float, end: float, after: int, limit: int) -> list[Event]:
        return [event for event in self.events if start <= event.time <= end and event.sequence > after][:limit]

    async def find(self, sequence: int) -> Event | None:
        return next((event for event in self.events if event.sequence == sequence), None)


class Board:
    """A journal on a disk, with one listener that hears all; call it inside the run loop."""

    def __init__(self) -> None:
        self.disk = Disk()
        self.bus: Bus[Event] = Bus()
        self.timeline = Timeline(trio.current_time, lambda: NOON + trio.current_time(), lambda: True)
        self.source = EventSource("gw", self.timeline, 0, reserve=lambda _: None, stride=1000)
        self.alerts = Alerts(self.timeline.now, self._announce, lambda: "alert-1")
        self.journal = Journal(self.source, self.bus, self.disk, self.alerts)
        self._heard: list[Event] = []
        self._ear = Subscription[Event](1_000_000)
        self.bus._subscriptions.append(self._ear)

    def _announce(self, type_: str, data: dict[str, object]) -> None:
        self.journal.announce(type_, data)

    @property
    def told(self) -> list[Event]:
        """What has been told so far."""
        while (event := self._ear.receive_nowait()) is not None:
            self._heard.append(event)
        return list(self._heard)

    @property
    def numbers(self) -> list[int]:
        """Of what has been told so far."""
        return [event.sequence for event in self.told]

    @property
    def types(self) -> list[str]:
        """Of what has been told so far."""
        return [event.type for event in self.told]

    @property
    def alert_states(self) -> list[tuple[object, object]]:
        """Of the alerts that have been told so far."""
        return [(event.data["metric"], event.data["state"]) for event in self.told if event.type == "system:alert"]


@asynccontextmanager
async def running() -> AsyncIterator[Board]:
    """A board whose journal runs until the block ends; then it is told to stop, and waited for."""
    board = Board()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(board.journal.run)
        yield board
        nursery.cancel_scope.cancel()


def event_of(number: int, type_: str = "user:action", **data: object) -> Event:
    """An event with a number of one's choice."""
    return Event(f"id-{number}", "gw", number, type_, NOON, "synchronised", data)
