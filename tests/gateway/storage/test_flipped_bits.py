"""A bit that flips within a row is nothing SQLite notices: what contradicts itself is no value, and stops nobody."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from gateway.core.reading import Quality, Value
from gateway.core.tags import Tag
from gateway.storage.rows import pack, stored
from gateway.storage.storage import CONTROL_FILE, HISTORY_FILE
from gateway.storage.upkeep import Correcting

from .conftest import Opener, World
from .recording import HOUR, Recording, values

TAGS = (
    Tag("l/d/text", "string", stale_after=1e9),
    Tag("l/d/wide", "uint64", stale_after=1e9),
    Tag("l/d/flag", "bool", stale_after=1e9),
    Tag("l/d/number", "float64", stale_after=1e9),
)


async def fill(opened: Opener, world: World, rounds: int) -> None:
    async with opened() as storage, trio.open_nursery() as nursery:
        recording = Recording(world, storage, *TAGS)
        await nursery.start(recording.run)
        for number in range(rounds):
            recording.say(f"text {number}", "l/d/text")
            recording.say(2**63 + number, "l/d/wide")
            recording.say(number % 2 == 0, "l/d/flag")
            recording.say(number / 7, "l/d/number")
            await trio.sleep(1000.0)
        nursery.cancel_scope.cancel()


async def live(opened: Opener, world: World) -> Recording:
    """Start on what is there, look at all of it, and do the housework of an hour."""
    async with opened() as storage, trio.open_nursery() as nursery:
        recording = Recording(world, storage, *TAGS)
        await storage.restore(recording.tags)
        await nursery.start(recording.run)
        for tag in TAGS:
            for resolution in (None, 60.0, 3600.0):
                await recording.ask(resolution, name=tag.name)
        await trio.sleep(1.1 * HOUR)
        nursery.cancel_scope.cancel()
    return recording


@pytest.mark.parametrize("bit", range(4))
async def test_a_state_of_which_a_bit_flipped(
    opened: Opener, world: World, autojump_clock: MockClock, tmp_path: Path, bit: int
) -> None:
    await fill(opened, world, 6)
    for name, tables in ((CONTROL_FILE, ("last_value",)), (HISTORY_FILE, ("recent", "raw"))):
        with sqlite3.connect(tmp_path / name) as file:
            for table in tables:
                file.execute(
                    f"UPDATE {table} SET state = (state | ?1) - (state & ?1)",  # noqa: S608 - words of this test
                    (1 << bit,),
                )
        file.close()
    await live(opened, world)


async def test_what_is_no_value_is_not_shown_as_one(
    opened: Opener, world: World, autojump_clock: MockClock, tmp_path: Path
) -> None:
    await fill(opened, world, 1)
    with sqlite3.connect(tmp_path / HISTORY_FILE) as file:
        # Text that is called a number.
        file.execute("UPDATE recent SET state = 0 WHERE value = 'text 0'")
    with sqlite3.connect(tmp_path / CONTROL_FILE) as control:
        control.execute("UPDATE last_value SET state = 0 WHERE value = 'text 0'")
    file.close()
    control.close()
    async with opened() as storage:
        recording = Recording(world, storage, *TAGS)
        await storage.restore(recording.tags)
        assert set(values(await recording.ask(name="l/d/text"))) == {None}
        assert values(await recording.ask(name="l/d/wide"))[-2:] == [2**63, None]
        said = {reading.tag: reading.last_value for reading in recording.tags.snapshot()}
        assert said == {"l/d/text": None, "l/d/wide": 2**63, "l/d/flag": True, "l/d/number": 0.0}


async def test_an_era_of_a_million_years_does_not_hold_up_the_writer(
    opened: Opener, world: World, autojump_clock: MockClock, tmp_path: Path
) -> None:
    await fill(opened, world, 6)
    with sqlite3.connect(tmp_path / HISTORY_FILE) as file:
        (first,) = file.execute("SELECT min(hour) * 3600000 FROM raw").fetchone()
        file.execute("UPDATE raw SET state = state | 16 | 5 << 8 WHERE hour = (SELECT min(hour) FROM raw)")
        file.execute("INSERT INTO era VALUES (5, 'boot-1', 0, ?, ?, 1000)", (first, first | 1 << 58))
        # Nothing but an end comes of a step in which everything has been moved.
        while Correcting(1000).step(file):
            pass
        assert file.execute("SELECT count(*) FROM era").fetchone() == (0,)
        assert file.execute("SELECT count(*) FROM raw WHERE state & 16").fetchone() == (0,)
    file.close()


async def test_any_bit_of_the_rows(opened: Opener, world: World, autojump_clock: MockClock, tmp_path: Path) -> None:
    await fill(opened, world, 12)
    sound = {name: (tmp_path / name).read_bytes() for name in (CONTROL_FILE, HISTORY_FILE)}
    random_ = random.Random(11)
    for _ in range(5):
        for name, content in sound.items():
            damaged = bytearray(content)
            # Behind the first page: what is in there SQLite itself looks at.
            damaged[random_.randrange(1024 if name == CONTROL_FILE else 4096, len(content))] ^= 1 << random_.randrange(
                8
            )
            (tmp_path / name).write_bytes(damaged)
        await live(opened, world)


@given(
    state=st.integers(0, 1 << 12),
    value=st.one_of(st.none(), st.integers(-(1 << 63), (1 << 63) - 1), st.floats(), st.text(), st.binary()),
)
def test_a_row_is_a_value_or_says_that_it_has_none(state: int, value: object) -> None:
    row = stored(0, state, value)
    restored = row.restore()
    assert (restored is None) == (row.quality is Quality.BAD)
    row.number()


@given(value=st.one_of(st.booleans(), st.integers(-(10**30), 10**30), st.floats(allow_nan=False), st.text()))
def test_what_was_packed_is_stored_as_it_was(value: Value) -> None:
    for quality in Quality:
        row = stored(0, *pack(value, quality))
        assert row == (0, *pack(value, quality))
