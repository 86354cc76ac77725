"""Events, deliveries and messages: the file ``events.db`` behind the contracts of ``core.eventlog``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import trio

from gateway.core.eventlog import NotKept
from gateway.storage.event_file import EventFile
from gateway.storage.event_log import StoredLog
from gateway.storage.event_settings import EventStoreSettings
from gateway.storage.event_shortage import Shortage
from gateway.storage.event_upkeep import EventUpkeep, SteadyClock
from gateway.storage.mailbox import StoredMailbox
from gateway.storage.outbox import StoredOutbox
from gateway.storage.outbox_registry import Registry
from gateway.storage.storage import Storage

EVENTS_FILE = "events.db"
# A commit writes every 4 KiB block of the log that its pages touch; measured in docs/storage.md.
_PAGE = 1024
# The tables that every delivery goes through; those of events only grow at their ends.
_SMALL_TABLES = ("kept", "gateway", "webhook", "cursor", "delivery")


@dataclass(frozen=True, slots=True)
class EventStoreStatus:
    """What is in the file.

    Attributes:
        size: bytes that hold something; None where that cannot be known now.
        limit: bytes it may take.
        messages: that wait for their agents; None where that cannot be known now.
        removed: how many events left the log since the start, for their ``age`` or to make ``room``.
    """

    size: int | None
    limit: int
    messages: int | None
    removed: dict[str, int]


class EventStore:
    """Open it with ``open_events``.

    Attributes:
        log: implements ``core.eventlog.EventLog``.
        outbox: implements ``core.eventlog.Outbox``.
        mailbox: implements ``core.eventlog.Mailbox``.
    """

    def __init__(self, file: EventFile, clock: SteadyClock, registry: Registry, shortage: Shortage) -> None:
        self._file = file
        self._upkeep = EventUpkeep(file, clock, shortage)
        self.log = StoredLog(file)
        self.outbox = StoredOutbox(file, registry)
        self.mailbox = StoredMailbox(file, clock.now)

    async def open(self) -> None:
        """Open the file; ``open_events`` does it.

        Raises:
            NewerSchema: a newer version of the gateway wrote it.
        """
        await self._file.open()

    async def run(self) -> None:
        """Keep the file within its limits of age and size, for ever."""
        await self._upkeep.run()

    async def status(self) -> EventStoreStatus:
        """How large the file is, and what is in it."""
        size: int | None = None
        messages: int | None = None
        with suppress(NotKept):
            size, messages = await self._file.used(), await self.mailbox.waiting_for_all()
        return EventStoreStatus(size, self._file.settings.size, messages, dict(self._file.removed))


@asynccontextmanager
async def open_events(
    storage: Storage,
    *,
    settings: EventStoreSettings | None = None,
    wall: Callable[[], float],
    monotonic: Callable[[], float] = trio.current_time,
    synchronised: Callable[[], bool] = lambda: True,
    used: int = 0,
) -> AsyncIterator[EventStore]:
    """Open the file of events beside the other files of an open store.

    No trouble of the disk keeps it from opening: then everything raises ``NotKept`` until the disk is well again. Start
    ``EventStore.run`` in a nursery inside of the block.

    Args:
        storage: the store, open for as long as the block.
        settings: limits and intervals.
        wall: Unix seconds.
        monotonic: seconds of the run loop's clock.
        synchronised: whether somebody vouches for the wall clock; nothing is too old while nobody does.
        used: numbers of events up to this one may have been used before this start.

    Raises:
        NewerSchema: a newer version of the gateway wrote the file.
    """
    settings = settings or EventStoreSettings()
    registry = Registry(storage.facts)
    database = storage.another_file(EVENTS_FILE, "events", _PAGE, _SMALL_TABLES)
    store = EventStore(
        EventFile(database, settings, registry, used),
        SteadyClock(wall, synchronised, monotonic, settings.steady),
        registry,
        Shortage(storage.announce, monotonic, settings.size),
    )
    await store.open()
    yield store
