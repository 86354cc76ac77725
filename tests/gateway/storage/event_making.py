"""Events, deliveries and messages for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import trio

from gateway.core import rfc3339
from gateway.core.eventlog import Attempt, Delivery, DeliveryStatus, Entry, Priority
from gateway.core.events import Data, Event, uuid7
from gateway.storage import StoreSettings, open_storage
from gateway.storage.event_settings import EventStoreSettings
from gateway.storage.event_store import EventStore, open_events
from tests.gateway.storage.conftest import TEN, Opener, World


def entry(
    sequence: int,
    *,
    priority: Priority = Priority.NORMAL,
    type_: str = "alarm:raised",
    time: float | None = None,
    clock: str = "synchronised",
    data: Data | None = None,
    routing_key: str | None = None,
) -> Entry:
    """An event to be kept; without a time it happened as many seconds after ten as its number says."""
    time = TEN + sequence if time is None else time
    data = {"n": sequence} if data is None else data
    return Entry(Event(uuid7(time), "gw-1", sequence, type_, time, clock, data, routing_key), priority)


def message(
    sequence: int,
    to_agent: str = "hvac-1",
    *,
    priority: str = "regular",
    expires: float = TEN + 7 * 86400,
    clock: str = "synchronised",
    time: float | None = None,
) -> Entry:
    """A message to be kept; its id is ``m-`` and its number."""
    data = {
        "message_id": f"m-{sequence}",
        "from_agent": "lights-1",
        "to_agent": to_agent,
        "content": f"text {sequence}",
        "priority": priority,
        "category": "coordination",
        "correlation_id": None,
        "expires_at": rfc3339.text(expires),
    }
    return entry(sequence, priority=Priority.HIGH, type_="message:received", data=data, clock=clock, time=time)


def delivery(
    number: int,
    sequence: int,
    status: DeliveryStatus = DeliveryStatus.DELIVERED,
    webhook: str = "wh-1",
    *,
    key: str | None = None,
    redelivery: bool = False,
) -> Delivery:
    """A delivery that was tried once, ``number`` seconds after ten."""
    at = TEN + number
    next_at, finished = (at + 5, None) if status is DeliveryStatus.WAITING else (None, at)
    return Delivery(
        f"d-{number}",
        webhook,
        sequence,
        uuid7(at),
        "alarm:raised",
        status,
        attempts=1,
        created=at,
        next_at=next_at,
        finished=finished,
        key=key,
        redelivery=redelivery,
    )


def attempt(number: int, try_: int = 1, status: int | None = 200, answer: str = "ok") -> Attempt:
    """An attempt of a delivery."""
    error = None if status is not None else "no answer within 15 s"
    headers = {"content-type": "application/json", "webhook-id": f"d-{number}"}
    return Attempt(f"d-{number}", try_, TEN + number + try_, 0.25, "10.0.0.7", headers, status, answer, error)


Events = Callable[..., AbstractAsyncContextManager[EventStore]]


def events_in(opened: Opener, world: World) -> Events:
    """Opens the store of this test and the file of events in it, and keeps house there."""

    @asynccontextmanager
    async def events(
        settings: EventStoreSettings | None = None,
        *,
        used: int = 0,
        inline: bool = True,
        run: bool = True,
        where: Path | None = None,
    ) -> AsyncIterator[EventStore]:
        async with (
            opened(inline=inline, **({} if where is None else {"where": where})) as storage,
            open_events(
                storage,
                settings=settings,
                wall=world.wall,
                synchronised=lambda: world.synchronised,
                used=used,
            ) as store,
            trio.open_nursery() as nursery,
        ):
            if run:
                nursery.start_soon(store.run)
            yield store
            nursery.cancel_scope.cancel()

    return events


@asynccontextmanager
async def store_in(directory: Path, settings: EventStoreSettings | None = None) -> AsyncIterator[EventStore]:
    """A file of events in a directory of its own, that nobody keeps house in; without threads."""
    world = World()
    async with (
        open_storage(
            directory,
            settings=StoreSettings(ballast=0),
            monotonic=world.monotonic,
            wall=world.wall,
            announce=world.announce,
            inline=True,
        ) as storage,
        open_events(storage, settings=settings, wall=world.wall) as store,
    ):
        yield store
