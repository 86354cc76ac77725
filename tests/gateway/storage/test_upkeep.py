"""The history's housework can be cut short anywhere: nothing is lost, nothing doubled."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import trio
from trio.testing import MockClock

from gateway.core.ports import HistorySample
from gateway.core.tags import Tag
from gateway.storage import Boot, Storage, StoreSettings
from gateway.storage.hands import Inline, Stop

from .conftest import World

T = TypeVar("T")


class CutShort(Exception):  # noqa: N818 - not an error but the end
    """The process ended here."""


class MortalHands:
    """Does so many writes, and no more."""

    def __init__(self) -> None:
        self._hands = Inline()
        self.left: int | None = None

    async def write(self, job: Callable[[], T]) -> T:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise CutShort
        return await self._hands.write(job)

    async def read(self, job: Callable[[Stop], T]) -> T:
        return await self._hands.read(job)


async def test_upkeep_cut_short_after_any_step_is_done_again(
    world: World, tmp_path: Path, autojump_clock: MockClock
) -> None:
    hands = MortalHands()
    storage = Storage(
        tmp_path,
        settings=StoreSettings(ballast=0, slice_rows=20),
        hands=hands,
        monotonic=world.monotonic,
        wall=world.wall,
        announce=world.announce,
        boot=Boot("boot-1", world.monotonic),
    )
    await storage.open()
    names = [f"l/d/{number}" for number in range(3)]
    timeline = world.timeline()
    tags = world.tags(timeline, *(Tag(name, "float32", stale_after=1e9) for name in names))
    cells = [cell for name in names if (cell := tags.cell(name))]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(storage.record, tags, timeline)
        for number in range(110):
            await trio.sleep(30.0)
            tags.apply(cells, [float(number)] * 3, world.monotonic())
        await trio.sleep(31.0)
        nursery.cancel_scope.cancel()
    world.ahead = 3600.0

    async def ask(resolution: float | None = None) -> list[list[HistorySample]]:
        return [await storage.history.samples(name, 0.0, world.wall(), resolution, 10_000) for name in names]

    expected = await ask()
    # One before the first value, and one for the end of the recording.
    assert [len(samples) for samples in expected] == [112, 112, 112]
    allowed = 0
    while True:
        hands.left = allowed
        try:
            await storage.history.tidy(synchronised=True)
            break
        except CutShort:
            allowed += 1
        hands.left = None
        assert await ask() == expected
        # What is done in one life is not undone: let the next one begin where this one stopped.
        assert allowed < 100
    hands.left = None
    assert allowed > 5
    assert await ask() == expected
    for minutes in await ask(60.0):
        assert sum(sample.count for sample in minutes) == 110

    def left_over(connection: sqlite3.Connection) -> tuple[int, int]:
        (unsorted,) = connection.execute("SELECT count(*) FROM recent").fetchone()
        (buckets,) = connection.execute("SELECT count(*) FROM tier WHERE resolution = 60000").fetchone()
        return unsorted, buckets

    unsorted, buckets = await storage.history._database.read(left_over)
    assert unsorted == 0
    assert buckets > 150
    await storage.close()
