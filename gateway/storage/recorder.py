"""Listens to the tags and keeps rows in memory until they are written in one go.

A row stands at the moment from which on it is true: a value at its acquisition, bad quality when it was noticed, a
stale value when it became stale. What is told later than a newer row of its tag stands where it was told, so that rows
of a tag follow each other as its states did, and no row takes another one's place.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from gateway.core.bus import Cut
from gateway.core.ports import Json
from gateway.core.reading import Quality, Reading, Reason, Value
from gateway.core.tags import TagStore
from gateway.core.timeline import Era, Timeline
from gateway.storage.budget import Budget, Level
from gateway.storage.rows import Row, Stored, pack, with_clock
from gateway.storage.settings import DAY, Boot, StoreSettings
from gateway.storage.waiting import Batch, Pending, Waiting

# Between two rows of a tag while history is thinned, and between two looks for tags that said nothing new.
THINNED_S = 60.0
_QUEUE = 1024
# Rows handed to the database at once.
_SLICE = 256
# Between two rows of a tag, in seconds: rows keep milliseconds.
_APART = 0.001


@dataclass(slots=True)
class _Seen:
    """What was last recorded of a tag: ``at`` is when, ``moment`` the row's own time."""

    value: Value | None
    quality: Quality
    at: float
    moment: float
    withheld: bool = False


class Numbers(NamedTuple):
    """What rows of the database call tags, and eras by the day."""

    tags: dict[str, int]
    eras: dict[tuple[Era, float], int]


class Recorder:
    """Turns changes into rows.

    Args:
        settings: heartbeat and how many rows memory may hold.
        monotonic: seconds of the run loop's clock.
        budget: says how much detail the disk can take.
        boot: which boot of the board this is; its clock links the eras of processes of one boot.
    """

    def __init__(self, settings: StoreSettings, monotonic: Callable[[], float], budget: Budget, boot: Boot) -> None:
        self._settings = settings
        self._monotonic = monotonic
        self._budget = budget
        self._boot = boot
        self.origin = boot.uptime() - monotonic()
        self._rows = Waiting(settings.memory_rows)
        self._seen: dict[str, _Seen] = {}
        self._numbers = Numbers({}, {})
        self.recorded = 0
        self.thinned = 0

    async def run(self, tags: TagStore, timeline: Timeline) -> None:
        """Take every change of the tags, for ever; what a cut lost is read from the snapshot."""
        while True:
            with tags.changes.subscribe(_QUEUE) as subscription:
                self._take_all(tags, timeline)
                try:
                    while True:
                        changes = await subscription.receive()
                        for reading in changes.readings:
                            self._take(reading, tags, timeline)
                except Cut:
                    continue

    def beat(self, tags: TagStore, timeline: Timeline) -> None:
        """Record tags that had nothing new to say for the heartbeat, and what thinning withheld.

        A good value that was not read again has no heartbeat: nothing is known of it beyond what was recorded.
        """
        now = self._monotonic()
        thinned = self._budget.level >= Level.THINNED
        for reading in tags.snapshot():
            seen = self._seen.get(reading.tag)
            if seen is None:
                continue
            since = now - seen.at
            if since >= self._settings.heartbeat or (seen.withheld and (since >= THINNED_S or not thinned)):
                if (
                    reading.quality is Quality.GOOD is seen.quality
                    and reading.sample is not None
                    and reading.sample.acquired <= seen.moment
                ):
                    continue
                self._record(reading, tags, timeline, now)

    def end(self, tags: TagStore, timeline: Timeline) -> None:
        """What tags say from now on is not heard: end what is in force, lest it fill the time until the next start."""
        now = self._monotonic()
        for tag, seen in list(self._seen.items()):
            if seen.quality is not Quality.BAD:
                self._record(Reading(tag, None, Quality.BAD, None, None, None), tags, timeline, now)

    def _take_all(self, tags: TagStore, timeline: Timeline) -> None:
        for reading in tags.snapshot():
            seen = self._seen.get(reading.tag)
            if seen is None or (seen.value, seen.quality) != (reading.value, reading.quality):
                self._take(reading, tags, timeline)

    def _take(self, reading: Reading, tags: TagStore, timeline: Timeline) -> None:
        now = self._monotonic()
        seen = self._seen.get(reading.tag)
        if (
            seen is not None
            and seen.quality is reading.quality
            and now - seen.at < THINNED_S
            and self._budget.level >= Level.THINNED
        ):
            seen.withheld = True
            self.thinned += 1
            return
        self._record(reading, tags, timeline, now)

    def _record(self, reading: Reading, tags: TagStore, timeline: Timeline, now: float) -> None:
        sample = reading.sample
        # A bad reading keeps the time of its last good answer; that it is bad began now.
        if sample is None or reading.value is None:
            moment, era = now, timeline.era
        elif reading.reason is Reason.STALE:
            moment, era = tags.stale_since(reading), sample.era
        else:
            moment, era = sample.acquired, sample.era
        seen = self._seen.get(reading.tag)
        if seen is not None and moment < seen.moment + _APART:
            moment, era = max(now, seen.moment + _APART), timeline.era
        state, value = pack(reading.value, reading.quality)
        self._rows.append(Pending(reading.tag, moment, era, state, value))
        self._seen[reading.tag] = _Seen(reading.value, reading.quality, now, moment)
        self.recorded += 1

    def waiting(self, tag: str, start: int, stop: int) -> list[Row]:
        """Rows of a tag that are not on disk yet, with times from ``start`` to before ``stop`` (milliseconds)."""
        found = []
        for pending in self._rows.of(tag):
            time = milliseconds(pending.era.wall(pending.moment))
            if start <= time < stop:
                era = None if pending.era.synchronised else 0
                found.append(Row(time, with_clock(pending.state, era), pending.value))
        return found

    @property
    def waiting_rows(self) -> int:
        """How many rows are in memory."""
        return len(self._rows)

    @property
    def oldest_waiting(self) -> float | None:
        """Unix seconds of the oldest row in memory; None where there is none."""
        return self._rows.oldest

    def batch(self) -> Batch:
        """All rows in memory; they stay there until ``written`` says that they are on disk."""
        return self._rows.batch()

    def written(self, batch: Batch) -> None:
        """Let go of rows that are on disk. Some may have given way to newer ones meanwhile."""
        self._rows.written(batch)

    def forget_numbers(self) -> None:
        """The database is a new one: its tags and eras have no numbers yet."""
        self._numbers = Numbers({}, {})

    def store(self, connection: sqlite3.Connection, batch: Batch) -> Numbers:
        """Write rows; the job of a flush.

        Returns:
            The numbers of tags and eras, for ``keep_numbers`` once the transaction stands.
        """
        numbers = Numbers(dict(self._numbers.tags), dict(self._numbers.eras))
        stretches: dict[int, tuple[int, int]] = {}
        pending = iter(batch)
        # What is in memory twice is not much at a time.
        while rows := [self._columns(connection, row, numbers, stretches) for row in islice(pending, _SLICE)]:
            connection.executemany("INSERT INTO recent (tag, time, state, value) VALUES (?, ?, ?, ?)", rows)
        for era, (first, last) in stretches.items():
            connection.execute(
                "UPDATE era SET first = min(first, ?), last = max(last, ?) WHERE id = ?", (first, last, era)
            )
        return numbers

    def keep_numbers(self, numbers: Numbers) -> None:
        """Use these numbers from now on."""
        self._numbers = numbers

    def _columns(
        self,
        connection: sqlite3.Connection,
        pending: Pending,
        numbers: Numbers,
        stretches: dict[int, tuple[int, int]],
    ) -> tuple[int, int, int, Stored]:
        tag = numbers.tags.get(pending.tag)
        if tag is None:
            tag = numbers.tags[pending.tag] = _number_of(connection, pending.tag)
        time = milliseconds(pending.era.wall(pending.moment))
        if pending.era.synchronised:
            return tag, time, pending.state, pending.value
        # A number a day: what belongs to an era is found, and moved, by its stretch of time.
        key = (pending.era, pending.moment // DAY)
        era = numbers.eras.get(key)
        if era is None:
            era = numbers.eras[key] = self._begin_era(connection, pending.era, time)
        first, last = stretches.get(era, (time, time))
        stretches[era] = min(first, time), max(last, time)
        return tag, time, with_clock(pending.state, era), pending.value

    def _begin_era(self, connection: sqlite3.Connection, era: Era, time: int) -> int:
        distance = milliseconds(era.offset - self.origin)
        (number,) = connection.execute(
            "INSERT INTO era (boot, distance, first, last) VALUES (?, ?, ?, ?) RETURNING id",
            (self._boot.id, distance, time, time),
        ).fetchone()
        return int(number)

    def status(self) -> dict[str, Json]:
        """Counts since the start."""
        return {
            "recorded": self.recorded,
            "in_memory": len(self._rows),
            "dropped": self._rows.dropped,
            "thinned": self.thinned,
        }


def _number_of(connection: sqlite3.Connection, tag: str) -> int:
    connection.execute("INSERT OR IGNORE INTO tag (name) VALUES (?)", (tag,))
    (number,) = connection.execute("SELECT id FROM tag WHERE name = ?", (tag,)).fetchone()
    return int(number)


def milliseconds(seconds: float) -> int:
    """Seconds as the whole number of milliseconds that rows keep."""
    return round(seconds * 1000)
