"""Adds rows to the chain of the audit log, and takes the oldest away so that the rest can still be verified."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from gateway.storage.audit_rows import (
    BEGINNING,
    SYNCHRONISED,
    Anchored,
    AuditKey,
    Head,
    read,
    read_anchor,
    write_anchor,
)
from gateway.storage.audit_verify import Problem, Walk


class Added(NamedTuple):
    """What came of adding rows.

    Attributes:
        head: the newest row now.
        foreign: the row the file ended with, where that is not the one it should have ended with: somebody changed it.
    """

    head: Head
    foreign: Head | None


def head_of(connection: sqlite3.Connection) -> Head:
    """The newest row there is, or what stands for it where all were removed."""
    found = connection.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    return anchor_of(connection) if found is None else Head(*found)


def anchor_of(connection: sqlite3.Connection) -> Head:
    """Where the chain begins: behind the last row that was removed."""
    found = connection.execute("SELECT seq, hash FROM anchor").fetchone()
    return BEGINNING if found is None else Head(*found)


class Tail(NamedTuple):
    """The newest rows: (number, JSON, hash), and the one before them."""

    before: Head
    rows: list[tuple[int, bytes, bytes]]


def tail_of(connection: sqlite3.Connection, most: int) -> Tail:
    """The newest rows, oldest first.

    Args:
        connection: in a read transaction.
        most: how many.
    """
    rows = connection.execute("SELECT seq, entry, hash FROM audit ORDER BY seq DESC LIMIT ?", (most + 1,)).fetchall()[
        ::-1
    ]
    if len(rows) <= most:
        return Tail(anchor_of(connection), rows)
    seq, _, digest = rows[0]
    return Tail(Head(seq, digest), rows[1:])


def add(connection: sqlite3.Connection, key: AuditKey, known: Head | None, entries: Sequence[bytes]) -> Added:
    """Add rows behind the newest one.

    Args:
        connection: in a transaction.
        key: seals the rows.
        known: the row the file should end with; None: that is not known.
        entries: the rows' JSON.
    """
    found = head_of(connection)
    foreign = None if known is None or found == known else found
    # The chain goes on from what we know: what somebody changed meanwhile then shows as a break, and stays one.
    head = found if known is None else Head(max(found.seq, known.seq), known.hash)
    rows = []
    for entry in entries:
        head = Head(head.seq + 1, key.row(head.seq + 1, head.hash, entry))
        rows.append((head.seq, entry, head.hash))
    connection.executemany("INSERT INTO audit VALUES (?, ?, ?)", rows)
    return Added(head, foreign)


def go_on_in_new_file(connection: sqlite3.Connection, key: AuditKey, known: Head, moment: int) -> None:
    """Let the chain go on in an empty file where that of a damaged one ended.

    Args:
        connection: in a transaction.
        key: seals the anchor.
        known: the newest row of the damaged file.
        moment: milliseconds of Unix time.
    """
    if known.seq and head_of(connection) == BEGINNING:
        _anchor(connection, key, known, Anchored(key.id, known.seq, moment, "damage"))


def outlived(connection: sqlite3.Connection, before: int) -> int:
    """The number of the last row that is older than a moment, with every row before it.

    A row whose clock nobody vouched for is as old as the next one that has a time.

    Args:
        connection: in a read transaction.
        before: milliseconds of Unix time.

    Returns:
        0 where no row is that old.
    """
    last = 0
    for seq, entry in connection.execute("SELECT seq, entry FROM audit ORDER BY seq"):
        written = read(entry)
        if written is not None and written.clock == SYNCHRONISED:
            if written.time >= before:
                break
            last = seq
    return last


class Removed(NamedTuple):
    """What came of removing rows.

    Attributes:
        rows: how many are gone.
        broken: the first of them that was not as it was written; told now, for nobody can see it later.
    """

    rows: int
    broken: Problem | None


def remove(connection: sqlite3.Connection, key: AuditKey, up_to: int, most: int, why: str) -> Removed:
    """Remove a slice of the oldest rows, and let the anchor stand for them.

    Args:
        connection: in a transaction.
        key: seals the anchor.
        up_to: number of the last row to remove.
        most: rows at most.
        why: ``age`` or ``size``.
    """
    walk = Walk(key, anchor_of(connection))
    rows = connection.execute(
        "SELECT seq, entry, hash FROM audit WHERE seq <= ? ORDER BY seq LIMIT ?", (up_to, most)
    ).fetchall()
    if not rows:
        return Removed(0, None)
    for row in rows:
        walk.step(*row)
    seq, entry, digest = rows[-1]
    written = read(entry)
    time = 0 if written is None else written.time
    _anchor(connection, key, Head(seq, digest), Anchored(key.id, _removed(connection) + len(rows), time, why))
    connection.execute("DELETE FROM audit WHERE seq <= ?", (seq,))
    return Removed(len(rows), walk.problems[0] if walk.problems else None)


def _removed(connection: sqlite3.Connection) -> int:
    found = connection.execute("SELECT entry FROM anchor").fetchone()
    anchored = None if found is None else read_anchor(found[0])
    return 0 if anchored is None else anchored.rows


def _anchor(connection: sqlite3.Connection, key: AuditKey, head: Head, anchored: Anchored) -> None:
    entry = write_anchor(anchored)
    connection.execute(
        "INSERT OR REPLACE INTO anchor VALUES (1, ?, ?, ?, ?)", (head.seq, head.hash, entry, key.anchor(head, entry))
    )
