"""The mailbox: messages wait for their agent until they arrive or expire."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from gateway.core.eventlog import Message
from gateway.storage.event_settings import EventStoreSettings
from gateway.storage.settings import DAY
from tests.gateway.storage.conftest import TEN, Opener, World
from tests.gateway.storage.event_making import Events, entry, events_in, message


@pytest.fixture
async def events(opened: Opener, world: World) -> Events:
    return events_in(opened, world)


def numbers(found: list[Message]) -> list[int]:
    return [message.sequence for message in found]


async def test_one_mailbox_takes_a_quarter_of_what_all_may_take(events: Events) -> None:
    async with events() as store:
        empty, all_ = await store.mailbox.room_of("hvac-1"), await store.mailbox.room()
        assert empty == all_ // 4
        await store.log.append([message(1), message(2), message(3, "other-1")])
        taken = empty - await store.mailbox.room_of("hvac-1")
        assert taken > 0
        assert all_ - await store.mailbox.room() > taken
        for id_ in ("m-1", "m-2"):
            await store.mailbox.acknowledge(id_, TEN + 60)
        assert await store.mailbox.room_of("hvac-1") == empty


async def test_a_message_waits_for_its_agent_until_it_arrived(events: Events) -> None:
    async with events() as store:
        await store.log.append([entry(1), message(2), message(3, "other-1"), message(4, priority="urgent")])
    async with events() as store:
        assert await store.mailbox.waiting("hvac-1") == 2
        found = await store.mailbox.fetch("hvac-1", waiting_only=True, after=0, limit=10)
        assert found[0] == Message(
            "m-2", 2, "lights-1", "hvac-1", "text 2", "normal", "coordination", None, TEN + 2, TEN + 7 * DAY
        )
        assert (found[1].id, found[1].priority) == ("m-4", "urgent")
        assert await store.mailbox.acknowledge("m-2", TEN + 60)
        assert not await store.mailbox.acknowledge("m-2", TEN + 61)
        assert not await store.mailbox.acknowledge("m-unknown", TEN + 61)
    async with events() as store:
        assert await store.mailbox.waiting("hvac-1") == 1
        assert await store.mailbox.find("m-2") == replace(found[0], acknowledged=TEN + 60)
        assert await store.mailbox.find("m-unknown") is None


async def test_those_that_wait_may_take_a_quarter_of_the_file(events: Events) -> None:
    async with events(EventStoreSettings(size=2_000_000)) as store:
        empty = await store.mailbox.room()
        assert empty == 500_000
        await store.log.append([message(number) for number in range(1, 21)])
        assert 20 * 150 < empty - await store.mailbox.room() < 20 * 500
        for number in range(1, 21):
            await store.mailbox.acknowledge(f"m-{number}", TEN)
        assert await store.mailbox.room() == empty


async def test_messages_are_pulled_in_pages(events: Events) -> None:
    async with events() as store:
        await store.log.append([message(number, f"agent-{number % 2}") for number in range(1, 21)])
        for number in (2, 4, 8):
            await store.mailbox.acknowledge(f"m-{number}", TEN)
        fetch = store.mailbox.fetch
        assert numbers(await fetch("agent-0", waiting_only=False, after=0, limit=4)) == [2, 4, 6, 8]
        assert numbers(await fetch("agent-0", waiting_only=True, after=0, limit=3)) == [6, 10, 12]
        assert numbers(await fetch("agent-0", waiting_only=True, after=12, limit=3)) == [14, 16, 18]
        assert numbers(await fetch(None, waiting_only=False, after=17, limit=9)) == [18, 19, 20]
        assert numbers(await fetch("nobody", waiting_only=False, after=0, limit=9)) == []


async def test_what_expired_is_no_longer_there(events: Events, autojump_clock: MockClock) -> None:
    async with events() as store:
        await store.log.append([message(1, expires=TEN + 3600), message(2)])
        assert await store.mailbox.waiting("hvac-1") == 2
        await trio.sleep(3601)
        assert await store.mailbox.waiting("hvac-1") == 1
        assert await store.mailbox.find("m-1") is None
        assert numbers(await store.mailbox.fetch("hvac-1", waiting_only=False, after=0, limit=9)) == [2]


async def test_nothing_expires_by_a_clock_nobody_vouches_for(
    events: Events, world: World, autojump_clock: MockClock
) -> None:
    async with events() as store:
        # Written while the board thought it was 1970.
        await store.log.append([message(1, expires=1000.0, time=10.0, clock="unsynchronised")])
        assert await store.mailbox.waiting("hvac-1") == 1
        world.synchronised = False
        world.ahead = 365 * DAY
        await store.log.append([message(2)])
        assert await store.mailbox.waiting("hvac-1") == 2
        world.synchronised = True
        assert await store.mailbox.waiting("hvac-1") == 1
        world.ahead = 0.0
        assert await store.mailbox.waiting("hvac-1") == 2


async def test_a_waiting_message_stays_longer_than_events_do(events: Events, autojump_clock: MockClock) -> None:
    async with events(EventStoreSettings(upkeep=7200)) as store:
        await store.log.append([message(1, expires=TEN + 30 * DAY), message(2), entry(3)])
        await store.mailbox.acknowledge("m-2", TEN)
        await trio.sleep(8 * DAY)
        assert [event.sequence for event in await store.log.after(0, 10)] == [1]
        assert await store.mailbox.waiting("hvac-1") == 1
        await trio.sleep(23 * DAY)
        assert await store.log.after(0, 10) == []
