"""Rows in memory are those that came, whatever gives way or goes to the disk meanwhile."""

from __future__ import annotations

import tracemalloc
from collections import deque

import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from gateway.core.tags import Tag
from gateway.core.timeline import Era
from gateway.storage.waiting import Batch, Pending, Waiting

from .conftest import Opener, World

ERAS = [Era(1000.0, synchronised=False), Era(2000.0, synchronised=True)]
VALUES = (
    st.none() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | st.sampled_from([2**53, -(2**53)])
)
ROWS = st.builds(
    Pending,
    st.sampled_from(["l/d/a", "l/d/b", "l/d/c"]),
    st.floats(0.0, 1e9),
    st.sampled_from(ERAS),
    st.integers(0, 0x1F),
    VALUES,
)
# A row that comes, a batch that is taken for the disk, or the word that it is there.
STEPS = st.lists(ROWS | st.sampled_from(["take", "written"]), max_size=60)


class Simple:
    """The same, one object a row: what it is held against."""

    def __init__(self, most: int) -> None:
        self.rows: deque[Pending] = deque(maxlen=most)

    def written(self, batch: list[Pending]) -> None:
        """Let go of these very rows."""
        gone = {id(row) for row in batch}
        while self.rows and id(self.rows[0]) in gone:
            self.rows.popleft()


@given(STEPS, st.integers(1, 20))
@settings(max_examples=300)
def test_they_are_those_that_came(steps: list[Pending | str], most: int) -> None:
    rows, simple = Waiting(most), Simple(most)
    taken: tuple[Batch, list[Pending]] | None = None
    came = 0
    for step in steps:
        if isinstance(step, Pending):
            row = Pending(*step)  # each an object of its own
            rows.append(row)
            simple.rows.append(row)
            came += 1
        elif step == "take":
            taken = rows.batch(), list(simple.rows)
        elif taken is not None:
            rows.written(taken[0])
            simple.written(taken[1])
            taken = None
        if taken is not None:
            assert [*taken[0]] == taken[1]
            assert len(taken[0]) == len(taken[1])
        kept = [*simple.rows]
        assert [*rows.batch()] == kept
        assert [repr(row.value) for row in rows.batch()] == [repr(row.value) for row in kept]
        assert len(rows) == len(kept)
        assert [*rows.of("l/d/b")] == [row for row in kept if row.tag == "l/d/b"]
        assert rows.oldest == (kept[0].era.wall(kept[0].moment) if kept else None)
    assert rows.dropped <= came


def test_what_gives_way_is_counted_over_many_blocks() -> None:
    rows = Waiting(3000)
    for number in range(10_000):
        rows.append(Pending("l/d/a", float(number), ERAS[1], 0, number))
    assert (len(rows), rows.dropped) == (3000, 7000)
    assert [row.value for row in rows.batch()] == list(range(7000, 10_000))


def test_a_correction_of_the_clock_reaches_them() -> None:
    era = Era(0.0, synchronised=False)
    rows = Waiting(10)
    rows.append(Pending("l/d/a", 5.0, era, 0, 1.5))
    era.offset = 100.0
    assert rows.oldest == 105.0


async def test_while_the_budget_is_short_no_more_of_them_wait_than_make_writing_cheaper(
    opened: Opener, world: World, autojump_clock: MockClock
) -> None:
    async with opened() as storage, trio.open_nursery() as nursery:
        timeline = world.timeline()
        tags = world.tags(timeline, *(Tag(f"l/d/{number}", "float32") for number in range(1000)))
        cells = [cell for name in tags.names() if (cell := tags.cell(name))]
        nursery.start_soon(storage.record, tags, timeline)
        await trio.sleep(5.0)
        storage.budget.spend("others", 24_000_000)
        most = 0
        for second in range(30):
            await trio.sleep(1.0)
            tags.apply(cells, [float(second)] * len(cells), world.monotonic())
            await trio.testing.wait_all_tasks_blocked()
            assert storage.state().history == "seldom"
            most = max(most, storage.state().rows_waiting)
        assert 4096 <= most <= 4096 + 3000
        nursery.cancel_scope.cancel()


def test_tens_of_thousands_of_them_take_little_memory() -> None:
    rows = Waiting(50_000)
    names = [f"l/d/{number}" for number in range(1000)]
    tracemalloc.start()
    try:
        for number in range(60_000):
            rows.append(Pending(names[number % 1000], number / 8, ERAS[1], 0, number / 3))
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used < 50_000 * 30
