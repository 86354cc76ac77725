"""What the file of events holds, and what left it, for who looks from outside."""

from __future__ import annotations

from gateway.core.eventlog import Priority
from gateway.storage.event_settings import EventStoreSettings
from tests.gateway.storage.conftest import Opener, World
from tests.gateway.storage.event_making import entry, events_in, message
from tests.gateway.storage.test_event_room import SIZE, TEXT, bytes_of, numbers


async def test_what_is_in_the_file_and_what_went_for_room_is_known(opened: Opener, world: World) -> None:
    async with events_in(opened, world)(EventStoreSettings(size=SIZE, slice_rows=10), run=False) as store:
        before = await store.status()
        assert (before.limit, before.messages, before.removed) == (SIZE, 0, {"age": 0, "room": 0})
        most = 600
        for number in range(1, most + 1):
            await store.log.append([entry(number, priority=Priority(number % 4), data=TEXT)])
        status = await store.status()
        assert status.size == bytes_of(store)
        assert status.removed == {"age": 0, "room": most - len(await numbers(store))}
        assert status.removed["room"] > 0
        await store.log.append([message(most + 1), message(most + 2)])
        assert (await store.status()).messages == 2
