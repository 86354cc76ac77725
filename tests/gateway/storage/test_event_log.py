"""The log of events: what was taken is there in order, over restarts, and every doubt is told."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
import trio
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.core.eventlog import Entry, KeptWebhook, NotKept, Priority
from gateway.core.events import Data, Event, uuid7
from gateway.storage.event_rows import add, full_id, gateways_of, read, rows_between, short_id, write
from gateway.storage.event_store import EVENTS_FILE
from gateway.storage.migrate import migrate, packaged_steps
from gateway.storage.wal_meter import WalMeter
from tests.gateway.storage.conftest import TEN, Opener, World
from tests.gateway.storage.event_making import Events, entry, events_in, message


@pytest.fixture
async def events(opened: Opener, world: World) -> Events:
    return events_in(opened, world)


def numbers(found: Sequence[Event]) -> list[int]:
    return [event.sequence for event in found]


async def test_events_of_all_priorities_come_back_in_the_order_of_their_numbers(events: Events) -> None:
    kept = [entry(number, priority=Priority(number % 4)) for number in range(1, 40)]
    kept += [message(40), entry(41, data={"ü": [1, None, {"x": 2.5}]}, routing_key="a.b", clock="unsynchronised")]
    async with events() as store:
        await store.log.append(kept[:20])
        await store.log.append(kept[20:])
        assert store.log.last == 41
    async with events() as store:
        assert (store.log.first, store.log.last) == (1, 41)
        assert await store.log.after(0, 100) == [entry.event for entry in kept]
        assert numbers(await store.log.after(7, 3)) == [8, 9, 10]
        assert await store.log.after(41, 10) == []
        assert await store.log.find(41) == kept[-1].event
        assert await store.log.find(42) is None


async def test_a_stretch_of_time_is_found_in_pages(events: Events) -> None:
    async with events() as store:
        await store.log.append([entry(number, priority=Priority(number % 3)) for number in range(1, 101)])
        first = await store.log.between(TEN + 10, TEN + 30, 0, 15)
        assert numbers(first) == list(range(10, 25))
        assert numbers(await store.log.between(TEN + 10, TEN + 30, 24, 15)) == list(range(25, 31))


async def test_an_event_handed_over_twice_is_kept_once(events: Events) -> None:
    async with events() as store:
        same, again = entry(1), message(2)
        await store.log.append([same, again])
        await store.mailbox.acknowledge("m-2", TEN)
        await store.log.append([same, again, entry(3)])
        assert numbers(await store.log.after(0, 10)) == [1, 2, 3]
        assert await store.mailbox.waiting("hvac-1") == 0


async def test_a_number_that_is_late_still_has_its_place(events: Events) -> None:
    async with events() as store:
        await store.log.append([entry(5)])
        await store.log.append([entry(3, priority=Priority.LOW), entry(4)])
        assert numbers(await store.log.after(0, 10)) == [3, 4, 5]
        assert store.log.last == 5


async def test_what_is_appended_at_the_same_time_shares_commits(opened: Opener, world: World) -> None:
    async with events_in(opened, world)(inline=False, run=False) as store:
        begun = store._file._database._budget.commits
        async with trio.open_nursery() as nursery:
            for number in range(1, 101):
                nursery.start_soon(store.log.append, [entry(number)])
        assert numbers(await store.log.after(0, 1000)) == list(range(1, 101))
        assert store._file._database._budget.commits - begun <= 3


def deep(levels: int) -> list[object]:
    value: list[object] = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"x": object}, {"x": "<class 'object'>"}),
        (
            {"x": ["\ud800", {"\udfff": 1.5, "n": [None, True, 2**70]}]},
            {"x": ["?", {"?": 1.5, "n": [None, True, 2**70]}]},
        ),
        ({"x": {1, 2}.isdisjoint, "y": (1, "a")}, {"y": [1, "a"]}),
    ],
)
async def test_data_that_is_no_json_is_kept_as_well_as_it_can_be(events: Events, given: Data, kept: Data) -> None:
    async with events() as store:
        await store.log.append([entry(1), entry(2, data=given, routing_key="a.\ud800"), entry(3)])
        found = await store.log.after(0, 10)
        assert numbers(found) == [1, 2, 3]
        assert found[1].data.items() >= kept.items()
        assert found[1].routing_key == "a.?"


async def test_a_page_of_large_events_is_a_short_one(events: Events) -> None:
    large = {"text": "x" * 48_000}
    async with events() as store:
        await store.log.append([entry(number, data=large) for number in range(1, 41)])
        pages, after = [], 0
        while page := await store.log.after(after, 500):
            pages.append(numbers(page))
            after = page[-1].sequence
        assert [number for page in pages for number in page] == list(range(1, 41))
        assert all(len(page) <= 2 for page in pages)
        assert len(await store.log.between(0, TEN * 2, 0, 500)) == len(pages[0])


async def test_data_without_end_is_cut(events: Events) -> None:
    async with events() as store:
        await store.log.append([entry(1, data={"x": deep(100_000)}), entry(2)])
        found = await store.log.after(0, 10)
        assert numbers(found) == [1, 2]
        assert "nested too deep" in str(found[0].data)


async def test_whoever_is_cancelled_holds_up_nobody(opened: Opener, world: World) -> None:
    async with events_in(opened, world)(inline=False, run=False) as store:
        await store.log.append([entry(1000)])
        for number in range(20):
            async with trio.open_nursery() as nursery:
                for part in range(5):
                    nursery.start_soon(store.log.append, [entry(1 + number * 10 + part)])
                with trio.CancelScope() as scope:
                    scope.cancel()
                    await store.log.append([entry(1 + number * 10 + 5)])
        found = numbers(await store.log.after(0, 1000))
        assert {1 + number * 10 + part for number in range(20) for part in range(5)} <= set(found)


async def test_a_new_file_does_not_claim_to_reach_back(events: Events) -> None:
    async with events(used=500) as store:
        assert (store.log.first, store.log.last) == (501, 0)
        await store.log.append([entry(600)])
    async with events(used=10_600) as store:
        assert (store.log.first, store.log.last) == (501, 600)


async def test_an_event_with_a_flipped_bit_is_left_out_and_not_believed(events: Events, tmp_path: Path) -> None:
    async with events() as store:
        await store.log.append([entry(number) for number in range(1, 6)])
    with closing(sqlite3.connect(tmp_path / EVENTS_FILE)) as connection, connection:
        connection.execute("UPDATE event_normal SET data = CAST(? AS BLOB) WHERE seq = 3", (b'{"n":7}',))
        connection.execute("UPDATE event_normal SET type = 'alarm:raisee' WHERE seq = 4")
    async with events() as store:
        assert numbers(await store.log.after(0, 2)) == [1, 2]
        assert numbers(await store.log.after(2, 2)) == [5]


async def test_the_budget_never_holds_an_event_back(events: Events, world: World) -> None:
    async with events() as store:
        store._file._database._budget.spend("history", 10**12)
        await store.log.append([entry(1)])
        assert numbers(await store.log.after(0, 2)) == [1]
        assert store._file._database._budget.spent("events") > 0


class FailingMeter(WalMeter):
    """Stands for a disk that took a commit and then says that it did not."""

    def appended(self) -> int:
        raise OSError(errno.EIO, "Input/output error")


async def test_a_refused_event_that_the_disk_took_all_the_same_is_not_there(events: Events, tmp_path: Path) -> None:
    async with events() as store:
        await store.log.append([entry(1)])
        await store.outbox.save(KeptWebhook("wh-1", {}, 0))
        database = store._file._database
        meter = database._meter
        # The commit is done; what fails is only the look at what it wrote.
        database._meter = FailingMeter(tmp_path / EVENTS_FILE)
        with pytest.raises(NotKept, match="the disk reports errors"):
            await store.log.append([entry(2), message(3)])
        database._outage.try_now()
        with pytest.raises(NotKept, match="the disk reports errors"):
            await store.outbox.save(KeptWebhook("wh-refused", {}, 0))
        database._meter = meter
        assert numbers(await store.log.after(0, 10)) == [1]
        assert await store.mailbox.waiting("hvac-1") == 0
        database._outage.try_now()
        await store.log.append([entry(4)])
        assert numbers(await store.log.after(0, 10)) == [1, 4]
        assert [webhook.id for webhook in await store.outbox.webhooks()] == ["wh-1"]
    with closing(sqlite3.connect(tmp_path / EVENTS_FILE)) as connection:
        assert connection.execute("SELECT count(*) FROM message").fetchone() == (0,)


@given(st.one_of(st.uuids().map(str), st.text(max_size=40), st.uuids().map(lambda id_: str(id_).upper())))
def test_an_id_comes_back_as_it_was(id_: str) -> None:
    assert full_id(short_id(id_)) == id_
    assert len(short_id(uuid7(TEN))) == 16


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@example({}, -0.0, None)
@given(st.dictionaries(st.text(max_size=8), _JSON, max_size=4), st.floats(-1e9, 1e10), st.none() | st.text(max_size=9))
def test_any_event_comes_back_as_it_was(data: dict[str, object], time: float, routing_key: str | None) -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection, Path("x"), packaged_steps("events"))
        made = Entry(Event(uuid7(0.0), "gw", 7, "user:action", time, "synchronised", data, routing_key), Priority.LOW)
        add(connection, [write(made)])
        (row,) = rows_between(connection, 0, 100)
        assert read(row, gateways_of(connection)) == made.event
