"""What grows and what is kept: memory, tasks, the history against the changes, and the write budget."""

from __future__ import annotations

import gc
import sys
from collections import Counter, deque

import trio

from gateway.core.ports import Json
from gateway.core.reading import Quality, Reading
from gateway.storage import StoreSettings
from tests.sim.site import Site

WARM_UP_S = 120.0
MEASURE_EVERY_S = 30.0
# What may come and go: rows waiting for the disk, orders, quarantines, caches of values.
MORE_BLOCKS = 40_000
MORE_OBJECTS = 6_000
MORE_TASKS = 12
DAY_S = 86_400.0
KEPT_CHANGES = 2000
# A reading with its sample, an exchange with its times.
BLOCKS_EACH, OBJECTS_EACH = 6, 2
# The write budget's own rules (``storage.budget``): free at once, spread over the day, and the steps by which
# history gives way; facts never do, and a flush that has begun is finished.
HEAD_START, SPREAD, STEPS = 0.10, 0.80, 0.15


class Ledger:
    """Measures memory and keeps the books on the disk."""

    def __init__(self, site: Site, settings: StoreSettings) -> None:
        self._site = site
        self._settings = settings
        self._first: tuple[int, int, int] | None = None
        self.kept: dict[str, deque[Reading]] = {
            name: deque(maxlen=KEPT_CHANGES)
            for name in list(site.plant.points)[:: max(1, len(site.plant.points) // 24)]
        }
        self.growth = (0, 0, 0)
        self.rows = 0

    async def measure(self) -> None:
        """Compare the process with what it was when all had settled, for ever."""
        await trio.sleep(WARM_UP_S)
        while True:
            gc.collect()
            # What the simulation itself keeps, and rows that wait for the disk, are no leak: a few objects each.
            waiting = _number(self._site.storage.history.status()["in_memory"])
            own = sum(map(len, self.kept.values())) + sum(line.witness.kept for line in self._site.site_lines.values())
            seen = (
                sys.getallocatedblocks() - BLOCKS_EACH * (waiting + own),
                len(gc.get_objects()) - OBJECTS_EACH * own - waiting,
                trio.lowlevel.current_statistics().tasks_living,
            )
            first = self._first = self._first or seen
            self.growth = (seen[0] - first[0], seen[1] - first[1], seen[2] - first[2])
            if self.growth[0] > MORE_BLOCKS or self.growth[1] > MORE_OBJECTS or self.growth[2] > MORE_TASKS:
                self._site.broken(
                    "memory",
                    f"grew by {self.growth[0]} blocks, {self.growth[1]} objects and {self.growth[2]} tasks "
                    f"since second {WARM_UP_S:g}",
                )
            self._check_budget()
            await trio.sleep(MEASURE_EVERY_S)

    def _check_budget(self) -> None:
        """What can give way has given way in time; facts (leases, in this plant) never do."""
        budget = self._site.storage.budget
        parts = budget.status()["parts"]
        assert isinstance(parts, dict)
        history = budget.used - _number(parts.get("facts", 0))
        passed = trio.current_time() % DAY_S / DAY_S
        allowed = self._settings.write_budget * (HEAD_START + SPREAD * passed + STEPS + 0.05)
        if history > allowed:
            self._site.broken("the write budget", f"{history} bytes of history, {allowed:.0f} are allowed by now")

    async def compare(self) -> None:
        """Every row of the history is a change that was seen; and with budget to spare, every change is a row."""
        history = self._site.storage.history
        await history.flush()
        status = history.status()
        complete = not status["thinned"] and not status["dropped"]
        for tag, readings in self.kept.items():
            seen = {_row(reading) for reading in readings if _is_recorded(reading)}
            samples = await history.samples(tag, 0.0, 1e10, None, 100_000)
            good = {(round(sample.time * 1000), sample.value) for sample in samples if sample.quality == "good"}
            # Times that are corrected on disk are whole milliseconds before and after: one may be lost on the way.
            rows = {(round(sample.time * 1000), sample.value) for sample in samples if sample.quality == "good"}
            self.rows += len(good)
            invented = good - seen
            # The heartbeat and a withheld value are read from the store: their value was seen, at another time.
            values = {value for _, value in seen}
            whole = len(readings) < KEPT_CHANGES
            if whole and any(value not in values for _, value in invented):
                self._site.broken(tag, f"history has rows that were never seen: {sorted(invented, key=str)[:3]}")
            lacking = {row for row in seen if not any((row[0] + more, row[1]) in rows for more in (-1, 0, 1))}
            # A clock that is set back shows a millisecond twice; the row of that time is one of the two.
            twice = {time for time, number in Counter(time for time, _ in seen).items() if number > 1}
            lacking = {row for row in lacking if row[0] not in twice}
            if complete and lacking:
                self._site.broken(tag, f"history lacks changes: {sorted(lacking, key=str)[:3]}")


def _number(value: Json) -> int:
    assert isinstance(value, int)
    return value


def _is_recorded(reading: Reading) -> bool:
    return reading.quality is Quality.GOOD and reading.sample is not None


def _row(reading: Reading) -> tuple[int, object]:
    assert reading.sample is not None
    return round(reading.sample.wall * 1000), reading.value
