"""The layers of the history in the database: rows of every change, and tiers of buckets above them."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from gateway.storage.downsample import Bucket, coarsen, summarise
from gateway.storage.rows import Row, Stored, finite, replaces, stored
from gateway.storage.settings import Tier

# Rows lie hour by hour in the file, buckets by periods of so many.
HOUR_MS = 3_600_000
PERIOD = 60

_BAD, _UNCERTAIN, _UNSYNCHRONISED, _TEXT, _LAST = 1, 2, 4, 8, 16


class Layers:
    """Reads rows and buckets of a tag in the order of time, and computes buckets.

    Args:
        tiers: finest first.
        hold: milliseconds a value is in force without another row.
    """

    def __init__(self, tiers: tuple[Tier, ...], hold: int) -> None:
        self.sizes = tuple(round(tier.resolution * 1000) for tier in tiers)
        self.hold = hold

    @staticmethod
    def first_hour(connection: sqlite3.Connection, start: int, stop: int) -> tuple[int, int]:
        """The first hour with rows within a stretch, cut to it; an empty stretch at its end where there is none."""
        (hour,) = connection.execute("SELECT min(hour) FROM raw WHERE hour >= ?", (start // HOUR_MS,)).fetchone()
        if hour is None or hour * HOUR_MS >= stop:
            return stop, stop
        return max(start, hour * HOUR_MS), min(stop, (hour + 1) * HOUR_MS)

    def compute(self, connection: sqlite3.Connection, tag: int, start: int, stop: int, *, again: bool) -> int:
        """Compute the buckets of a stretch on all tiers.

        Args:
            connection: in a transaction.
            tag: number of the tag.
            start: milliseconds.
            stop: milliseconds, the end of the stretch.
            again: the stretch was computed before, rows in it have changed since.

        Returns:
            How many rows and buckets were read.
        """
        read = 0
        for level, size in enumerate(self.sizes):
            low = max(_down(start, size), _up(oldest(connection, 0 if level == 0 else self.sizes[level - 1]), size))
            high = _down(stop, size)
            if again:
                # The bucket after the stretch begins with what was in force at its end.
                (fed,) = connection.execute("SELECT fed FROM tag WHERE id = ?", (tag,)).fetchone()
                high = min(_up(stop + self.hold, size), _down(fed, size))
            if low >= high:
                continue
            if level == 0:
                rows = list(self.rows(connection, tag, low, high, before=True))
                read += len(rows)
                made = summarise(rows, size, self.hold, high)
            else:
                finer = self.sizes[level - 1]
                buckets = list(self.buckets(connection, level - 1, tag, low, high, before=True))
                read += len(buckets)
                made = coarsen(buckets, finer, size, self.hold, high)
            fresh = [_columns(size, tag, bucket) for bucket in made if bucket.start >= low]
            for period, first, last in _periods(low // size, high // size):
                connection.execute(
                    "DELETE FROM tier WHERE resolution = ? AND period = ? AND tag = ? AND bucket BETWEEN ? AND ?",
                    (size, period, tag, first, last),
                )
            connection.executemany("INSERT INTO tier VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", fresh)
        return read

    def rows(
        self, connection: sqlite3.Connection, tag: int, start: int, stop: int, *, before: bool = False
    ) -> Iterator[Row]:
        """Sorted rows from ``start`` to before ``stop``; with ``before``, first the one in force at ``start``."""
        if before:
            start = self._in_force(connection, tag, start)
        hour = start // HOUR_MS
        while True:
            (hour,) = connection.execute("SELECT min(hour) FROM raw WHERE hour >= ?", (hour,)).fetchone()
            if hour is None or hour * HOUR_MS >= stop:
                return
            base = hour * HOUR_MS
            for at, state, value in connection.execute(
                "SELECT at, state, value FROM raw WHERE hour = ? AND tag = ? AND at >= ? AND at < ? ORDER BY at",
                (hour, tag, start - base, stop - base),
            ):
                yield stored(base + at, state, value)
            hour += 1

    def _in_force(self, connection: sqlite3.Connection, tag: int, start: int) -> int:
        """Time of the last row before ``start``, as far as a value holds; ``start`` where there is none."""
        low = start - self.hold
        for hour in range(start // HOUR_MS, low // HOUR_MS - 1, -1):
            (at,) = connection.execute(
                "SELECT max(at) FROM raw WHERE hour = ? AND tag = ? AND at < ? AND at >= ?",
                (hour, tag, start - hour * HOUR_MS, low - hour * HOUR_MS),
            ).fetchone()
            if at is not None:
                return hour * HOUR_MS + int(at)
        return start

    def all_rows(
        self, connection: sqlite3.Connection, tag: int, start: int, stop: int, waiting: Iterable[Row]
    ) -> Iterator[Row]:
        """Rows wherever they are: sorted, unsorted and still in memory. The first may be the one in force before."""
        low = start - self.hold
        unsorted = connection.execute(
            "SELECT time, state, value FROM recent WHERE tag = ? AND time >= ? AND time < ? ORDER BY id",
            (tag, low, stop),
        )
        found: dict[int, Row] = {}
        for row in itertools.chain(
            itertools.starmap(stored, unsorted), (row for row in waiting if low <= row.time < stop)
        ):
            there = found.get(row.time)
            if there is None or replaces(row.state, there.state):
                found[row.time] = row
        yield from _woven(self.rows(connection, tag, low, stop), sorted(found.values()))

    def buckets(
        self, connection: sqlite3.Connection, level: int, tag: int, start: int, stop: int, *, before: bool = False
    ) -> Iterator[Bucket]:
        """Buckets of a tier that begin from ``start`` to before ``stop``; with ``before``, first the one before."""
        size = self.sizes[level]
        if before:
            start = self._bucket_before(connection, size, tag, start)
        low, high = -(-start // size), -(-stop // size)
        period = low // PERIOD
        while True:
            (period,) = connection.execute(
                "SELECT min(period) FROM tier WHERE resolution = ? AND period >= ?", (size, period)
            ).fetchone()
            if period is None or period * PERIOD >= high:
                return
            yield from map(
                _bucket,
                map(
                    _Columns._make,
                    connection.execute(
                        "SELECT * FROM tier WHERE resolution = ? AND period = ? AND tag = ?"
                        " AND bucket >= ? AND bucket < ? ORDER BY bucket",
                        (size, period, tag, low - period * PERIOD, high - period * PERIOD),
                    ),
                ),
            )
            period += 1

    def _bucket_before(self, connection: sqlite3.Connection, size: int, tag: int, start: int) -> int:
        """Start of the last bucket before ``start``, as far as a value holds; ``start`` where there is none."""
        low, high = (start - self.hold) // size, -(-start // size)
        for period, first, last in reversed(list(_periods(low, high))):
            (bucket,) = connection.execute(
                "SELECT max(bucket) FROM tier"
                " WHERE resolution = ? AND period = ? AND tag = ? AND bucket BETWEEN ? AND ?",
                (size, period, tag, first, last),
            ).fetchone()
            if bucket is not None:
                return (period * PERIOD + int(bucket)) * size
        return start


def _periods(low: int, high: int) -> Iterator[tuple[int, int, int]]:
    """Buckets numbered from ``low`` to before ``high`` as (period, first, last bucket in it)."""
    for period in range(low // PERIOD, (high - 1) // PERIOD + 1):
        yield period, max(low - period * PERIOD, 0), min(high - 1 - period * PERIOD, PERIOD - 1)


def _woven(old: Iterator[Row], new: list[Row]) -> Iterator[Row]:
    """Two sequences in the order of time as one; where both have a row of a time, the better or newer one counts."""
    position = 0
    for row in old:
        while position < len(new) and new[position].time < row.time:
            yield new[position]
            position += 1
        if position < len(new) and new[position].time == row.time:
            if replaces(new[position].state, row.state):
                continue
            position += 1
        yield row
    yield from new[position:]


def oldest(connection: sqlite3.Connection, resolution: int) -> int:
    """From when on a layer is whole: what was before has been deleted. Resolution 0 is the rows."""
    found = connection.execute("SELECT value FROM kept WHERE name = ?", (f"from_{resolution}",)).fetchone()
    return 0 if found is None else int(found[0])


def set_oldest(connection: sqlite3.Connection, resolution: int, time: int) -> None:
    """Note that a layer is deleted up to ``time`` (milliseconds)."""
    connection.execute(
        "INSERT INTO kept VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)",
        (f"from_{resolution}", time),
    )


def _down(time: int, size: int) -> int:
    return time - time % size


def _up(time: int, size: int) -> int:
    return -(-time // size) * size


class _Columns(NamedTuple):
    """A line of ``tier``."""

    resolution: int
    period: int
    tag: int
    bucket: int
    state: int
    entries: int
    span: int
    mean: Stored
    minimum: Stored
    maximum: Stored
    last: Stored


def _columns(size: int, tag: int, bucket: Bucket) -> _Columns:
    state = (
        _BAD * bucket.bad
        | _UNCERTAIN * bucket.uncertain
        | _UNSYNCHRONISED * bucket.unsynchronised
        | _TEXT * (bucket.text is not None)
        | _LAST * (bucket.last is not None)
    )
    mean = bucket.mean
    shown = bucket.text if bucket.text is not None else _short(mean)
    low, high, last = (
        None if value == mean else _short(value) for value in (bucket.minimum, bucket.maximum, bucket.last)
    )
    number = bucket.start // size
    return _Columns(
        size, number // PERIOD, tag, number % PERIOD, state, bucket.count, bucket.span, shown, low, high, last
    )


def _short(value: float | None) -> Stored:
    """A whole number as an integer: SQLite keeps it in one to six bytes instead of eight."""
    if value is not None and value.is_integer() and abs(value) < 1 << 40:
        return int(value)
    return value


def _bucket(columns: _Columns) -> Bucket:
    state, mean = columns.state, columns.mean
    bucket = Bucket(
        (columns.period * PERIOD + columns.bucket) * columns.resolution,
        columns.entries,
        bad=bool(state & _BAD),
        uncertain=bool(state & _UNCERTAIN),
        unsynchronised=bool(state & _UNSYNCHRONISED),
    )
    if state & _TEXT:
        bucket.text = mean if isinstance(mean, str) else None
        bucket.bad |= bucket.text is None
    elif (value := finite(mean)) is not None:
        bucket.weigh(value, columns.span)
        bucket.minimum = _or(columns.minimum, value)
        bucket.maximum = _or(columns.maximum, value)
        if state & _LAST:
            bucket.last = _or(columns.last, value)
    else:
        # In a damaged file there is something else in the place of a number.
        bucket.bad |= mean is not None
    return bucket


def _or(column: Stored, mean: float) -> float:
    """What stands in a column that is empty where it equals the mean."""
    value = finite(column)
    return mean if value is None else value
