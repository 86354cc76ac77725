"""The history's housework, in steps that are short: sort, correct, compute tiers, delete what is too old.

Every step is one transaction and can be done twice: a kill between two of them, or in one, costs nothing but time.
Where two rows have the same time, the later one counts, unless the earlier one is of better quality (bits 0 and 1).
"""

from __future__ import annotations

import itertools
import operator
import sqlite3
from collections.abc import Callable, Iterator

from gateway.storage.layers import HOUR_MS, Layers
from gateway.storage.rows import without_clock

# One step: executes statements in a transaction of its own, and says whether it has to be called again.
Step = Callable[[sqlite3.Connection], bool]


class Sorting:
    """Moves rows from ``recent``, where they lie in the order they came, to ``raw``, where they lie by hour and tag.

    Args:
        slice_rows: rows a step moves at most, roughly.
    """

    def __init__(self, slice_rows: int) -> None:
        self._slice = slice_rows

    def plan(self, connection: sqlite3.Connection, boundary: int) -> list[Step]:
        """The steps that sort what lies in ``recent`` now, up to ``boundary``: whole hours, each written once."""
        first, mark = connection.execute("SELECT min(id), max(id) FROM recent WHERE time < ?", (boundary,)).fetchone()
        if mark is None:
            return []
        steps: list[Step] = []
        counts = connection.execute(
            "SELECT time / ?, tag, count(*) FROM recent WHERE id <= ? AND time < ? GROUP BY 1, 2 ORDER BY 1, 2",
            (HOUR_MS, mark, boundary),
        ).fetchall()
        for hour, low, high, count in self._groups(counts):
            windows = max(1, -(-count // self._slice))
            width = -(-(mark - first + 1) // windows)
            steps.extend(
                _move(hour, low, high, start, min(start + width - 1, mark)) for start in range(first, mark + 1, width)
            )
        steps.append(_finish(mark, boundary))
        return steps

    def _groups(self, counts: list[tuple[int, int, int]]) -> Iterator[tuple[int, int, int, int]]:
        """Neighbouring tags of an hour with about a slice of rows together: (hour, first tag, last tag, rows)."""
        for hour, of_hour in itertools.groupby(counts, key=operator.itemgetter(0)):
            low, total, high = 0, 0, 0
            for _, tag, count in of_hour:
                if total and total + count > self._slice:
                    yield hour, low, high, total
                    total = 0
                if not total:
                    low = tag
                high, total = tag, total + count
            if total:
                yield hour, low, high, total


def _move(hour: int, low: int, high: int, start: int, stop: int) -> Step:
    def step(connection: sqlite3.Connection) -> bool:
        connection.execute(
            "INSERT INTO raw SELECT ?1, tag, time - ?1 * ?2, state, value FROM recent"
            " WHERE id BETWEEN ?3 AND ?4 AND tag BETWEEN ?5 AND ?6 AND time >= ?1 * ?2 AND time < (?1 + 1) * ?2"
            " ORDER BY tag, time, id"
            " ON CONFLICT DO UPDATE SET state = excluded.state, value = excluded.value"
            " WHERE excluded.state & 3 <= state & 3",
            (hour, HOUR_MS, start, stop, low, high),
        )
        return False

    return step


def _finish(mark: int, boundary: int) -> Step:
    """Note which tiers are to be computed again, and empty ``recent`` of what is sorted.

    The whole table is emptied and the rest put back: emptying only lets go of pages, deleting rows writes each page.
    """

    def step(connection: sqlite3.Connection) -> bool:
        connection.execute(
            "INSERT INTO refeed SELECT tag, min(time), max(time) + 1 FROM recent JOIN tag ON tag.id = recent.tag"
            " WHERE recent.id <= ? AND time < ? AND time < fed GROUP BY tag",
            (mark, boundary),
        )
        rest = connection.execute(
            "SELECT tag, time, state, value FROM recent WHERE id > ? OR time >= ? ORDER BY id", (mark, boundary)
        ).fetchall()
        connection.execute("DELETE FROM recent")
        connection.executemany("INSERT INTO recent (tag, time, state, value) VALUES (?, ?, ?, ?)", rest)
        return False

    return step


def announce_shift(connection: sqlite3.Connection, boot: str, distance: int) -> None:
    """The clock of this boot is known now: note for each of its eras how far its rows have to move."""
    connection.execute("UPDATE era SET shift = ? - distance WHERE boot = ? AND shift IS NULL", (distance, boot))


def forget_other_boots(connection: sqlite3.Connection, boot: str) -> None:
    """Earlier boots that never learned the time: their rows stay as they are, marked as unsynchronised."""
    connection.execute("DELETE FROM era WHERE boot <> ? AND shift IS NULL", (boot,))


def end_earlier(connection: sqlite3.Connection, hold: int) -> None:
    """End what a process that was cut short left in force, before this one writes.

    Its last row on disk is the last moment of which anything is known: what came later may have been lost with it. What
    ends has the clock of what it ends, and moves with it; each clock has a last moment of its own.

    Args:
        connection: in a transaction.
        hold: milliseconds a value is in force without another row.
    """
    # The last one to come, not the highest time: a clock that once stood in the future leaves rows there.
    (last,) = connection.execute(
        "SELECT coalesce((SELECT time FROM recent ORDER BY id DESC LIMIT 1),"
        " (SELECT hour * ? + max(at) FROM raw WHERE hour = (SELECT max(hour) FROM raw)))",
        (HOUR_MS,),
    ).fetchone()
    # Of rows of one time the best counts. What a damaged file has in the place of a time is outside of the stretch.
    newest = connection.execute(
        "SELECT tag, (state & ~15) | 2 AS ended, time, state & 3 < 2, max(4 * time - (state & 3))"
        " FROM (SELECT tag, time, state FROM recent UNION ALL SELECT tag, hour * ?3 + at AS time, state FROM raw"
        " WHERE hour BETWEEN (?1 - ?2) / ?3 AND (?1 + ?2) / ?3)"
        " WHERE time BETWEEN ?1 - ?2 AND ?1 + ?2 AND tag IN (SELECT id FROM tag) GROUP BY tag, ended",
        (last, hold, HOUR_MS),
    ).fetchall()
    ends: dict[int, int] = {}
    for _, ended, time, _, _ in newest:
        ends[ended] = max(ends.get(ended, 0), time + 1)
    connection.executemany(
        "INSERT INTO recent (tag, time, state) VALUES (?, ?, ?)",
        [(tag, ends[ended], ended) for tag, ended, _, in_force, _ in newest if in_force],
    )
    connection.executemany(
        "UPDATE era SET last = max(last, ?) WHERE id = ?", [(time, ended >> 8) for ended, time in ends.items()]
    )


class Correcting:
    """Moves rows that were taken before the clock was known to the time they really had.

    Args:
        slice_rows: rows a step moves at most.
    """

    def __init__(self, slice_rows: int) -> None:
        self._slice = slice_rows

    def step(self, connection: sqlite3.Connection) -> bool:
        """Move one slice. Returns whether there may be more."""
        found = connection.execute(
            "SELECT id, first, last, shift FROM era WHERE shift IS NOT NULL ORDER BY id LIMIT 1"
        ).fetchone()
        if found is None:
            return False
        era, first, last, shift = found
        # The state without clock and era: bits 0 to 3.
        unsorted = connection.execute(
            "UPDATE recent SET time = time + ?, state = state & 15"
            " WHERE id IN (SELECT id FROM recent WHERE state >> 8 = ? LIMIT ?)",
            (shift, era, self._slice),
        ).rowcount
        if unsorted or self._move(connection, era, _hours(connection, first, last), shift):
            return True
        connection.execute("DELETE FROM era WHERE id = ?", (era,))
        return True

    def _move(self, connection: sqlite3.Connection, era: int, hours: range, shift: int) -> bool:
        # In the direction of the move, so that moved rows never land on rows still to be moved.
        later_first = shift > 0
        for hour in reversed(hours) if later_first else hours:
            for (tag,) in connection.execute("SELECT id FROM tag").fetchall():
                rows = connection.execute(
                    "SELECT at, state, value FROM raw WHERE hour = ?1 AND tag = ?2 AND state >> 8 = ?3"
                    " ORDER BY CASE WHEN ?4 THEN -at ELSE at END LIMIT ?5",
                    (hour, tag, era, later_first, self._slice),
                ).fetchall()
                if rows:
                    self._shift(connection, hour, tag, rows, shift)
                    return True
        return False

    @staticmethod
    def _shift(
        connection: sqlite3.Connection, hour: int, tag: int, rows: list[tuple[int, int, object]], shift: int
    ) -> None:
        connection.executemany(
            "DELETE FROM raw WHERE hour = ? AND tag = ? AND at = ?", [(hour, tag, at) for at, _, _ in rows]
        )
        times = [hour * HOUR_MS + at for at, _, _ in rows]
        connection.executemany(
            "INSERT INTO raw VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET state = excluded.state, value = excluded.value"
            " WHERE excluded.state & 3 <= state & 3",
            [
                ((time + shift) // HOUR_MS, tag, (time + shift) % HOUR_MS, without_clock(state), value)
                for time, (_, state, value) in zip(times, rows, strict=True)
            ],
        )
        low, high = min(times), max(times) + 1
        connection.executemany(
            "INSERT INTO refeed SELECT id, ?, min(?, fed) FROM tag WHERE id = ? AND ? < fed",
            [(low, high, tag, low), (low + shift, high + shift, tag, low + shift)],
        )


def _hours(connection: sqlite3.Connection, first: int, last: int) -> range:
    """The hours of a stretch, as far as there are rows: a flipped bit may make it a million years long."""
    lowest, highest = connection.execute("SELECT (SELECT min(hour) FROM raw), (SELECT max(hour) FROM raw)").fetchone()
    if lowest is None:
        return range(0)
    return range(max(first // HOUR_MS, lowest), min(last // HOUR_MS, highest) + 1)


class Feeding:
    """Computes tiers from rows, as far as the rows are complete.

    Args:
        layers: which tiers there are.
        slice_rows: rows after which a step ends.
    """

    def __init__(self, layers: Layers, slice_rows: int) -> None:
        self._layers = layers
        self._slice = slice_rows

    def step(self, connection: sqlite3.Connection, boundary: int) -> bool:
        """Compute a few stretches, up to ``boundary`` (milliseconds). Returns whether there may be more."""
        done = 0
        # Where the clock was set back, the last stretch is computed again as it fills again.
        connection.execute("UPDATE tag SET fed = ?1 WHERE fed > ?1", (boundary,))
        while done < self._slice:
            again = connection.execute("SELECT rowid, tag, start, stop FROM refeed LIMIT 1").fetchone()
            if again is None:
                break
            rowid, tag, start, stop = again
            connection.execute("DELETE FROM refeed WHERE rowid = ?", (rowid,))
            done += 1 + self._layers.compute(connection, tag, start, stop, again=True)
        if done >= self._slice:
            return True
        for tag, fed in connection.execute(
            "SELECT id, fed FROM tag WHERE fed < ? ORDER BY fed, id", (boundary,)
        ).fetchall():
            start, stop = self._layers.first_hour(connection, fed, boundary)
            done += 1 + self._layers.compute(connection, tag, start, stop, again=False)
            connection.execute("UPDATE tag SET fed = ? WHERE id = ?", (stop, tag))
            if done >= self._slice or stop < boundary:
                return True
        return False
