"""What was counted is told as it was counted: over restarts, trouble of the disk, midnights, and 90 days."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from gateway.analytics.figures import Figures, percents, uptime
from gateway.analytics.ledger import KEEP_S, KEPT_DAYS, LOOK_S, MOST_CALLERS, InstanceLook, Ledger
from gateway.core.errors import GatewayError
from gateway.core.eventlog import NotKept
from gateway.core.plugins import KeptPlugin, KeptVersion, PluginStatus, Release
from gateway.core.usage import DAY_S, HOUR_S, Batch, Hour, PluginDay, SubjectDay
from gateway.storage.plugin_store import StoredPlugins, open_plugins
from gateway.storage.settings import StoreSettings
from gateway.storage.storage import open_storage
from gateway.storage.usage_store import StoredUsage

NOON = 20_000 * DAY_S + 12.0 * HOUR_S


class Clock:
    """The wall clock, which is the run loop's and can be set."""

    def __init__(self) -> None:
        self.ahead = NOON

    def __call__(self) -> float:
        return self.ahead + trio.current_time()


@asynccontextmanager
async def store_in(directory: Path, clock: Clock) -> AsyncIterator[StoredPlugins]:
    settings = StoreSettings(write_budget=200_000_000)
    async with (
        open_storage(directory, settings=settings, monotonic=trio.current_time, wall=clock, inline=True) as storage,
        open_plugins(storage) as store,
    ):
        yield store


class Board:
    """A gateway's ledger and figures over one directory, with instances and messages as a test sets them."""

    def __init__(self, store: StoredPlugins, clock: Clock) -> None:
        self.store = store
        self.looks: list[InstanceLook] = []
        self.sent = 0
        self.agents = 0
        self.region = ""
        self.usage = StoredUsage(store.database)
        self.ledger = Ledger(self.usage, clock, trio.current_time, lambda: self.looks, [lambda: self.sent])
        self.figures = Figures(
            self.ledger,
            store,
            known=lambda subject: subject != "user:nobody",
            region=lambda: self.region,
            agents=lambda: self.agents,
            wall=clock,
        )


@asynccontextmanager
async def board_in(directory: Path, clock: Clock) -> AsyncIterator[Board]:
    """One run of the gateway."""
    async with store_in(directory, clock) as store, trio.open_nursery() as nursery:
        board = Board(store, clock)
        nursery.start_soon(board.ledger.run)
        yield board
        nursery.cancel_scope.cancel()


def look(number: int = 1, **more: object) -> InstanceLook:
    plain = InstanceLook(
        instance=f"instance-{number}",
        plugin="meter",
        version="1.0.0",
        owner="user:ann",
        region="",
        wanted=True,
        up=True,
        invocations=0,
        errors=0,
        seconds=0.0,
        memory=None,
        peak=None,
        cpu=None,
    )
    return replace(plain, **more)  # type: ignore[arg-type]  # test data


def plugin(id_: str, downloads: int = 0) -> KeptPlugin:
    return KeptPlugin(
        id=id_,
        release=Release(name=id_, version="1.0.0"),
        publisher="user:ann",
        status=PluginStatus.ACTIVE,
        versions=(KeptVersion(version="1.0.0", created=NOON),),
        downloads=downloads,
        created=NOON,
        updated=NOON,
    )


async def test_where_nothing_was_measured_nothing_is_said(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with board_in(tmp_path, Clock()) as board:
        await board.store.add(plugin("meter"))
        everything = await board.figures.ecosystem(30)
        assert (everything.total_plugins, everything.active_instances, everything.active_users) == (1, 0, 0)
        assert everything.messages == (0, 0, 0)
        assert (everything.average_response, everything.error_rate, everything.regions) == (None, None, None)
        found = await board.figures.plugin("meter", None)
        assert found.sum == PluginDay()
        assert found.versions == {}
        with pytest.raises(GatewayError, match="no plugin gone"):
            await board.figures.plugin("gone", 30)
        with pytest.raises(GatewayError, match="no user nobody"):
            await board.figures.caller("user:nobody", 30)


async def test_calls_are_told_at_once_and_after_a_restart(tmp_path: Path, autojump_clock: MockClock) -> None:
    clock = Clock()
    async with board_in(tmp_path, clock) as board:
        for seconds in (0.1, 0.2, 0.3):
            board.ledger.call("user:ann", seconds, fault=False)
        board.ledger.call("client:panel", 0.4, fault=True)
        board.ledger.call("agent-6", 0.5, fault=False)
        board.ledger.call(None, 0.0, fault=False)
        before = await board.figures.ecosystem(1)
        assert before.average_response == pytest.approx(250)
        assert before.error_rate == pytest.approx(1 / 6)
        assert before.active_users == 2, "an agent is no user"
    async with board_in(tmp_path, clock) as board:
        after = await board.figures.ecosystem(1)
        assert (after.average_response, after.error_rate) == (before.average_response, before.error_rate)
        board.ledger.call("user:ann", 0.1, fault=False)
        board.looks = [look(1), look(2), look(3, owner="client:panel")]
        ann = await board.figures.caller("user:ann", 7)
        assert (ann.sum.calls, ann.sum.faults, ann.instances) == (4, 0, 2)
        assert ann.sum.last == pytest.approx(clock(), abs=1)


async def test_little_is_lost_with_the_power(tmp_path: Path, autojump_clock: MockClock) -> None:
    clock = Clock()
    kept: Mapping[int, SubjectDay] = {}
    async with store_in(tmp_path, clock) as store:
        usage = StoredUsage(store.database)
        ledger = Board(store, clock).ledger
        with trio.move_on_after(KEEP_S + 3 * LOOK_S):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ledger.run)
                while True:
                    ledger.call("user:ann", 0.001, fault=False)
                    await trio.sleep(1)
                    if trio.current_time() == KEEP_S + 2 * LOOK_S:
                        kept = await usage.subject("user:ann", 0)
        assert kept[20_000].calls >= KEEP_S - LOOK_S


async def test_what_a_disk_in_trouble_does_not_take_is_kept_later(tmp_path: Path, autojump_clock: MockClock) -> None:
    clock = Clock()

    class Troubled:
        """The store, which refuses for a while."""

        def __init__(self, store: StoredPlugins) -> None:
            self.usage, self.well = usage, False

        async def keep(self, batch: Batch, oldest_day: int) -> None:
            if not self.well:
                raise NotKept("the disk is full")
            await self.usage.keep(batch, oldest_day)

    async with store_in(tmp_path, clock) as store:
        usage = StoredUsage(store.database)
        troubled = Troubled(store)
        ledger = Ledger(troubled, clock, trio.current_time, lambda: (), ())  # type: ignore[arg-type]  # keeps only
        for _ in range(3):
            ledger.call("user:ann", 0.5, fault=False)
            await ledger.keep()
        assert await usage.callers(0) == []
        troubled.well = True
        ledger.call("user:ann", 0.5, fault=True)
        await ledger.keep()
        assert await usage.subject("user:ann", 0) == {20_000: SubjectDay(calls=4, faults=1, last=clock())}
        await ledger.keep()
        assert (await usage.subject("user:ann", 0))[20_000].calls == 4


async def test_volumes_are_of_the_time_they_name(tmp_path: Path, autojump_clock: MockClock) -> None:
    clock = Clock()
    async with board_in(tmp_path, clock) as board:
        for days, count in ((40, 1000), (25, 100), (5, 10), (0, 1)):
            clock.ahead = NOON - days * DAY_S - trio.current_time()
            board.ledger.look()
            board.sent += count
            board.ledger.call(f"user:{days}", 0.01, fault=days == 5)
            await trio.sleep(LOOK_S + 1)
        assert (await board.figures.ecosystem(30)).messages == (1, 11, 111)
        assert [(await board.figures.ecosystem(days)).active_users for days in (1, 7, 30, 90)] == [1, 2, 3, 4]
        assert [(await board.figures.ecosystem(days)).error_rate for days in (1, 7, 90)] == [0.0, 0.5, 0.25]


async def test_how_instances_did_is_summed_up_over_their_lives(tmp_path: Path, autojump_clock: MockClock) -> None:
    clock = Clock()
    mebi = 1024 * 1024
    async with board_in(tmp_path, clock) as board:
        await board.store.add(plugin("meter"))
        board.looks = [look(1, invocations=10, errors=1, seconds=2.0, memory=20 * mebi, peak=30 * mebi, cpu=1.0)]
        await trio.sleep(LOOK_S + 1)
        board.looks = [
            look(1, invocations=30, errors=2, seconds=6.0, memory=40 * mebi, peak=50 * mebi, cpu=4.0),
            look(2, version="2.0.0", up=False),
        ]
        await trio.sleep(LOOK_S)
        found = await board.figures.plugin("meter", None)
        assert (found.sum.invocations, found.sum.errors, found.sum.seconds) == (30, 2, 6.0)
        assert found.versions == {"1.0.0": 1, "2.0.0": 1}
        assert found.active == 1
        assert found.sum.memory / found.sum.looks > 20 * mebi
        assert found.sum.peak == 50 * mebi
        assert found.sum.cpu == 3.0
    async with board_in(tmp_path, clock) as board:
        board.looks = [look(1, invocations=5, seconds=1.0), look(2, version="2.0.0", up=False)]
        await trio.sleep(10 * LOOK_S + 1)
        again = await board.figures.plugin("meter", None)
        assert again.sum.invocations == 35, "a run of the gateway begins to count anew, the sum does not"
        assert 40 < 100 * again.sum.up / again.sum.wanted < 60, "one ran, the other did not"
        assert sum(again.versions.values()) == 2


async def test_after_ninety_days_only_the_sum_of_a_plugin_is_left(tmp_path: Path, autojump_clock: MockClock) -> None:
    clock = Clock()
    async with store_in(tmp_path, clock) as store:
        usage = StoredUsage(store.database)
        await store.add(plugin("meter"))
        board = Board(store, clock)
        for _ in range(3):
            board.looks = [look(1, invocations=7, peak=5)]
            board.ledger.look()
            board.ledger.call("user:ann", 0.01, fault=False)
            await board.ledger.keep()
            board.looks = []
            board.ledger.look()
            clock.ahead += (KEPT_DAYS - 10) * DAY_S
        await board.ledger.keep()
        found = await board.figures.plugin("meter", None)
        assert found.sum.invocations == 21
        assert found.sum.peak == 5
        assert len(found.days) == 1
        assert (await board.figures.plugin("meter", 90)).sum.invocations == 7
        assert list(await usage.subject("user:ann", 0)) == [20_160]
        assert len(await usage.hours(0)) <= 2


async def test_callers_without_end_take_no_memory_without_end(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with board_in(tmp_path, Clock()) as board:
        for number in range(MOST_CALLERS + 500):
            board.ledger.call(f"user:{number}", 0.01, fault=False)
        everything = await board.figures.ecosystem(1)
        assert everything.active_users == MOST_CALLERS
        assert everything.average_response == pytest.approx(10)


async def test_what_runs_here_stands_where_its_operator_says(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with board_in(tmp_path, Clock()) as board:
        board.agents = 3
        assert (await board.figures.ecosystem(30)).regions == {"Other": 100}
        board.region = "Europe"
        board.looks = [look(1, region="Asia"), look(2), look(3, region="Asia", up=False)]
        assert (await board.figures.ecosystem(30)).regions == {"Europe": 80, "Asia": 20}


@given(st.dictionaries(st.text(max_size=3), st.integers(1, 10**6), max_size=12))
def test_percents_are_whole_and_sum_up(counts: dict[str, int]) -> None:
    found = percents(counts)
    if not counts:
        assert found is None
        return
    assert found is not None
    assert sum(found.values()) == 100
    total = sum(counts.values())
    assert all(abs(found[name] - 100 * count / total) < 1 for name, count in counts.items())


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.integers(min_value=0, max_value=3599))
def test_uptime_is_the_share_of_the_time_it_ran(ran: list[bool], into: int) -> None:
    """Whole hours that it ran or did not, the last one as far as it has passed."""
    ran[0] = True
    hours = {number: Hour(up=HOUR_S) for number, up in enumerate(ran) if up}
    hours[len(ran)] = Hour(up=into)
    found = uptime(hours, 0, -100, len(ran) * HOUR_S + into)
    assert found == pytest.approx(100 * (sum(ran) * HOUR_S + into) / (len(ran) * HOUR_S + into))


def test_the_time_before_its_first_second_does_not_count_against_it() -> None:
    first = {5: Hour(up=600)}
    assert uptime(first, 5, 0, 6 * HOUR_S) == 100.0
    assert uptime({5: Hour(up=600), 6: Hour(up=1800)}, 5, 0, 7 * HOUR_S) == pytest.approx(100 * 2400 / 4200)
    assert uptime({5: Hour()}, 5, 0, 5.5 * HOUR_S) is None


@given(st.lists(st.lists(st.integers(0, 100), min_size=3, max_size=3), max_size=8))
def test_batches_sum_up_whatever_their_order(rows: list[list[int]]) -> None:
    def batch(row: Iterable[int]) -> Batch:
        a, b, c = row
        return Batch(
            hours={a % 3: Hour(calls=b, messages=c)},
            subjects={("x", a % 2): SubjectDay(calls=b, last=c)},
            plugins={("p", a % 2): PluginDay(invocations=b, peak=c)},
        )

    ahead, back = Batch(), Batch()
    for row in rows:
        ahead.add(batch(row))
    for row in reversed(rows):
        back.add(batch(row))
    assert ahead == back
